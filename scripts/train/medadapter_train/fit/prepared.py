"""Questions as the selector's fit sees them: their kinds, and units with features, weighted by set.

Each kind has a selector of its own: with context or without, closed labels or lettered options,
context that the LLM was shown or not; and within a kind one task, where enough of its questions
were held out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Unit, decide, feature_rows, units_of
from medadapter_train.stats.regression import Choice


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


Floats = NDArray[np.float64]
RANKING = ["vote_share", "logit_mean"]
SURENESS = ["distinct", "entropy"]
FEATURE_NAMES = [*RANKING, *SURENESS]
#: Where the features of scores stand. Trained to be higher for what is right, they never count
#: against it.
SCORES = slice(1, len(RANKING))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question's units with features; `weight` gives each set the same say."""

    units: list[Unit]
    features: Floats
    weight: float
    group: int


@dataclass(frozen=True, slots=True)
class Winner:
    """Whom some weights choose: its score, and the part of it that candidates' scores gave, the
    question's features of sureness, and whether it is right."""

    score: float
    by_scores: float
    sureness: tuple[float, ...]
    right: float


def labels_of(questions: Sequence[Scored]) -> list[str]:
    """All labels of closed questions, in order."""
    return sorted({label for q in questions for label in q.labels})


def prepare(
    questions: Sequence[Scored], calibration: dict[str, Any], labels: Sequence[str]
) -> list[Prepared]:
    """Units, ranking features and one indicator a label (closed sets) of every question."""
    sizes: dict[str, int] = {}
    for q in questions:
        sizes[q.set_name] = sizes.get(q.set_name, 0) + 1
    mean = len(questions) / max(1, len(sizes))
    prepared = []
    for index, q in enumerate(questions):
        units = units_of(q, calibration)
        if not units:
            continue
        priors = np.array([[float(u.answer == label) for label in labels] for u in units])
        rows = np.hstack([feature_rows(units, RANKING), priors.reshape(len(units), -1)])
        prepared.append(Prepared(units, rows, mean / sizes[q.set_name], index))
    return prepared


def choices_of(items: Sequence[Prepared]) -> list[Choice]:
    """What the conditional logit needs of them."""
    return [
        Choice(i.features, np.array([float(u.correct) for u in i.units]), i.weight) for i in items
    ]


def winner_of(item: Prepared, weights: Floats) -> Winner:
    """The unit that weights [ranking features + labels] choose."""
    scores = [float(s) for s in item.features @ weights]
    unit = decide(item.units, scores)
    at = item.units.index(unit)
    by_scores = float(item.features[at, SCORES] @ weights[SCORES])
    sureness = tuple(feature_rows(item.units, SURENESS)[0].tolist())
    return Winner(scores[at], by_scores, sureness, float(unit.correct))
