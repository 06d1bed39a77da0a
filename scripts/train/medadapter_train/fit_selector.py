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

from medadapter_train.fit import Choice, fit_choice, fit_logistic
from medadapter_train.kinds import Kind
from medadapter_train.prior import Prior
from medadapter_train.scoring import Scored
from medadapter_train.select import Unit, decide, feature_rows, units_of

Floats = NDArray[np.float64]
RANKING = ["vote_share", "logit_mean"]
SURENESS = ["distinct", "entropy"]
FEATURE_NAMES = [*RANKING, *SURENESS]
#: Where the features of scores stand. Trained to be higher for what is right, they never count
#: against it.
SCORES = slice(1, len(RANKING))
PULLS = [0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e6]
FOLDS = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question's units with features; `weight` gives each set the same say."""

    units: list[Unit]
    features: Floats
    weight: float
    group: int


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


def labels_of(questions: Sequence[Scored]) -> list[str]:
    """All labels of closed questions, in order."""
    return sorted({label for q in questions for label in q.labels})


def _winner(item: Prepared, weights: Floats) -> tuple[Unit, float]:
    scores = [float(s) for s in item.features @ weights]
    unit = decide(item.units, scores)
    return unit, scores[item.units.index(unit)]


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
) -> FittedGroup:
    """Fit one group on held-out questions. `keys` [questions]: equal for equal question texts."""
    labels = labels_of(questions) if kind.closed else []
    items = prepare(questions, calibration, labels)
    pull = choose_pull(items, keys, prior)
    winners: list[tuple[Prepared, Unit, float]] = []
    for held in _folds(items, keys):
        inside = [i for i, h in zip(items, held, strict=True) if not h]
        weights = _fit(inside, pull, prior)
        winners += [(i, *_winner(i, weights)) for i, h in zip(items, held, strict=True) if h]
    sure = np.array([[score, *feature_rows(i.units, SURENESS)[0]] for i, _, score in winners])
    right = np.array([float(u.correct) for _, u, _ in winners])
    out_of_fold = _held_out_confidence(
        sure, right, np.array([keys[i.group] for i, _, _ in winners])
    )
    slope, bias = _fit_confidence(sure, right)
    weights = _fit(items, pull, prior)
    a = max(float(slope[0]), 1e-3)
    priors = weights[len(RANKING) :]
    entry = {
        **kind.entry(),
        "weights": [*weights[: len(RANKING)].tolist(), *(slope[1:] / a).tolist()],
        "bias": 0.0,
        "priors": {k: float(v) for k, v in zip(labels, priors, strict=True)},
        "confidence": {"a": a, "b": bias},
    }
    return FittedGroup(entry, out_of_fold, right, [i.group for i, _, _ in winners], pull)


def _fit_confidence(sure: Floats, right: Floats) -> tuple[Floats, float]:
    """P(winner right) = sigmoid(slope . [score, distinct, entropy] + bias)."""
    ones = np.ones(len(right))
    return fit_logistic(sure, right, ones, np.array([0.01, 1.0, 1.0]))


def _held_out_confidence(sure: Floats, right: Floats, keys: NDArray[np.int64]) -> Floats:
    values = np.zeros(len(right))
    for f in range(FOLDS):
        held = keys % FOLDS == f
        if held.any():
            slope, bias = _fit_confidence(sure[~held], right[~held])
            values[held] = 0.5 * (1 + np.tanh((sure[held] @ slope + bias) / 2))
    return values
