"""The stopping rule of `k: "auto"`: waves of candidates until the leader is likely to stay ahead.

Twin of `src/adapter/select/adaptiveK.ts`: the Beta criterion of Adaptive-Consistency (arXiv
2305.11860, section 3) on sums of candidate probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import betainc

from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import units_of, weighted_vote

FIRST, STEP = 3, 2
THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99]
LEAST_CANDIDATES = 7
MOST_SHARE = 0.6


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
    questions: Sequence[Scored], manifest: dict[str, Any], most_share: float = MOST_SHARE
) -> dict[str, Any] | None:
    """The threshold of the best accuracy, by set in the mean, among those that spend at most
    `most_share` of the candidates; of equals the cheapest. The least one where all spend more.

    None where no set has candidates enough.
    """
    by_set: dict[str, list[Scored]] = {}
    for q in questions:
        if len(q.answers) >= LEAST_CANDIDATES and q.logits is not None:
            by_set.setdefault(q.set_name, []).append(q)
    if not by_set:
        return None
    found = []
    for threshold in THRESHOLDS:
        parts = [curve(qs, manifest, threshold, 8, 1) for qs in by_set.values()]
        share, accuracy = np.mean(parts, axis=0)
        found.append((share > most_share, -accuracy if share <= most_share else share, threshold))
    return {"threshold": min(found)[2], "first": FIRST, "step": STEP}
