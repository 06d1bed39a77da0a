"""Kinds of question, each with a selector of its own: with context or without, closed labels or
lettered options; and within a kind those of one task, where enough of them were held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medadapter_train.scoring import Scored


@dataclass(frozen=True, slots=True)
class Kind:
    """`task` None: every task of this kind."""

    context: bool
    closed: bool
    task: str | None = None

    def holds(self, question: Scored) -> bool:
        """Free text is of no kind."""
        return (
            bool(question.labels)
            and question.has_context == self.context
            and question.closed == self.closed
            and self.task in (None, question.task)
        )

    @property
    def name(self) -> str:
        words = ["context" if self.context else "no context", self.labels]
        return ", ".join(words if self.task is None else [*words, self.task])

    @property
    def labels(self) -> str:
        return "closed" if self.closed else "lettered"

    def entry(self) -> dict[str, Any]:
        """How a manifest's selector group says what it is for."""
        entry: dict[str, Any] = {"context": self.context, "labels": self.labels}
        return entry if self.task is None else {**entry, "task": self.task}


def kinds_of(questions: Sequence[Scored], least: int) -> Iterator[Kind]:
    """Kinds with at least `least` questions, those of all tasks before those of one.

    A kind that has one task only is not told apart by it.
    """
    for context, closed in ((True, True), (False, True), (False, False), (True, False)):
        kind = Kind(context, closed)
        members = [q for q in questions if kind.holds(q)]
        if len(members) < least:
            continue
        yield kind
        tasks = sorted({q.task for q in members})
        for task in tasks if len(tasks) > 1 else []:
            if task and sum(q.task == task for q in members) >= least:
                yield Kind(context, closed, task)
