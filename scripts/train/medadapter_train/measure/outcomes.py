"""Scores against outcomes: calibration before and after, histograms, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Decision
from medadapter_train.stats.metrics import raw_calibration_error
from medadapter_train.stats.regression import platt, sigmoid

Floats = NDArray[np.float64]
HISTOGRAM_BINS = 20
#: Column of questions of which no candidate had an answer.
NONE = "none"


def calibration_effect(
    logits: Floats, right: Floats, decisions: Sequence[Decision], manifest: dict[str, Any]
) -> dict[str, dict[str, float] | None]:
    """Calibration error (15 bins of equal mass, uncorrected) before and after calibration.

    `candidates`: sigmoid(logit), and the manifest's Platt scaling. `answers`: sigmoid(answer
    score), and the confidence; None where no answer has one.
    """
    scaled = platt(logits, manifest.get("calibration"))
    sure = [(d.score, d.confidence, d.correct) for d in decisions if d.confidence is not None]
    scores, confidences, correct = (np.array(list(c), dtype=np.float64) for c in _columns(sure))
    return {
        "candidates": _pair(np.asarray(sigmoid(logits)), scaled, right),
        "answers": _pair(np.asarray(sigmoid(scores)), confidences, correct),
    }


def _columns(rows: Sequence[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    return tuple(zip(*rows, strict=True)) if rows else ((), (), ())  # type: ignore[return-value]


def _pair(before: Floats, after: Floats, right: Floats) -> dict[str, float] | None:
    if len(right) == 0:
        return None
    return {
        "before": raw_calibration_error(before, right),
        "after": raw_calibration_error(after, right),
    }


def score_histogram(
    logits: Floats, right: NDArray[np.bool_], manifest: dict[str, Any]
) -> list[dict[str, float]]:
    """Candidates by calibrated probability, right and wrong ones, in 20 bins of equal width."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    chances = platt(logits, manifest.get("calibration"))
    good, _ = np.histogram(chances[right], edges)
    bad, _ = np.histogram(chances[~right], edges)
    return [
        {"low": float(low), "high": float(high), "right": int(g), "wrong": int(b)}
        for low, high, g, b in zip(edges[:-1], edges[1:], good, bad, strict=True)
    ]


def confusion(
    questions: Sequence[Scored], decisions: Sequence[Decision]
) -> dict[str, dict[str, int]] | None:
    """Questions by gold label and by the label chosen (`none`: no answer); None for free text."""
    if any(not q.labels for q in questions):
        return None
    labels = list(dict.fromkeys(label for q in questions for label in q.labels))
    counts = {gold: dict.fromkeys([*labels, NONE], 0) for gold in labels}
    for q, d in zip(questions, decisions, strict=True):
        counts[q.gold][NONE if d.answer is None else d.answer] += 1
    return counts
