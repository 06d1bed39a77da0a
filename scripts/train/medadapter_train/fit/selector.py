"""Fits one selector group: which answer wins, and how sure that is.

The weights come from a conditional logit whose penalty pulls to the plain vote, or to a prior:
where scores tell nothing the selector is self-consistency, or that. The strength of the pull is
chosen by cross-validation by question. What is the same for all answers of a question (their
number, their entropy) cannot change the winner but tells how sure it is: those weights are fitted
with the confidence, on winners that were chosen out of fold.

The prior (`Prior`). Votes and labels: what they are worth on questions that the adapter was trained
on. Its scores there are worthless for that reason, the votes are not, and there are many. The
scores' weight: what it is over all tasks of the kind, each with its own votes and labels held
fixed. So a task with few held-out questions leans on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.fit.confidence import FOLDS, fit_confidence, held_out_confidence
from medadapter_train.fit.prepared import (
    RANKING,
    SCORES,
    Featured,
    Kind,
    Prepared,
    Winner,
    choices_of,
    labels_of,
    prepare,
    winner_of,
)
from medadapter_train.stats.regression import Choice, fit_choice

Floats = NDArray[np.float64]
#: Where the weight of the vote share starts from; how strongly it and a label's weight are held.
VOTE_START, VOTE_PULL, LABEL_PULL = 4.0, 0.01, 1.0
#: How strongly the scores' weights are pulled to 0; logits spread four times as far as shares.
SCORE_PULL = 12.0
#: Votes and labels are known from many questions: their pull is so many times that of scores.
FIRM = 10.0


@dataclass(frozen=True, slots=True)
class Prior:
    """`centre` [features]: votes and labels of this group; `others`: the kind's other tasks' rows.

    Features: the vote share, `scores` features of scores, labels.
    """

    centre: Floats
    scores: int
    others: tuple[Choice, ...] = ()

    def rows(self, choices: Sequence[Choice]) -> list[Choice]:
        """[what votes and labels say, features of scores] of questions of this group."""
        end = 1 + self.scores
        return [
            Choice(
                np.column_stack([c.features @ self.centre, c.features[:, 1:end]]),
                c.right,
                c.weight,
            )
            for c in choices
        ]

    def with_scores(self, choices: Sequence[Choice]) -> Floats:
        """The centre with the scores' weights over `choices` and the other tasks' questions."""
        pull = np.array([1e6, *[SCORE_PULL] * self.scores])
        start = np.array([1.0, *[0.0] * self.scores])
        found = fit_choice([*self.others, *self.rows(choices)], pull, start, slice(1, None))
        centre = self.centre.copy()
        centre[1 : 1 + self.scores] = found[1:]
        return centre

    def scale(self) -> Floats:
        """By which a pull is multiplied, feature by feature."""
        scale = np.full(len(self.centre), FIRM)
        scale[1 : 1 + self.scores] = 1.0
        return scale


def prior_of(votes: Sequence[Choice], scores: int) -> Prior:
    """From training questions, of which votes and labels are read."""
    size = votes[0].features.shape[1]
    kept = [0, *range(1 + scores, size)]
    labels = len(kept) - 1
    pull = np.array([VOTE_PULL, *[LABEL_PULL] * labels])
    start = np.array([VOTE_START, *[0.0] * labels])
    only = [Choice(c.features[:, kept], c.right, c.weight) for c in votes]
    centre = np.zeros(size)
    centre[kept] = fit_choice(only, pull, start)
    return Prior(centre, scores)


PULLS = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e6]


def _fit(items: Sequence[Prepared], pull: float, prior: Prior | None) -> Floats:
    """Weights [ranking features + labels], pulled to the prior's, or to the vote alone."""
    choices = choices_of(items)
    if prior is not None:
        return fit_choice(choices, pull * prior.scale(), prior.with_scores(choices), SCORES)
    size = items[0].features.shape[1]
    vote = np.zeros(size)
    only_vote = [Choice(c.features[:, :1], c.right, c.weight) for c in choices]
    vote[0] = fit_choice(only_vote, np.array([0.01]), np.array([4.0]))[0]
    # logit_mean is in logits, the others are 0 to 1: the same pull would be weaker on it.
    scale = np.ones(size)
    scale[RANKING.index("logit_mean")] = 4.0
    return fit_choice(choices, pull * scale, vote, SCORES)


def _folds(items: Sequence[Prepared], keys: Sequence[int]) -> list[NDArray[np.bool_]]:
    """Masks of held-out items. Items of the same question text share a fold."""
    fold = np.array([keys[i.group] % FOLDS for i in items])
    return [fold == f for f in range(FOLDS)]


def _log_loss(item: Prepared, weights: Floats) -> float:
    right = item.units.right
    if right.sum() != 1:
        return 0.0
    z = item.features @ weights
    return float(np.logaddexp.reduce(z) - z[np.argmax(right)])


def choose_pull(items: Sequence[Prepared], keys: Sequence[int], prior: Prior | None) -> float:
    """The pull with the least held-out log loss, weighted by set."""
    losses = dict.fromkeys(PULLS, 0.0)
    for held in _folds(items, keys):
        inside = [i for i, h in zip(items, held, strict=True) if not h]
        outside = [i for i, h in zip(items, held, strict=True) if h]
        for pull in PULLS:
            weights = _fit(inside, pull, prior)
            losses[pull] += sum(i.weight * _log_loss(i, weights) for i in outside)
    return min(PULLS, key=lambda p: losses[p])


@dataclass(frozen=True, slots=True)
class FittedGroup:
    """A manifest's selector group, and what it does out of fold: confidence of the winner and
    whether it is right, for `questions` (indices into those that were given)."""

    entry: dict[str, Any]
    confidences: Floats
    right: Floats
    questions: list[int]
    pull: float


def fit_group(
    questions: Sequence[Featured],
    keys: Sequence[int],
    kind: Kind,
    prior: Prior | None = None,
    votes: Sequence[Prepared] = (),
) -> FittedGroup:
    """Fit one group on held-out questions. `keys` [questions]: equal for equal question texts.

    `votes`: the training questions that the prior is of.
    """
    labels = labels_of(questions) if kind.closed else []
    items = prepare(questions, labels)
    pull = choose_pull(items, keys, prior)
    held: list[tuple[int, Winner]] = []
    for mask in _folds(items, keys):
        inside = [i for i, out in zip(items, mask, strict=True) if not out]
        weights = _fit(inside, pull, prior)
        outside = [i for i, out in zip(items, mask, strict=True) if out]
        held += [(i.group, winner_of(i, weights)) for i in outside]
    winners = [w for _, w in held]
    known = [] if prior is None else [winner_of(i, prior.centre) for i in votes]
    folds = np.array([keys[group] for group, _ in held])
    out_of_fold = held_out_confidence(winners, folds, known)
    slope, bias = fit_confidence(winners, known)
    weights = _fit(items, pull, prior)
    a = float(slope[0])
    priors = weights[len(RANKING) :]
    entry = {
        **kind.entry(),
        "weights": [*weights[: len(RANKING)].tolist(), *(slope[1:] / a).tolist()],
        "bias": 0.0,
        "priors": {k: float(v) for k, v in zip(labels, priors, strict=True)},
        "confidence": {"a": a, "b": bias},
    }
    right = np.array([w.right for w in winners])
    return FittedGroup(entry, out_of_fold, right, [group for group, _ in held], pull)
