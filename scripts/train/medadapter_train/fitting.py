"""Questions as their tasks want them, for whoever prompts or labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.errors import DataError
from medadapter_train.questions import QuestionRecord, read_questions
from medadapter_train.tasks import Task, task_by_id


def read_fitted(path: Path, task: str | None = None) -> Iterator[QuestionRecord]:
    """The questions as their tasks want them: a closed task's options are its labels.

    Raises `DataError` unknown_task, options_not_labels, duplicate_id and those of `read_questions`.
    """
    seen: set[str] = set()
    for record in read_questions(path, task):
        if record.id in seen:
            raise DataError("duplicate_id", f"{path.name}: an id stands there twice")
        seen.add(record.id)
        yield fit(record)


def known_task(name: str) -> Task:
    """The task of this id. Raises `DataError` unknown_task."""
    try:
        return task_by_id(name)
    except KeyError:
        raise DataError("unknown_task", "a task is named that the registry lacks") from None


def fit(record: QuestionRecord) -> QuestionRecord:
    """Options `{"A": "yes", "B": "no"}` of a closed task become `{"yes": "yes", "no": "no"}`."""
    task = known_task(record.task)
    if task.kind != "closed":
        return record
    words = {key: text.strip().lower() for key, text in record.options}
    if words and set(words.values()) != {label.lower() for label in task.labels}:
        raise DataError("options_not_labels", f"task {task.id}: options other than its labels")
    gold = None if record.gold is None else words.get(record.gold, record.gold.lower())
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
