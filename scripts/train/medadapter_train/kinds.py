"""Kinds of question, each with a selector of its own: with context or without, closed labels or
lettered options; those whose context the LLM was shown or not; and within a kind those of one task,
where enough of them were held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medadapter_train.scoring import Scored


@dataclass(frozen=True, slots=True)
class Kind:
    """`task` None: every task of this kind. `unseen` None: with context that the LLM saw or not."""

    context: bool
    closed: bool
    task: str | None = None
    unseen: bool | None = None

    def holds(self, question: Scored) -> bool:
        """Free text is of no kind."""
        return (
            bool(question.labels)
            and question.has_context == self.context
            and question.closed == self.closed
            and self.task in (None, question.task)
            and self.unseen in (None, question.unseen)
        )

    @property
    def name(self) -> str:
        words = ["context" if self.context else "no context", self.labels]
        words += ["unseen by the LLM"] if self.unseen else []
        return ", ".join(words if self.task is None else [*words, self.task])

    @property
    def labels(self) -> str:
        return "closed" if self.closed else "lettered"

    def entry(self) -> dict[str, Any]:
        """How a manifest's selector group says what it is for."""
        entry: dict[str, Any] = {"context": self.context, "labels": self.labels}
        if self.unseen:
            entry["evidence"] = "unseen"
        return entry if self.task is None else {**entry, "task": self.task}


def kinds_of(questions: Sequence[Scored], least: int) -> Iterator[Kind]:
    """Kinds with at least `least` questions, those of all tasks before those of one.

    A kind that has one task only is not told apart by it, nor by what the LLM saw where fewer than
    `least` of its questions are on either side.
    """
    for context, closed in ((True, True), (False, True), (False, False), (True, False)):
        members = [q for q in questions if Kind(context, closed).holds(q)]
        unseen = sum(q.unseen for q in members)
        apart = min(unseen, len(members) - unseen) >= least
        for side in (False, True) if apart else (None,):
            yield from _tasks_of(Kind(context, closed, None, side), members, least)


def _tasks_of(kind: Kind, questions: Sequence[Scored], least: int) -> Iterator[Kind]:
    members = [q for q in questions if kind.holds(q)]
    if len(members) < least:
        return
    yield kind
    tasks = sorted({q.task for q in members})
    for task in tasks if len(tasks) > 1 else []:
        if task and sum(q.task == task for q in members) >= least:
            yield replace(kind, task=task)
