"""Agreement of two judges on the same items: Cohen's kappa with an interval by question."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Agreement:
    """`kappa` is None where chance agreement is total (both gave one and the same class only).

    `low` and `high`: 95 % percentile bootstrap, resampled by group (a question's candidates are not
    independent of each other).
    """

    items: int
    groups: int
    observed: float
    kappa: float | None
    low: float | None
    high: float | None


def agreement(
    pairs: Sequence[tuple[Hashable, str, str]], *, resamples: int = 2000, seed: int = 1
) -> Agreement:
    """Agreement over `(group, class by one judge, class by the other)`; needs one pair or more.

    Cohen, "A coefficient of agreement for nominal scales" (1960): (observed - chance) /
    (1 - chance).
    """
    classes = {c: i for i, c in enumerate(sorted({x for _, a, b in pairs for x in (a, b)}))}
    groups = {g: i for i, g in enumerate(dict.fromkeys(g for g, _, _ in pairs))}
    tables = np.zeros((len(groups), len(classes), len(classes)))
    for group, one, other in pairs:
        tables[groups[group], classes[one], classes[other]] += 1
    whole = tables.sum(0)
    observed = float(np.trace(whole) / whole.sum())
    point = _kappa(whole)
    draws = np.random.default_rng(seed).integers(len(groups), size=(resamples, len(groups)))
    values = [k for draw in draws if (k := _kappa(tables[draw].sum(0))) is not None]
    if point is None or len(values) < resamples // 2:
        return Agreement(len(pairs), len(groups), observed, point, None, None)
    low, high = np.quantile(values, [0.025, 0.975])
    return Agreement(len(pairs), len(groups), observed, point, float(low), float(high))


def _kappa(table: np.ndarray) -> float | None:
    total = table.sum()
    chance = float((table.sum(0) * table.sum(1)).sum() / total**2)
    if chance >= 1.0 - 1e-12:
        return None
    return float((np.trace(table) / total - chance) / (1.0 - chance))
