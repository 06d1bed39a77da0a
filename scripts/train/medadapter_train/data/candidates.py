"""Candidate files: one question a line with an LLM's candidates and their outcome labels.

Format: `docs/data.md`. Files are JSON lines, plain or gzip, read as a stream: memory does not grow
with the file. What a line means, and what is wrong with it, says `scripts/core/candidateFile.ts`,
which the service's own evaluation reads by: option letters of sets whose options read yes, no or
maybe become those words, and an answer that is no option counts as none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medadapter_train.core import ask, ask_each, fault, in_chunks
from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl

#: Lines of a request, of some dozen kilobytes each; questions of one.
LINES, QUESTIONS = 32, 500
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
    `task` the registry's id where the file or its name tells it. `unseen`: `context` is evidence
    that the LLM was not shown. `closed`: labels are words (yes, no), not letters for options.
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
    closed: bool = False

    @property
    def identity(self) -> str:
        """What decides its share of the split."""
        return identity_of(self.question, self.context, self.task)

    def without_context(self) -> Record:
        """The same question closed-book."""
        return replace(self, context=None, unseen=False)


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


#: A decoded line and where it stands (file and line), for errors.
Line = tuple[str, dict[str, Any]]


def read_records(path: Path) -> Iterator[Record]:
    """Stream the records of one file.

    Raises `DataError`: file_missing, truncated_gzip, not_utf8, bad_json, bad_record, empty_file,
    no_candidates, unknown_label.
    """
    sent: deque[list[Line]] = deque()
    failed: list[DataError] = []

    def requests() -> Iterator[dict[str, Any]]:
        for lines in _chunks(path, failed):
            sent.append(lines)
            yield _request(set_name_of(path), lines)

    for reply in ask_each("candidates", requests()):
        yield from _records(set_name_of(path), sent.popleft(), reply)
    # Lines before a damaged one are read first: they may have a fault of their own.
    if failed:
        raise failed[0]


def read_all(paths: Iterable[Path]) -> Iterator[Record]:
    """Stream several files, one after the other."""
    for path in paths:
        yield from read_records(path)


def parse_records(lines: Sequence[Line], set_name: str) -> list[Record]:
    """The records of decoded lines. Raises `DataError` as `read_records` does."""
    return list(_records(set_name, lines, ask("candidates", **_request(set_name, lines))))


def own_questions(questions: Sequence[tuple[str, str | None]]) -> list[str]:
    """Questions without their context, where they repeat that word for word: the adapter reads the
    context beside them, and the same question elsewhere must fall into the same share."""
    requests = ({"items": part} for part in in_chunks(questions, QUESTIONS))
    return [own for reply in ask_each("own_question", requests) for own in reply["questions"]]


def identity_of(question: str, context: str | None, task: str) -> str:
    """The question; where its task asks every text the same, with the text."""
    return f"{context or ''} || {question}" if task in ONE_QUESTION_TASKS else question


def _chunks(path: Path, failed: list[DataError]) -> Iterator[list[Line]]:
    """The file's lines in pieces; what ends the reading goes into `failed`."""
    lines: list[Line] = []
    try:
        for line in read_jsonl(path):
            lines.append(line)
            if len(lines) == LINES:
                yield lines
                lines = []
    except DataError as error:
        failed.append(error)
    if lines:
        yield lines


def _request(set_name: str, lines: Sequence[Line]) -> dict[str, Any]:
    return {"set": set_name, "rows": [{"where": where, "raw": raw} for where, raw in lines]}


def _records(set_name: str, lines: Sequence[Line], reply: Any) -> Iterator[Record]:
    for (where, raw), answer in zip(lines, reply["rows"], strict=True):
        if "error" in answer:
            raise fault(answer["error"]["kind"], answer["error"]["message"])
        row = answer["row"]
        candidates = tuple(
            _candidate(*one)
            for one in zip(raw["candidates"], row["answers"], row["models"], strict=True)
        )
        yield Record(
            id=str(raw.get("id", where)),
            set_name=set_name,
            question=row["question"],
            options=tuple((label, text) for label, text in row["options"]),
            context=row["context"],
            gold=row["gold"],
            candidates=candidates,
            task=row["task"],
            unseen=row["unseen"],
            closed=row["closed"],
        )


def _candidate(raw: dict[str, Any], answer: str | None, model: str) -> Candidate:
    source = f"{model}|{raw.get('method', '')}"
    return Candidate(raw["text"], answer, raw["correct"], source, model)
