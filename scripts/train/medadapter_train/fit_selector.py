"""Fits one selector group: which answer wins, and how sure that is.

The weights come from a conditional logit whose penalty pulls to the plain vote, or to what votes,
labels and scores are worth elsewhere (`prior.py`): where scores tell nothing the selector is
self-consistency, or that. The strength of the pull is chosen by cross-validation by question. What
is the same for all answers of a question (their number, their entropy) cannot change the winner but
tells how sure it is: those weights are fitted with the confidence, on winners that were chosen out
of fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.fit import Choice, fit_choice
from medadapter_train.fit_confidence import FOLDS, fit_confidence, held_out_confidence
from medadapter_train.kinds import Kind
from medadapter_train.prepared import (
    RANKING,
    SCORES,
    Prepared,
    Winner,
    choices_of,
    labels_of,
    prepare,
    winner_of,
)
from medadapter_train.prior import Prior
from medadapter_train.scoring import Scored

Floats = NDArray[np.float64]
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
    # logit_mean is in logits, the others in 0..1: the same pull would hold it back less.
    scale = np.ones(size)
    scale[RANKING.index("logit_mean")] = 4.0
    return fit_choice(choices, pull * scale, vote, SCORES)


def _folds(items: Sequence[Prepared], keys: Sequence[int]) -> list[NDArray[np.bool_]]:
    """Masks of held-out items. Items of the same question text share a fold."""
    fold = np.array([keys[i.group] % FOLDS for i in items])
    return [fold == f for f in range(FOLDS)]


def _log_loss(item: Prepared, weights: Floats) -> float:
    right = [u.correct for u in item.units]
    if sum(right) != 1:
        return 0.0
    z = item.features @ weights
    return float(np.logaddexp.reduce(z) - z[right.index(True)])


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
    questions: Sequence[Scored],
    keys: Sequence[int],
    calibration: dict[str, Any],
    kind: Kind,
    prior: Prior | None = None,
    votes: Sequence[Prepared] = (),
) -> FittedGroup:
    """Fit one group on held-out questions. `keys` [questions]: equal for equal question texts.

    `votes`: the training questions that the prior is of.
    """
    labels = labels_of(questions) if kind.closed else []
    items = prepare(questions, calibration, labels)
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
