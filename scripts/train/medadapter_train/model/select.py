"""The decision over scored candidates, in Python: the twin of `src/adapter/select`.

Both reproduce `test/fixtures/selector.golden.json`. Distinct parsed answers are the units; ties are
settled by more votes, then the higher probability, then the lower index.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.model.scoring import Scored

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unit:
    """A distinct answer with its candidates' indices, probabilities and logits; of free text a
    candidate by itself, `answer` None."""

    answer: str | None
    indices: tuple[int, ...]
    probabilities: Floats
    logits: Floats
    correct: bool


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def probabilities_of(logits: Floats, calibration: dict[str, Any] | None) -> Floats:
    """Candidate probabilities: Platt-scaled where the manifest holds a fit."""
    if calibration is None:
        return np.asarray(sigmoid(logits))
    return np.asarray(sigmoid(calibration["a"] * logits + calibration["b"]))


def units_of(scored: Scored, calibration: dict[str, Any] | None) -> list[Unit]:
    """Units in the order of first appearance; of free text one a candidate. An unscored question
    counts every vote as even."""
    logits = np.zeros(len(scored.answers)) if scored.logits is None else scored.logits
    chances = probabilities_of(logits, calibration)
    groups: dict[str | int, list[int]] = {}
    for index, answer in enumerate(scored.answers):
        if not scored.labels:
            groups[index] = [index]
        elif answer is not None:
            groups.setdefault(answer, []).append(index)
    return [
        Unit(
            a if isinstance(a, str) else None,
            tuple(members),
            chances[members],
            logits[members],
            scored.correct[members[0]],
        )
        for a, members in groups.items()
    ]


def _votes(units: Sequence[Unit]) -> int:
    return sum(len(u.indices) for u in units)


FEATURES: dict[str, Callable[[Unit, Sequence[Unit]], float]] = {
    "vote_share": lambda u, all_: len(u.indices) / _votes(all_),
    "prob_share": lambda u, all_: (
        float(u.probabilities.sum()) / sum(float(o.probabilities.sum()) for o in all_)
    ),
    "prob_max": lambda u, _: float(u.probabilities.max()),
    "prob_mean": lambda u, _: float(u.probabilities.mean()),
    "logit_max": lambda u, _: float(u.logits.max()),
    "logit_mean": lambda u, _: float(u.logits.mean()),
    "distinct": lambda _, all_: float(len(all_)),
    "entropy": lambda _, all_: (
        -sum((s := len(o.indices) / _votes(all_)) * math.log(s) for o in all_)
    ),
}


def feature_rows(units: Sequence[Unit], names: Sequence[str]) -> Floats:
    """Features [units, features]."""
    return np.array([[FEATURES[n](u, units) for n in names] for u in units], dtype=np.float64)


def group_of(manifest: dict[str, Any], scored: Scored) -> dict[str, Any] | None:
    """The selector fitted for this kind of question: its task's own, else all tasks', else None.

    Where the LLM did not see the context, those fitted on such questions go before the others.
    """
    selector = manifest.get("selector")
    if selector is None or scored.logits is None:
        return None
    kind = None if not scored.labels else "closed" if scored.closed else "lettered"
    fits = [
        group
        for group in selector["groups"]
        if group["context"] == scored.has_context and group["labels"] == kind
    ]
    for evidence in ("unseen", None) if scored.unseen else (None,):
        for task in (scored.task, None):
            for group in fits:
                if group.get("task") == task and group.get("evidence") == evidence:
                    return dict(group)
    return None


#: Among fewer parsed candidates no confidence is told.
LEAST_CANDIDATES = 3


def parsed_of(scored: Scored) -> int:
    """Candidates with an answer; of free text all."""
    return sum(not scored.labels or answer is not None for answer in scored.answers)


def few_step(confidence: dict[str, Any], parsed: int) -> float:
    """1/n - 1/N where fewer candidates parsed than a group's confidence was fitted with, else 0."""
    few = confidence.get("few")
    return 0.0 if few is None else max(0.0, 1 / parsed - 1 / float(few["candidates"]))


@dataclass(frozen=True, slots=True)
class Decision:
    """The chosen unit's answer; `confidence` None where nothing is calibrated or too few parsed."""

    answer: str | None
    correct: bool
    score: float | None
    confidence: float | None
    scores: dict[str, float]


NOTHING = Decision(None, False, None, None, {})


def decide(units: Sequence[Unit], scores: Sequence[float]) -> Unit:
    """The winner by score and the tie rules."""
    return max(
        units,
        key=lambda u: (
            scores[units.index(u)],
            len(u.indices),
            float(u.probabilities.max()),
            -u.indices[0],
        ),
    )


def weighted_vote(scored: Scored, manifest: dict[str, Any]) -> Decision:
    """The served default: the selector's logit, or the sum of probabilities without one."""
    units = units_of(scored, manifest.get("calibration"))
    if not units:
        return NOTHING
    group = group_of(manifest, scored)
    if group is None:
        scores = [float(u.probabilities.sum()) for u in units]
    else:
        rows = feature_rows(units, manifest["selector"]["features"])
        values = rows @ np.array(group["weights"]) + group["bias"]
        scores = [
            float(v) + float(group["priors"].get(u.answer, 0.0))
            for v, u in zip(values, units, strict=True)
        ]
    winner = decide(units, scores)
    score = scores[units.index(winner)]
    confidence = None
    parsed = _votes(units)
    if group is not None and parsed >= LEAST_CANDIDATES:
        c = group["confidence"]
        few = c.get("few", {"c": 0.0})
        confidence = float(sigmoid(c["a"] * score + c["b"] + few["c"] * few_step(c, parsed)))
    by_answer = {u.answer: s for u, s in zip(units, scores, strict=True) if u.answer is not None}
    return Decision(winner.answer, winner.correct, score, confidence, by_answer)


def best_of(scored: Scored, manifest: dict[str, Any]) -> bool:
    """Whether the answer of the highest-scored parsed candidate is right (the paper's rule)."""
    units = units_of(scored, manifest.get("calibration"))
    if not units:
        return False
    return decide(units, [float(u.probabilities.max()) for u in units]).correct


def answer_only(scored: Scored) -> bool:
    """Whether the answer is right that scores highest without a word of its candidates' reasoning,
    of those that some candidate gave: what the adapter knows by itself."""
    logits = np.zeros(len(scored.answers)) if scored.bare is None else scored.bare
    units = units_of(replace(scored, logits=logits), None)
    if not units:
        return False
    return decide(units, [float(u.logits.max()) for u in units]).correct


def majority(scored: Scored) -> float:
    """Expected accuracy of self-consistency, ties broken at random. Free text has no answers to
    count: there any candidate may win.
    """
    units = units_of(scored, None)
    if not units:
        return 0.0
    top = max(len(u.indices) for u in units)
    leaders = [u.correct for u in units if len(u.indices) == top]
    return sum(leaders) / len(leaders)


def first_vote(scored: Scored) -> bool:
    """The same with ties to the answer that came first: the served rule `vote`."""
    units = units_of(replace(scored, logits=None), None)
    return bool(units) and decide(units, [float(len(u.indices)) for u in units]).correct
