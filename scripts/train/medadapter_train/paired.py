"""Two rules on the same questions: McNemar's test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest


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
