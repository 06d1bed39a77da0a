"""Fits a selector group for every kind of question that has enough held-out questions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from medadapter_train.fit.confidence import FOLDS
from medadapter_train.fit.prepared import (
    RANKING,
    Featured,
    Kind,
    Prepared,
    choices_of,
    kinds_of,
    labels_of,
    prepare,
)
from medadapter_train.fit.selector import FittedGroup, Prior, fit_group, prior_of
from medadapter_train.stats.regression import Choice

#: How many features of scores there are among those by which answers are ranked.
SCORE_FEATURES = len(RANKING) - 1
log = logging.getLogger("medadapter")


def can_be_fitted(questions: Sequence[Featured], keys: Sequence[int], least: int) -> bool:
    """Whether enough of them have an answer, and there is more than one question text for
    cross-validation.
    """
    folds = [key % FOLDS for q, key in zip(questions, keys, strict=True) if q.units.answers]
    return len(folds) >= least and len(set(folds)) > 1


@dataclass(frozen=True, slots=True)
class Groups:
    """Held-out questions, their fold keys, training questions of which the votes are read, and the
    names of the cross-fitted sets."""

    questions: Sequence[Featured]
    keys: Sequence[int]
    votes: Sequence[Featured]
    crossed: frozenset[str] = frozenset()

    def fit(self, least: int) -> Iterator[tuple[Kind, list[int], FittedGroup]]:
        """Each kind with the indices of its questions. `least`: the fewest questions of a kind."""
        for kind in kinds_of([q.scored for q in self.questions], least):
            members = [i for i, q in enumerate(self.questions) if kind.holds(q.scored)]
            questions = [self.questions[i] for i in members]
            keys = [self.keys[i] for i in members]
            if not can_be_fitted(questions, keys, least):
                log.info("%s: no selector, for too few questions with an answer", kind.name)
                continue
            votes = self._votes(kind, questions)
            prior = self._prior(kind, votes)
            fitted = fit_group(questions, keys, kind, prior, votes)
            yield kind, members, fitted

    def _prior(self, kind: Kind, votes: Sequence[Prepared]) -> Prior | None:
        """The prior from the kind's training questions; None without any."""
        if not votes:
            return None
        own = prior_of(choices_of(votes), SCORE_FEATURES)
        return own if kind.task is None else replace(own, others=tuple(self._others(kind)))

    def _votes(self, kind: Kind, questions: Sequence[Featured]) -> list[Prepared]:
        """The kind's training questions. None where the kind holds cross-fitted sets: training
        questions of other sets would stand in for theirs. Evidence that the LLM did not see changes
        no vote.
        """
        held = [q.scored for q in self.questions]
        if any(q.set_name in self.crossed for q in held if kind.holds(q)):
            return []
        found = [
            featured
            for featured in self.votes
            if (v := featured.scored)
            and replace(kind, context=v.has_context, unseen=None).holds(v)
            and (kind.unseen is None or kind.unseen == (v.unseen or not v.has_context))
        ]
        return prepare(found, labels_of(questions) if kind.closed else [])

    def _others(self, kind: Kind) -> list[Choice]:
        """Held-out questions of the kind's other tasks, each seen from its own votes."""
        found: list[Choice] = []
        for task in sorted({q.scored.task for q in self.questions} - {kind.task or "", ""}):
            other = replace(kind, task=task)
            held = [q for q in self.questions if other.holds(q.scored)]
            votes = self._votes(other, held)
            if held and votes:
                labels = labels_of(held) if kind.closed else []
                prior = prior_of(choices_of(votes), SCORE_FEATURES)
                found += prior.rows(choices_of(prepare(held, labels)))
        return found
