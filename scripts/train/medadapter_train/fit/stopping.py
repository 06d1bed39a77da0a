"""Fits the threshold of the stopping rule of `k: "auto"`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Waves, spent_and_right

WAVES = Waves(first=3, step=2)
THRESHOLDS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99]
LEAST_CANDIDATES = 7
MOST_SHARE = 0.6


def fit_threshold(
    questions: Sequence[Scored], manifest: dict[str, Any], most_share: float = MOST_SHARE
) -> dict[str, Any] | None:
    """The threshold of the best accuracy (mean over sets) among those that spend at most
    `most_share` of the candidates; the cheapest of equals. If all spend more, the one that spends
    least.

    None where no set has candidates enough.
    """
    by_set: dict[str, list[Scored]] = {}
    for q in questions:
        if len(q.answers) >= LEAST_CANDIDATES and q.logits is not None:
            by_set.setdefault(q.set_name, []).append(q)
    if not by_set:
        return None
    curves = [spent_and_right(own, manifest, WAVES, THRESHOLDS) for own in by_set.values()]
    found = [
        (share > most_share, -accuracy if share <= most_share else share, threshold)
        for threshold, (share, accuracy) in zip(THRESHOLDS, np.mean(curves, axis=0), strict=True)
    ]
    return {"threshold": min(found)[2], "first": WAVES.first, "step": WAVES.step}
