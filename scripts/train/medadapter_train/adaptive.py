"""The stopping rule of `k: "auto"`: waves of candidates until the leader is likely to stay ahead.

Twin of `src/adapter/select/adaptiveK.ts`: the Beta criterion of Adaptive-Consistency (arXiv
2305.11860, section 3) on sums of candidate probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import betainc

from medadapter_train.scoring import Scored
from medadapter_train.select import units_of, weighted_vote

FIRST, STEP = 3, 2
THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99]
LEAST_CANDIDATES = 7


def leader_stays_ahead(scored: Scored, calibration: dict[str, Any] | None) -> float:
    """Probability that the leading answer stays ahead of the next one; 0 while nothing parsed."""
    sums = sorted(
        (float(u.probabilities.sum()) for u in units_of(scored, calibration)), reverse=True
    )
    if not sums:
        return 0.0
    runner_up = sums[1] if len(sums) > 1 else 0.0
    return 1.0 - float(betainc(sums[0] + 1, runner_up + 1, 0.5))


def spent_and_right(
    scored: Scored, manifest: dict[str, Any], threshold: float, order: Sequence[int]
) -> tuple[int, bool]:
    """Candidates asked for in `order` until the rule stops; whether the answer then is right."""
    k = min(FIRST, len(order))
    while k < len(order):
        if leader_stays_ahead(scored.subset(order[:k]), manifest.get("calibration")) >= threshold:
            break
        k = min(len(order), k + STEP)
    return k, weighted_vote(scored.subset(order[:k]), manifest).correct


def curve(
    questions: Sequence[Scored], manifest: dict[str, Any], threshold: float, repeats: int, seed: int
) -> tuple[float, float]:
    """Mean share of the candidates spent, and accuracy, over `repeats` random orders."""
    rng = np.random.default_rng(seed)
    shares, rights = [], []
    for q in questions:
        for _ in range(repeats):
            spent, right = spent_and_right(
                q, manifest, threshold, rng.permutation(len(q.answers)).tolist()
            )
            shares.append(spent / len(q.answers))
            rights.append(right)
    return float(np.mean(shares)), float(np.mean(rights))


def fit_threshold(
    questions: Sequence[Scored], manifest: dict[str, Any], most_loss: float = 0.003
) -> dict[str, Any] | None:
    """The least threshold that loses at most `most_loss` against all candidates, by set in the
    mean.
    """
    by_set: dict[str, list[Scored]] = {}
    for q in questions:
        if len(q.answers) >= LEAST_CANDIDATES and q.logits is not None:
            by_set.setdefault(q.set_name, []).append(q)
    if not by_set:
        return None
    full = np.mean(
        [np.mean([weighted_vote(q, manifest).correct for q in qs]) for qs in by_set.values()]
    )
    for threshold in THRESHOLDS:
        parts = [curve(qs, manifest, threshold, 8, 1) for qs in by_set.values()]
        if full - np.mean([accuracy for _, accuracy in parts]) <= most_loss:
            return {"threshold": threshold, "first": FIRST, "step": STEP}
    return {"threshold": THRESHOLDS[-1], "first": FIRST, "step": STEP}
