"""A selector group for every kind of question that enough were held out of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medadapter_train.fit import Choice
from medadapter_train.fit_selector import (
    RANKING,
    FittedGroup,
    choices_of,
    fit_group,
    labels_of,
    prepare,
)
from medadapter_train.kinds import Kind, kinds_of
from medadapter_train.prior import Prior, prior_of
from medadapter_train.scoring import Scored

#: How many features of scores there are among those by which answers are ranked.
SCORE_FEATURES = len(RANKING) - 1


@dataclass(frozen=True, slots=True)
class Groups:
    """Held-out questions, their fold keys, and training questions of which the votes are read."""

    questions: Sequence[Scored]
    keys: Sequence[int]
    votes: Sequence[Scored]
    calibration: dict[str, Any]

    def fit(self, least: int) -> Iterator[tuple[Kind, list[int], FittedGroup]]:
        """Each kind with the indices of its questions. `least`: the fewest questions of a kind."""
        for kind in kinds_of(self.questions, least):
            members = [i for i, q in enumerate(self.questions) if kind.holds(q)]
            questions = [self.questions[i] for i in members]
            keys = [self.keys[i] for i in members]
            prior = self._prior(kind, questions)
            yield kind, members, fit_group(questions, keys, self.calibration, kind, prior)

    def _prior(self, kind: Kind, questions: Sequence[Scored]) -> Prior | None:
        own = self._own(kind, questions)
        return None if own is None else replace(own, others=tuple(self._others(kind)))

    def _own(self, kind: Kind, questions: Sequence[Scored]) -> Prior | None:
        """By the training questions of the kind; None without any."""
        labels = labels_of(questions) if kind.closed else []
        # Without its context a question is known by the same votes.
        votes = [v for v in self.votes if replace(kind, context=v.has_context).holds(v)]
        known = choices_of(prepare(votes, self.calibration, labels))
        return prior_of(known, SCORE_FEATURES) if known else None

    def _others(self, kind: Kind) -> list[Choice]:
        """Held-out questions of the kind's other tasks, each seen from its own votes."""
        if kind.task is None:
            return []
        found: list[Choice] = []
        for task in sorted({q.task for q in self.questions} - {kind.task, ""}):
            other = replace(kind, task=task)
            held = [q for q in self.questions if other.holds(q)]
            prior = self._own(other, held) if held else None
            if prior is not None:
                labels = labels_of(held) if kind.closed else []
                found += prior.rows(choices_of(prepare(held, self.calibration, labels)))
        return found
