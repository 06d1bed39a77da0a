"""How sure a chosen answer is: P(right) = sigmoid(slope . [score, distinct, entropy] + bias).

Fitted on held-out winners, chosen out of fold, and on those that votes and labels choose among
training questions. The latter know nothing of scores, but they are many: they keep the confidence
at what questions of the kind are like in general, where a few held-out ones were easy by chance.
All together they count as much as the held-out ones.

Few candidates. Every feature of the selector is relative to the candidates at hand, so one that
stands alone looks like eight that agree. The confidence is fitted on full sets of candidates; on
random parts of them, one number for all kinds of questions is fitted: what is taken off the logit
for each step of 1/n above 1/N, n the candidates that parsed and N those of the kind's full sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from medadapter_train.fit.prepared import Winner
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import least_candidates, select_all, select_parts
from medadapter_train.stats.regression import fit_logistic

Floats = NDArray[np.float64]
FOLDS = 8
PENALTY = np.array([0.01, 1.0, 1.0])
#: Lower bounds of the slopes. The score's slope stays above 0 even where votes alone tell as much:
#: otherwise two unanimous questions of different scores would be equally sure.
LEAST = (0.25, -np.inf, -np.inf)


def fit_confidence(held: Sequence[Winner], known: Sequence[Winner]) -> tuple[Floats, float]:
    """Slope [score, distinct, entropy] and bias. `known`: of training questions, may be empty."""
    shift = float(np.mean([w.by_scores for w in held]))
    rows = [(w.score, *w.sureness) for w in held] + [(w.score + shift, *w.sureness) for w in known]
    right = np.array([w.right for w in [*held, *known]])
    weight = np.ones(len(rows))
    weight[len(held) :] = min(1.0, len(held) / max(1, len(known)))
    return fit_logistic(np.array(rows), right, weight, PENALTY, least=LEAST)


def held_out_confidence(
    held: Sequence[Winner], keys: NDArray[np.int64], known: Sequence[Winner]
) -> Floats:
    """Each winner's confidence, by a fit without the questions of its fold."""
    values = np.zeros(len(held))
    rows = np.array([(w.score, *w.sureness) for w in held])
    for fold in range(FOLDS):
        out = keys % FOLDS == fold
        if out.any():
            inside = [w for w, o in zip(held, out, strict=True) if not o]
            slope, bias = fit_confidence(inside, known)
            values[out] = 0.5 * (1 + np.tanh((rows[out] @ slope + bias) / 2))
    return values


#: The most that is taken off for a whole step; at three candidates of eight 2.1 in the logit.
MOST = 10.0


def with_few(
    fields: dict[str, Any], questions: Sequence[Scored], genuine: Sequence[Scored]
) -> dict[str, Any]:
    """The selector of `fields`, with `few: {c, candidates}` in each group's confidence: N is that
    of all `questions`, c is fitted on the genuine ones.
    """
    sizes = [_full_size(fields, group, questions) for group in fields["selector"]["groups"]]
    plain = _with_entry(fields, [{"c": 0.0, "candidates": n} for n in sizes])
    c = _fit_few({**fields, "selector": plain}, genuine)
    return _with_entry(fields, [{"c": c, "candidates": n} for n in sizes])


def _with_entry(fields: dict[str, Any], few: Sequence[dict[str, float]]) -> dict[str, Any]:
    groups = [
        {**group, "confidence": {**group["confidence"], "few": own}}
        for group, own in zip(fields["selector"]["groups"], few, strict=True)
    ]
    return {**fields["selector"], "groups": groups}


def _full_size(fields: dict[str, Any], group: dict[str, Any], questions: Sequence[Scored]) -> float:
    """The harmonic mean of the parsed candidates of the questions that a group could be for."""
    alone = {**fields, "selector": {**fields["selector"], "groups": [group]}}
    found = select_all(questions, alone)
    counts = [d.parsed for d in found if d.group is not None and d.parsed > 0]
    parsed = np.array(counts or [least_candidates()], dtype=np.float64)
    return round(float(1 / np.mean(1 / parsed)), 3)


def _fit_few(fields: dict[str, Any], questions: Sequence[Scored]) -> float:
    """The coefficient, -MOST to 0, of least log loss on random parts of the sets. Every set has the
    same weight.
    """
    rng = np.random.default_rng(1)
    rows: list[tuple[float, float, bool, float]] = []
    sizes: dict[str, int] = {}
    for q in questions:
        sizes[q.set_name] = sizes.get(q.set_name, 0) + 1
    parts = [
        [rng.permutation(len(q.answers))[:k] for k in range(least_candidates(), len(q.answers))]
        for q in questions
    ]
    for q, found in zip(questions, select_parts(questions, parts, fields), strict=True):
        share = 1 / (sizes[q.set_name] * len(q.answers))
        for part in found:
            sure = part.weighted.confidence
            if sure is not None:
                rows.append((_logit(sure), part.few, part.weighted.correct, share))
    if not any(step > 0 for _, step, _, _ in rows):
        return 0.0
    logits, steps, right, weights = (np.array(column) for column in zip(*rows, strict=True))

    def loss(c: float) -> float:
        margin = (2 * right - 1) * (logits + c * steps)
        return float(np.sum(weights * np.logaddexp(0, -margin)))

    return round(float(minimize_scalar(loss, bounds=(-MOST, 0.0), method="bounded").x), 4)


def _logit(confidence: float) -> float:
    """The logit; finite also for 0 and 1."""
    within = min(max(confidence, 1e-12), 1 - 1e-12)
    return float(np.log(within) - np.log1p(-within))


def less_sure(confidences: Floats, questions: Sequence[Scored], fields: dict[str, Any]) -> Floats:
    """The confidences that the service would give for full sets; nan where too few candidates
    parsed.
    """
    told = np.full(len(confidences), np.nan)
    groups = fields["selector"]["groups"]
    found = select_all(questions, fields)
    for index, (confidence, decided) in enumerate(zip(confidences, found, strict=True)):
        if decided.weighted.confidence is None or decided.group is None or np.isnan(confidence):
            continue
        few = groups[decided.group]["confidence"]["few"]
        told[index] = 1 / (1 + np.exp(-(_logit(float(confidence)) + few["c"] * decided.few)))
    return told
