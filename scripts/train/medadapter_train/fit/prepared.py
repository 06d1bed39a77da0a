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
from medadapter_train.model.select import Units, units_of
from medadapter_train.stats.regression import Choice


@dataclass(frozen=True, slots=True)
class Kind:
    """`task` None: every task of this kind. `unseen` None: with context that the LLM saw or not."""

    context: bool
    closed: bool
    task: str | None = None
    unseen: bool | None = None

    def holds(self, question: Scored) -> bool:
        """Whether the question is of this kind. Free text is of none."""
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
        """The fields by which a manifest's selector group names its kind."""
        entry: dict[str, Any] = {"context": self.context, "labels": self.labels}
        if self.unseen:
            entry["evidence"] = "unseen"
        return entry if self.task is None else {**entry, "task": self.task}


def kinds_of(questions: Sequence[Scored], least: int) -> Iterator[Kind]:
    """Kinds with at least `least` questions, those of all tasks before those of one.

    A kind with one task is not divided by task. It is divided by what the LLM saw only if at least
    `least` of its questions are on each side.
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
#: The places of the score features. Scores are trained to be higher for right answers, so their
#: weights are never negative.
SCORES = slice(1, len(RANKING))


@dataclass(frozen=True, slots=True)
class Featured:
    """A question with its answers' features, by `FEATURE_NAMES`."""

    scored: Scored
    units: Units


def with_features(questions: Sequence[Scored], calibration: dict[str, Any]) -> list[Featured]:
    """The questions with what a selector reads of them."""
    units = units_of(questions, {"calibration": calibration}, FEATURE_NAMES)
    return [Featured(q, u) for q, u in zip(questions, units, strict=True)]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question's answers; `features` [answers, ranking features + labels]; `weight` makes every
    set count the same.
    """

    units: Units
    features: Floats
    weight: float
    group: int


@dataclass(frozen=True, slots=True)
class Winner:
    """The answer that some weights choose: its score, the part of the score that comes from
    candidates' scores, the question's features of sureness, and whether it is right.
    """

    score: float
    by_scores: float
    sureness: tuple[float, ...]
    right: float


def labels_of(questions: Sequence[Featured]) -> list[str]:
    """All labels of closed questions, in order."""
    return sorted({label for q in questions for label in q.scored.labels})


def prepare(questions: Sequence[Featured], labels: Sequence[str]) -> list[Prepared]:
    """Ranking features and one indicator a label (closed sets) of every question with answers."""
    sizes: dict[str, int] = {}
    for q in questions:
        sizes[q.scored.set_name] = sizes.get(q.scored.set_name, 0) + 1
    mean = len(questions) / max(1, len(sizes))
    prepared = []
    for index, q in enumerate(questions):
        answers = q.units.answers
        if not answers:
            continue
        priors = np.array([[float(answer == label) for label in labels] for answer in answers])
        ranking = q.units.features[:, : len(RANKING)]
        rows = np.hstack([ranking, priors.reshape(len(answers), -1)])
        prepared.append(Prepared(q.units, rows, mean / sizes[q.scored.set_name], index))
    return prepared


def choices_of(items: Sequence[Prepared]) -> list[Choice]:
    """What the conditional logit needs of them."""
    return [Choice(item.features, item.units.right, item.weight) for item in items]


def winner_of(item: Prepared, weights: Floats) -> Winner:
    """The answer that weights [ranking features + labels] choose."""
    scores = item.features @ weights
    by_tie = np.argsort(item.units.tie)
    at = int(by_tie[np.argmax(scores[by_tie])])
    by_scores = float(item.features[at, SCORES] @ weights[SCORES])
    # These are the same for all answers.
    sureness = tuple(item.units.features[0, len(RANKING) :].tolist())
    return Winner(float(scores[at]), by_scores, sureness, float(item.units.right[at]))
