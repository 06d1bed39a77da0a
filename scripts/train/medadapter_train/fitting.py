"""Questions as their tasks want them, for whoever prompts or labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.errors import DataError
from medadapter_train.jsonl import read_jsonl
from medadapter_train.questions import QuestionRecord, parse_question
from medadapter_train.tasks import Task, task_by_id


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
