"""How much less sure a choice among few candidates is.

Every feature of the selector is relative to the candidates at hand, so one that stands alone looks
like eight that agree. The confidence is fitted on full sets of candidates; here, on random parts of
them, one number for all kinds of questions is fitted: what is taken off the logit for each step of
1/n above 1/N, n the candidates that parsed and N those of the kind's full sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from medadapter_train.scoring import Scored
from medadapter_train.select import LEAST_CANDIDATES, few_step, group_of, parsed_of, weighted_vote

#: The most that is taken off for a whole step; at three candidates of eight 2.1 in the logit.
MOST = 10.0
Floats = NDArray[np.float64]


def with_few(
    fields: dict[str, Any], questions: Sequence[Scored], genuine: Sequence[Scored]
) -> dict[str, Any]:
    """The selector of `fields` whose groups say `few: {c, candidates}` in their confidence: N of
    all `questions`, c of the genuine ones."""
    sizes = [_full(group, questions) for group in fields["selector"]["groups"]]
    plain = _selector(fields, [{"c": 0.0, "candidates": n} for n in sizes])
    c = _fit({**fields, "selector": plain}, genuine)
    return _selector(fields, [{"c": c, "candidates": n} for n in sizes])


def _selector(fields: dict[str, Any], few: Sequence[dict[str, float]]) -> dict[str, Any]:
    groups = [
        {**group, "confidence": {**group["confidence"], "few": own}}
        for group, own in zip(fields["selector"]["groups"], few, strict=True)
    ]
    return {**fields["selector"], "groups": groups}


def _full(group: dict[str, Any], questions: Sequence[Scored]) -> float:
    """The harmonic mean of the parsed candidates of a group's questions."""
    manifest = {"selector": {"groups": [group]}}
    counts = [parsed_of(q) for q in questions if group_of(manifest, q) is not None]
    parsed = np.array([n for n in counts if n > 0] or [LEAST_CANDIDATES], dtype=np.float64)
    return round(float(1 / np.mean(1 / parsed)), 3)


def _fit(fields: dict[str, Any], questions: Sequence[Scored]) -> float:
    """The coefficient [-MOST, 0] of least log loss on parts of the sets, each set with one say."""
    rng = np.random.default_rng(1)
    rows: list[tuple[float, float, bool, float]] = []
    sizes: dict[str, int] = {}
    for q in questions:
        sizes[q.set_name] = sizes.get(q.set_name, 0) + 1
    for q in questions:
        for k in range(LEAST_CANDIDATES, len(q.answers)):
            part = q.subset(rng.permutation(len(q.answers))[:k].tolist())
            decision = weighted_vote(part, fields)
            group = group_of(fields, part)
            if decision.confidence is None or group is None:
                continue
            logit = _logit(decision.confidence)
            step = few_step(group["confidence"], parsed_of(part))
            rows.append((logit, step, decision.correct, 1 / (sizes[q.set_name] * len(q.answers))))
    if not any(step > 0 for _, step, _, _ in rows):
        return 0.0
    logits, steps, right, weights = (np.array(column) for column in zip(*rows, strict=True))

    def loss(c: float) -> float:
        margin = (2 * right - 1) * (logits + c * steps)
        return float(np.sum(weights * np.logaddexp(0, -margin)))

    return round(float(minimize_scalar(loss, bounds=(-MOST, 0.0), method="bounded").x), 4)


def _logit(confidence: float) -> float:
    """Finite, also of what rounds to 0 or 1."""
    within = min(max(confidence, 1e-12), 1 - 1e-12)
    return float(np.log(within) - np.log1p(-within))


def less_sure(confidences: Floats, questions: Sequence[Scored], fields: dict[str, Any]) -> Floats:
    """Confidences of full sets as they are told: nan where too few parsed."""
    told = np.full(len(confidences), np.nan)
    for index, (confidence, q) in enumerate(zip(confidences, questions, strict=True)):
        group, parsed = group_of(fields, q), parsed_of(q)
        if group is None or parsed < LEAST_CANDIDATES or np.isnan(confidence):
            continue
        few = group["confidence"]["few"]
        logit = _logit(float(confidence))
        told[index] = 1 / (1 + np.exp(-(logit + few["c"] * few_step(group["confidence"], parsed))))
    return told
