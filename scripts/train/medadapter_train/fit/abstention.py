"""Abstention thresholds with a finite-sample guarantee.

Fixed-sequence testing (Learn-then-Test, arXiv 2110.01052, section 3): thresholds are tried from
strict to loose at coverages laid down beforehand, each by the exact binomial (Clopper-Pearson)
upper bound on the error among answered questions; the first that fails ends the sequence, so no
correction for many tests is needed. The guarantee is for questions drawn like those it was fitted
on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Floats = NDArray[np.float64]
#: From a fifth of the questions on. A threshold that answers less is of no use; and on few
#: questions one chance error would end the sequence at its first test.
COVERAGES = np.round(np.arange(0.20, 1.0001, 0.02), 2)


def error_upper_bound(errors: int, n: int, level: float) -> float:
    """Clopper-Pearson upper bound of an error rate at one-sided confidence `level`."""
    if n == 0 or errors >= n:
        return 1.0
    return float(beta.ppf(level, errors + 1, n - errors))


def abstention_entry(
    confidences: Floats, right: Floats, target: float, level: float = 0.9
) -> dict[str, Any]:
    """The manifest's entry for one target error; threshold None where none can be promised."""
    order = np.argsort(-confidences, kind="stable")
    falling = -confidences[order]
    wrong = np.cumsum(1 - right[order])
    found: tuple[float, float] | None = None
    for coverage in COVERAGES if len(order) else ():
        least = round(coverage * len(order))
        # Equal confidences are answered together, so they are tested together.
        n = int(np.searchsorted(falling, falling[max(0, least - 1)], side="right"))
        if error_upper_bound(0, n, level) > target:
            continue  # Too few questions to pass even without an error: no test was made.
        if error_upper_bound(int(wrong[n - 1]), n, level) > target:
            break
        found = (float(-falling[n - 1]), round(n / len(order), 4))
    threshold, coverage_kept = found if found is not None else (None, None)
    return {
        "targetError": target,
        "threshold": threshold,
        "coverage": coverage_kept,
        "confidenceLevel": level,
    }
