"""Candidate files: one question a line with an LLM's candidates and their outcome labels.

Format: `../../../docs/data.md`. Files are JSON lines, plain or gzip, read as a stream: memory does
not grow with the file. Option letters of sets whose options read yes / no / maybe become those
words (template: label equals text), as the service itself names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl

#: Characters of a context that a question is searched for; a shorter one may be a phrase of it.
LEAST_REPEATED = 40
CLOSED_WORDS = frozenset({"yes", "no", "maybe"})
#: Tasks that ask every text the same question.
ONE_QUESTION_TASKS = frozenset({"cord19"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One LLM completion. `source` tells LLM and prompt apart; it is never shown to the adapter."""

    text: str
    answer: str | None
    correct: bool
    source: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A question with its candidates. `options` are (label, text) pairs; `set_name` is the file,
    `task` the registry's id where the file tells it. `unseen`: `context` is evidence that the LLM
    was not shown.
    """

    id: str
    set_name: str
    question: str
    options: tuple[tuple[str, str], ...]
    context: str | None
    gold: str
    candidates: tuple[Candidate, ...]
    task: str = ""
    unseen: bool = False

    @property
    def identity(self) -> str:
        """What decides its share of the split."""
        return identity_of(self.question, self.context, self.task)

    def without_context(self) -> Record:
        """The same question closed-book."""
        return replace(self, context=None, unseen=False)

    @property
    def closed(self) -> bool:
        """Whether labels are words (yes, no, ...) and not letters for the options."""
        return bool(self.options) and all(k.lower() == v.lower() for k, v in self.options)


def set_name_of(path: Path) -> str:
    """`pubmedqa_x6.jsonl.gz` -> `pubmedqa_x6`."""
    return path.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")


def check_names(paths: Iterable[Path]) -> None:
    """A set is known by its file's name. Raises `DataError` same_name where two share one."""
    seen: set[str] = set()
    for path in paths:
        name = set_name_of(path)
        if name in seen:
            raise DataError("same_name", f"{name}: two files are named so; rename one")
        seen.add(name)


def read_records(path: Path) -> Iterator[Record]:
    """Stream the records of one file.

    Raises `DataError`: file_missing, truncated_gzip, not_utf8, bad_json, bad_record, empty_file.
    """
    for where, raw in read_jsonl(path):
        yield parse_record(raw, set_name_of(path), where)


def read_all(paths: Iterable[Path]) -> Iterator[Record]:
    """Stream several files, one after the other."""
    for path in paths:
        yield from read_records(path)


def parse_record(raw: Any, set_name: str, where: str) -> Record:
    """Check one decoded line. `where` (file and line) is all that an error tells."""
    if not isinstance(raw, dict):
        raise DataError("bad_record", f"{where}: not an object")
    options, rename = _options(raw.get("options"), where)
    context = raw.get("context") or raw.get("evidence") or None
    if context is not None and not isinstance(context, str):
        raise DataError("bad_record", f"{where}: field context is not text")
    question = own_question(_text(raw, "question", where), context)
    gold = rename.get(str(raw.get("gold")), str(raw.get("gold")))
    if options and gold not in dict(options):
        raise DataError("unknown_label", f"{where}: field gold is none of the options")
    raw_candidates = raw.get("candidates")
    if not isinstance(raw_candidates, list) or not raw_candidates:
        raise DataError("no_candidates", f"{where}: field candidates is missing or empty")
    labels = frozenset(label for label, _ in options)
    candidates = tuple(
        _candidate(c, rename, labels, f"{where}: candidates[{i}]")
        for i, c in enumerate(raw_candidates)
    )
    record_id = str(raw.get("id", where))
    task = str(raw.get("task") or "")
    unseen = context is not None and not raw.get("context")
    return Record(record_id, set_name, question, options, context, gold, candidates, task, unseen)


def own_question(question: str, context: str | None) -> str:
    """The question without its context, where it repeats that word for word: the adapter reads the
    context beside it, and the same question elsewhere must fall into the same share."""
    if context is None or len(context.strip()) < LEAST_REPEATED:
        return question
    return " ".join(question.split(context.strip())).strip() or question


def identity_of(question: str, context: str | None, task: str) -> str:
    """The question; where its task asks every text the same, with the text."""
    return f"{context or ''} || {question}" if task in ONE_QUESTION_TASKS else question


def _text(raw: dict[str, Any], field: str, where: str) -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DataError("bad_record", f"{where}: field {field} is missing or blank")
    return value


def _options(raw: Any, where: str) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    if raw is None or raw == {}:
        return (), {}
    if not isinstance(raw, dict) or not all(isinstance(v, str) for v in raw.values()):
        raise DataError("bad_record", f"{where}: field options is not an object of texts")
    if all(text.strip().lower() in CLOSED_WORDS for text in raw.values()):
        rename = {str(k): text.strip().lower() for k, text in raw.items()}
        return tuple((word, word) for word in rename.values()), rename
    return tuple((str(k), text) for k, text in raw.items()), {}


def _candidate(raw: Any, rename: dict[str, str], labels: frozenset[str], where: str) -> Candidate:
    if not isinstance(raw, dict):
        raise DataError("bad_record", f"{where}: not an object")
    text = _text(raw, "text", where)
    answer = raw.get("answer")
    answer = None if answer is None else rename.get(str(answer), str(answer))
    if not isinstance(raw.get("correct"), bool):
        raise DataError("bad_record", f"{where}: field correct is missing")
    if answer is not None and labels and answer not in labels:
        # LLMs do name options that are not there: that is no parsed answer, and never a right one.
        if raw["correct"]:
            raise DataError("unknown_label", f"{where}: field answer is none of the options")
        answer = None
    model = str(raw.get("model", ""))
    source = f"{model}|{raw.get('method', '')}"
    return Candidate(text, answer, raw["correct"], source, model)
