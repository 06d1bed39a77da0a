"""Figures over questions: intervals, calibration error, risk and coverage, McNemar's test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Floats = NDArray[np.float64]
BINS = 15
#: A bin of fewer questions would show mostly chance in a reliability diagram.
LEAST_SHOWN = 10


def interval(values: Floats, repeats: int = 2000, seed: int = 1) -> dict[str, float]:
    """95 % bootstrap interval (percentiles) of a mean over questions."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (repeats, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def mean_with_interval(values: Floats) -> dict[str, float]:
    return {"value": float(values.mean()), **interval(values)}


def _bins(confidences: Floats, most: int = BINS) -> list[NDArray[np.int64]]:
    order = np.argsort(confidences, kind="stable")
    return [b for b in np.array_split(order, min(most, len(order))) if len(b)]


def raw_calibration_error(confidences: Floats, right: Floats) -> float:
    """Expected calibration error over 15 bins of equal mass (Guo et al. 2017, eq. 3)."""
    gaps = [len(b) * abs(confidences[b].mean() - right[b].mean()) for b in _bins(confidences)]
    return float(sum(gaps) / len(confidences))


def calibration_error(confidences: Floats, right: Floats) -> float:
    """Bias-corrected ECE: what a perfectly calibrated model of the same confidences would show by
    chance (mean of 500 draws) is taken away; not below 0.
    """
    if len(confidences) == 0:
        return float("nan")
    rng = np.random.default_rng(1)
    draws = rng.random((500, len(confidences))) < confidences
    total = np.zeros(500)
    for b in _bins(confidences):
        total += len(b) * np.abs(draws[:, b].mean(axis=1) - confidences[b].mean())
    chance = float((total / len(confidences)).mean())
    return max(0.0, raw_calibration_error(confidences, right) - chance)


def reliability(confidences: Floats, right: Floats) -> list[dict[str, float]]:
    """The bins of a reliability diagram: those of the ECE, or fewer where they would have too few
    questions.
    """
    bins = _bins(confidences, max(1, min(BINS, len(confidences) // LEAST_SHOWN)))
    return [
        {
            "n": len(b),
            "confidence": float(confidences[b].mean()),
            "accuracy": float(right[b].mean()),
        }
        for b in bins
    ]


def _surest_first(confidences: Floats, outcomes: Floats) -> Floats:
    """Outcomes from the surest on. Of equal confidences each counts their mean outcome."""
    _, group, sizes = np.unique(-confidences, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=outcomes) / sizes
    return means[np.sort(group)]


def risk_coverage(confidences: Floats, right: Floats) -> list[dict[str, float]]:
    """Accuracy among the surest share of the questions, in steps of 10 %."""
    ordered = _surest_first(confidences, right)
    rows = []
    for tenth in range(1, 11):
        n = max(1, round(len(ordered) * tenth / 10))
        rows.append({"coverage": tenth / 10, "n": n, "accuracy": float(ordered[:n].mean())})
    return rows


def area_under_risk_coverage(confidences: Floats, right: Floats) -> float:
    """AURC: the error among the n surest questions, mean over n = 1, 2, ... all (Geifman et al.
    2019, eq. 2); lower is better.
    """
    ordered = _surest_first(confidences, 1 - right)
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean())


def area_under_curve(scores: Floats, labels: NDArray[np.bool_]) -> float:
    """Chance that a right candidate scores above a wrong one, ties half; nan with one class."""
    right, wrong = np.sort(scores[labels]), np.sort(scores[~labels])
    if len(right) == 0 or len(wrong) == 0:
        return float("nan")
    below = np.searchsorted(wrong, right, side="left") + np.searchsorted(wrong, right, side="right")
    return float(below.sum() / (2 * len(right) * len(wrong)))


def best_source(sources: Sequence[Sequence[str]], correct: Sequence[Sequence[bool]]) -> Floats:
    """Per question, whether the source with the best accuracy was right; sources that stand in at
    least nine of ten questions are compared."""
    found: dict[str, dict[int, list[bool]]] = {}
    for index, (names, flags) in enumerate(zip(sources, correct, strict=True)):
        for name, flag in zip(names, flags, strict=True):
            found.setdefault(name, {}).setdefault(index, []).append(flag)
    everywhere = {s: q for s, q in found.items() if len(q) >= 0.9 * len(sources)}
    if not everywhere:
        return np.array([float(np.mean(flags)) for flags in correct])

    def values(answered: dict[int, list[bool]]) -> Floats:
        return np.array([float(np.mean(answered.get(i, [False]))) for i in range(len(sources))])

    return max((values(q) for q in everywhere.values()), key=lambda v: float(v.mean()))


def summary(values: dict[str, Any]) -> dict[str, Any]:
    """The values with None for nan, which JSON does not have."""
    return {k: None if isinstance(v, float) and v != v else v for k, v in values.items()}


def mcnemar(ours: Sequence[bool], baseline: Sequence[bool]) -> dict[str, Any]:
    """Questions that only one of the two has right, and the exact two-sided p.

    Under the null hypothesis each of them falls to either side with one half (McNemar 1947, by the
    binomial distribution). `p` is 1 where the two never differ.
    """
    gained = sum(a and not b for a, b in zip(ours, baseline, strict=True))
    lost = sum(b and not a for a, b in zip(ours, baseline, strict=True))
    differ = gained + lost
    p = float(binomtest(gained, differ, 0.5).pvalue) if differ else 1.0
    return {"gained": gained, "lost": lost, "p": p}
