"""Figures of an evaluation against values worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import decided, question

from medadapter_train.measure.curves import curves
from medadapter_train.measure.decided import Decided
from medadapter_train.measure.evaluate import evaluate_set
from medadapter_train.measure.outcomes import calibration_effect, confusion, score_histogram
from medadapter_train.model.select import Decision
from medadapter_train.stats.metrics import (
    area_under_risk_coverage,
    mcnemar,
    reliability,
    risk_coverage,
)

#: a = 2, b = 0: sigmoid(2 * logit).
PLATT: dict[str, Any] = {"calibration": {"kind": "platt", "a": 2.0, "b": 0.0}}


def decision(answer: str | None, correct: bool, score: float, confidence: float | None) -> Decision:
    return Decision(answer, correct, score, confidence)


def test_area_under_risk_coverage_is_the_mean_error_of_the_surest() -> None:
    # Surest first: right, wrong, right. Errors among 1, 2, 3: 0, 1/2, 1/3.
    area = area_under_risk_coverage(np.array([0.2, 0.9, 0.5]), np.array([1.0, 1.0, 0.0]))
    assert area == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)


def test_equal_confidences_count_as_in_random_order() -> None:
    values = np.array([0.5, 0.5, 0.5, 0.5])
    assert area_under_risk_coverage(values, np.array([1.0, 1.0, 1.0, 0.0])) == pytest.approx(0.25)
    assert area_under_risk_coverage(values, np.array([0.0, 1.0, 1.0, 1.0])) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("questions", "sizes"), [(7, [7]), (34, [12, 11, 11]), (150, [10] * 15), (450, [30] * 15)]
)
def test_a_reliability_diagram_has_no_bins_of_two_or_three(
    questions: int, sizes: list[int]
) -> None:
    bins = reliability(np.linspace(0, 1, questions), np.ones(questions))
    assert [b["n"] for b in bins] == sizes
    assert all(b["accuracy"] == 1 for b in bins)


def test_mcnemar_is_the_binomial_test_on_what_differs() -> None:
    ours = [True] * 6 + [False] * 1 + [True] * 4 + [False] * 3
    base = [False] * 6 + [True] * 1 + [True] * 4 + [False] * 3
    # Of 7 that differ 1 is lost: 2 * (1 + 7) / 2^7.
    assert mcnemar(ours, base) == {"gained": 6, "lost": 1, "p": pytest.approx(0.125)}
    assert mcnemar([True, False], [True, False])["p"] == 1.0


def test_the_surest_share_does_not_depend_on_the_order_of_equals() -> None:
    sure = np.array([0.9] + [0.5] * 8 + [0.1])
    right = np.array([1.0, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    for outcome in (right, np.array([right[0], *right[8:0:-1], right[9]])):
        rows = {row["n"]: row["accuracy"] for row in risk_coverage(sure, outcome)}
        # The first is right; of the equal ones, half are.
        assert rows[1] == 1.0
        assert rows[5] == pytest.approx((1 + 4 * 0.5) / 5)
        assert rows[10] == pytest.approx(0.5)


def test_calibration_error_before_and_after() -> None:
    half = math.log(3.0) / 2  # sigmoid(2 * half) = 0.75
    right = np.array([1.0, 1.0, 1.0, 0.0])
    decisions = [
        decision("yes", True, 0.0, 0.8),
        decision("no", False, 0.0, 0.2),
        decision("no", False, 9.0, None),
    ]
    found = calibration_effect(np.full(4, half), right, decisions, PLATT)
    raw = 1 / (1 + math.exp(-half))
    # Four bins of one candidate each: |raw - 1| three times and |raw - 0| once.
    assert found["candidates"] == {
        "before": pytest.approx((3 * (1 - raw) + raw) / 4),
        "after": pytest.approx((3 * 0.25 + 0.75) / 4),
    }
    # Scores of 0 say one half; the answer without a confidence does not count.
    assert found["answers"] == {"before": pytest.approx(0.5), "after": pytest.approx(0.2)}
    nothing = calibration_effect(np.array([]), np.array([]), [], PLATT)
    assert nothing == {"candidates": None, "answers": None}


def test_histogram_counts_right_and_wrong_candidates_by_probability() -> None:
    logits = np.array([-20.0, 0.01, 0.01, 20.0])
    bins = score_histogram(logits, np.array([False, True, False, True]), PLATT)
    assert len(bins) == 20
    taken = {i: (b["right"], b["wrong"]) for i, b in enumerate(bins) if b["right"] + b["wrong"]}
    assert taken == {0: (0, 1), 10: (1, 1), 19: (1, 0)}


def test_confusion_counts_gold_by_choice() -> None:
    asked = [question(["yes"], None, gold) for gold in ("yes", "yes", "no")]
    chosen = [decision(a, False, 0.0, None) for a in ("yes", "no", None)]
    counts = confusion(asked, chosen)
    assert counts is not None
    assert counts["yes"] == {"yes": 1, "no": 1, "maybe": 0, "none": 0}
    assert counts["no"] == {"yes": 0, "no": 0, "maybe": 0, "none": 1}
    assert confusion([question([None], None, labels=())], chosen[:1]) is None


def test_the_served_vote_gives_ties_to_the_first_answer() -> None:
    assert decided(question(["no", "yes"], [0.0, 9.0])).vote is False
    assert decided(question(["yes", "no"], [0.0, 9.0])).vote is True
    assert decided(question([None, None], None)).vote is False


def test_free_text_has_no_majority_but_a_mean() -> None:
    free = replace(question([None, None], None, labels=()), correct=(False, True))
    assert decided(free).majority == 0.5
    assert decided(free).vote is False


def test_a_free_text_candidate_is_an_answer_of_its_own() -> None:
    plain: dict[str, Any] = {"name": "toy", "version": "1", "calibration": None, "selector": None}
    free = [
        replace(question([None] * 3, logits, labels=()), correct=(False, True, False), gold="")
        for logits in ([0.0, 2.0, 1.0], [0.0, 1.0, 2.0])
    ]
    chosen = decided(free[0], plain)
    assert (chosen.weighted.answer, chosen.weighted.correct, chosen.parsed) == (None, True, 3)
    figures = evaluate_set(free, plain)
    assert (figures["best_of"], figures["weighted_vote"], figures["oracle"]) == (0.5, 0.5, 1.0)
    assert figures["majority"] == figures["letter_vote"] == pytest.approx(1 / 3)
    assert figures["parse_rate"] is None


def test_curves_are_means_over_questions_up_to_all_candidates() -> None:
    def row(k: int, value: float) -> dict[str, float]:
        return {"k": k, "majority": value, "best_of": value, "weighted_vote": value}

    def stop(spent: float, right: float) -> tuple[dict[str, float], ...]:
        return ({"threshold": 0.7, "spent": spent, "right": right},)

    chosen = decision("yes", True, 0.0, None)
    given = [
        Decided(chosen, True, True, (row(1, 0.0), row(4, 1.0), row(8, 1.0)), stop(3.0, 1.0)),
        Decided(chosen, True, True, (row(1, 1.0), row(4, 1.0), row(8, 0.0)), stop(1.0, 0.0)),
    ]
    asked = [question(["yes"] * 3, None), question(["yes"] * 2, None)]
    found = curves(asked, given, {"adaptiveK": {"threshold": 0.7, "first": 3, "step": 2}})
    # With four there are all three; what comes after says nothing new.
    assert [(r["k"], r["n"], r["majority"]) for r in found["k_curve"]] == [(1, 2, 0.5), (3, 2, 1.0)]
    assert found["adaptive_curve"] == [{"threshold": 0.7, "n": 2, "spent": 2.0, "right": 0.5}]
    assert found["adaptive_k"] == {"candidate_share": 0.75, "weighted_vote": 0.5}
