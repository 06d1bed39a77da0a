"""Question files: candidate files without candidates, as loaders write and `generate` reads.

One JSON object a line: id, dataset, task, split, question, context, evidence, options {label:
text}, gold (label, reference text, or null where the source keeps it secret). See `docs/data.md`.
`read_fitted` gives them as their tasks want them, to whoever prompts or labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import own_questions
from medadapter_train.data.split import question_key
from medadapter_train.data.tasks import Task, task_by_id
from medadapter_train.errors import DataError
from medadapter_train.system.files import read_jsonl, write_jsonl

#: Tasks whose question alone does not tell one item from another (the same hypothesis stands under
#: many premises): there the context is part of the item's identity.
PAIR_TASKS = frozenset({"mednli", "mediqa_rqe", "cord19"})
#: Questions that the leak check has in memory.
AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """A question before any LLM has seen it. `evidence` is for the adapter only, never prompted."""

    id: str
    dataset: str
    task: str
    split: str
    question: str
    context: str | None
    evidence: str | None
    options: tuple[tuple[str, str], ...]
    gold: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "dataset": self.dataset,
            "task": self.task,
            "split": self.split,
            "question": self.question,
            "context": self.context,
            "evidence": self.evidence,
            "options": dict(self.options),
            "gold": self.gold,
        }


def parse_question(raw: dict[str, Any], where: str, task: str | None = None) -> QuestionRecord:
    """Check one decoded line. `task` stands in where the line names none.

    Raises `DataError` bad_record, unknown_label (gold that is none of the options).
    """
    options = raw.get("options") or {}
    if not isinstance(options, dict) or not all(isinstance(v, str) for v in options.values()):
        raise DataError("bad_record", f"{where}: field options is not an object of texts")
    gold = _text_or_none(raw, "gold", where)
    if gold is not None and options and gold not in options:
        raise DataError("unknown_label", f"{where}: field gold is none of the options")
    question = _text_or_none(raw, "question", where)
    if question is None:
        raise DataError("bad_record", f"{where}: field question is missing or blank")
    named = raw.get("task") or task
    if not isinstance(named, str):
        raise DataError("task_missing", f"{where}: no task named, here or by option")
    return QuestionRecord(
        id=str(raw.get("id", where)),
        dataset=str(raw.get("dataset", "")),
        task=named,
        split=str(raw.get("split", "")),
        question=question,
        context=_text_or_none(raw, "context", where),
        evidence=_text_or_none(raw, "evidence", where),
        options=tuple((str(k), v) for k, v in options.items()),
        gold=gold,
    )


def _text_or_none(raw: dict[str, Any], field: str, where: str) -> str | None:
    value = raw.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise DataError("bad_record", f"{where}: field {field} is not text")
    return value if value.strip() else None


def read_questions(path: Path, task: str | None = None) -> Iterator[QuestionRecord]:
    """Stream a question file. Raises `DataError` as `read_jsonl` and `parse_question` do."""
    for where, raw in read_jsonl(path):
        yield parse_question(raw, where, task)


def write_questions(path: Path, records: Iterable[QuestionRecord]) -> int:
    """Write a question file in one step; return the number of questions."""
    return write_jsonl(path, (record.to_json() for record in records))


def item_keys(records: Sequence[QuestionRecord]) -> list[str]:
    """SHA-256 that is the same for the same item in any file: normalised question without the
    context that it may repeat (as the split reads it), and for pair tasks also the context."""
    questions = own_questions([(r.question, r.context or r.evidence) for r in records])
    return [
        question_key(f"{r.context or ''} || {own}" if r.task in PAIR_TASKS else own)
        for r, own in zip(records, questions, strict=True)
    ]


def check_no_leak(train: Iterable[QuestionRecord], held_out: Iterable[QuestionRecord]) -> int:
    """Return how many held-out items were checked.

    Raises `DataError` question_leak when one stands in training too (normalised text, any file).
    """
    seen = {key for part in _parts(train) for key in item_keys(part)}
    checked = leaked = 0
    for part in _parts(held_out):
        checked += len(part)
        leaked += sum(key in seen for key in item_keys(part))
    if leaked:
        message = f"{leaked} of {checked} held-out questions are also in training"
        raise DataError("question_leak", message)
    return checked


def _parts(records: Iterable[QuestionRecord]) -> Iterator[list[QuestionRecord]]:
    """Records in parts of a fixed size, so that memory does not grow with the file."""
    stream = iter(records)
    while part := list(islice(stream, AT_ONCE)):
        yield part


def read_fitted(path: Path, task: str | None = None) -> Iterator[QuestionRecord]:
    """The questions as their tasks want them: a closed task's options are its labels.

    Raises `DataError` duplicate_id and those of `parse_question` and `fit`.
    """
    seen: set[str] = set()
    for where, raw in read_jsonl(path):
        record = parse_question(raw, where, task)
        if record.id in seen:
            raise DataError("duplicate_id", f"{where}: field id is that of an earlier line")
        seen.add(record.id)
        yield fit(record, where)


def known_task(name: str, where: str = "") -> Task:
    """The task of this id. `where` (file and line) goes into the error. Raises `DataError`
    unknown_task."""
    try:
        return task_by_id(name)
    except KeyError:
        at = f"{where}: " if where else ""
        raise DataError("unknown_task", f"{at}field task is none of the registry's") from None


def fit(record: QuestionRecord, where: str) -> QuestionRecord:
    """Options `{"A": "yes", "B": "no"}` of a closed task become `{"yes": "yes", "no": "no"}`.

    Raises `DataError` unknown_task, options_missing, options_not_labels, unknown_label.
    """
    task = known_task(record.task, where)
    if task.options == "required" and not record.options:
        raise DataError("options_missing", f"{where}: field options is missing or empty")
    if task.kind != "closed":
        return record
    words = {key: text.strip().lower() for key, text in record.options}
    if words and set(words.values()) != {label.lower() for label in task.labels}:
        message = f"{where}: field options is not the labels of task {task.id}"
        raise DataError("options_not_labels", message)
    gold = None if record.gold is None else words.get(record.gold, record.gold.lower())
    if gold is not None and gold not in task.labels:
        raise DataError("unknown_label", f"{where}: field gold is no label of task {task.id}")
    return QuestionRecord(
        record.id,
        record.dataset,
        record.task,
        record.split,
        record.question,
        record.context,
        record.evidence,
        tuple((label, label) for label in task.labels),
        gold,
    )
