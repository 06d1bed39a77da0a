"""Calibration and selector: they gain where scores tell, and are the vote where they do not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import CLOSED, LETTERED, decided, question, simulated

from medadapter_train.errors import DataError, TrainError
from medadapter_train.fit.abstention import abstention_entry, error_upper_bound
from medadapter_train.fit.calibrate import calibrate, check_method, validated_pairs
from medadapter_train.fit.held_out import HeldOut
from medadapter_train.measure.evaluate import answer_only, evaluate_sets, letter_vote
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Waves, select_all, select_parts, stops, units_of
from medadapter_train.stats.metrics import area_under_curve, calibration_error
from medadapter_train.stats.regression import fit_platt, fit_temperature, sigmoid

FIXTURES = Path(__file__).resolve().parents[4] / "test" / "fixtures"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    held = simulated(300, 2.0, CLOSED, "evidence", 1) + simulated(500, 0.0, LETTERED, "book", 2)
    return {"name": "toy", "version": "1", **calibrate(held).fields}


def fresh(name: str) -> list[Scored]:
    labels, signal = (CLOSED, 2.0) if name == "evidence" else (LETTERED, 0.0)
    return [h.scored for h in simulated(1500, signal, labels, name, 99)]


def test_it_gains_where_scores_tell_and_keeps_the_vote_where_not(manifest: dict[str, Any]) -> None:
    result = evaluate_sets({n: fresh(n) for n in ("evidence", "book")}, manifest)
    evidence, book = result["datasets"]
    assert evidence["paired_vs_majority"]["low"] > 0.04
    assert abs(book["paired_vs_majority"]["diff"]) < 0.01
    assert evidence["auc"] > 0.85
    assert abs(book["auc"] - 0.5) < 0.03
    # Neither interval nor figure may leave what is possible.
    assert evidence["majority"] < evidence["weighted_vote"] <= evidence["oracle"]
    assert book["best_of"] < book["majority"]


def test_confidence_is_calibrated_and_thresholds_hold(manifest: dict[str, Any]) -> None:
    result = evaluate_sets({n: fresh(n) for n in ("evidence", "book")}, manifest)
    assert result["pooled"]["ece"] < 0.04
    for entry in result["pooled"]["abstention"]:
        if entry["threshold"] is not None:
            assert entry["measured_error"] <= entry["targetError"]
    surest = result["pooled"]["risk_coverage"]
    assert surest[5]["accuracy"] > surest[9]["accuracy"] + 0.05


def test_an_unscored_question_is_decided_by_the_vote(manifest: dict[str, Any]) -> None:
    unscored = question(["no", "yes", "yes"], None)
    decision = decided(unscored, manifest).weighted
    assert (decision.answer, decision.confidence) == ("yes", None)
    assert decided(question([None, None], [1.0, 2.0]), manifest).weighted.answer is None


def test_scores_that_are_no_numbers_count_as_none() -> None:
    # As of a run that diverged: it is measured like any other.
    broken = question(["no", "yes", "yes"], [1.0, float("nan"), 2.0])
    assert decided(broken).weighted.answer == "yes"
    assert decided(question(["no", "yes"], [float("inf"), 0.0])).weighted.answer == "no"


def test_rules_on_small_cases() -> None:
    plain: dict[str, Any] = {"calibration": None, "selector": None}
    tied = question(["yes", "no"], [0.1, 0.9])
    assert decided(tied, plain).majority == 0.5
    assert decided(tied, plain).best_of is False
    # One candidate sure of it outweighs two that score low; unparsed ones have no vote.
    weighed = question(["no", "no", "yes", None], [-3.0, -3.0, 2.0, 9.0])
    assert decided(weighed, plain).weighted.answer == "yes"
    assert decided(weighed, plain).majority == 0.0
    assert decided(weighed, plain).parsed == 3
    (units,) = units_of([weighed], plain, ["vote_share", "logit_mean"])
    assert units.answers == ("no", "yes")
    assert units.features.tolist() == [[2 / 3, -3.0], [1 / 3, 2.0]]
    assert units.right.tolist() == [0.0, 1.0]
    # More votes settle a tie.
    assert units.tie.tolist() == [0, 1]


def test_a_part_is_decided_as_if_its_candidates_had_come_alone() -> None:
    asked = question(["yes", "no", "no"], [2.0, -1.0, -1.0])
    ((first, later, both),) = select_parts([asked], [[[0], [1, 0], [2, 1, 0]]], {})
    assert [d.weighted.answer for d in (first, later, both)] == ["yes", "yes", "yes"]
    # The vote's tie falls to whom came first.
    assert [d.vote for d in (first, later, both)] == [True, False, False]
    assert [d.majority for d in (first, later, both)] == [1.0, 0.5, 0.0]
    assert [d.parsed for d in (first, later, both)] == [1, 2, 3]


def test_the_core_decides_as_the_golden_file_has_it() -> None:
    golden = json.loads((FIXTURES / "selector.golden.json").read_text())
    questions = [
        replace(
            question(
                [c["answer"] for c in case["candidates"]],
                [c["logit"] for c in case["candidates"]],
                labels=tuple(case["labels"]),
            ),
            closed=case["closed"],
            has_context=case["hasContext"],
            unseen=case["evidenceUnseen"],
            task=case["task"],
        )
        for case in golden["cases"]
    ]
    for case, found in zip(golden["cases"], select_all(questions, golden), strict=True):
        assert found.weighted.answer == case["winner"], case["name"]
        for own, there in (
            (found.weighted.score, "score"),
            (found.weighted.confidence, "confidence"),
        ):
            assert own == (None if case[there] is None else pytest.approx(case[there], abs=1e-6))
    rule = golden["adaptiveK"]
    orders = [[range(len(q.answers))] for q in questions]
    waves = Waves(rule["first"], rule["step"])
    ended = stops(questions, orders, golden, waves, [rule["threshold"]])
    assert [stop.spent for ((stop,),) in ended] == [case["spent"] for case in golden["cases"]]


def test_answers_alone_are_ranked_without_their_candidates_reasoning() -> None:
    asked = replace(question(["yes", "no", None], [9.0, -9.0, 0.0]), bare=np.array([0.0, 1.0, 5.0]))
    other = replace(asked, bare=np.array([1.0, 0.0, 5.0]))
    questions = [asked, other, asked.subset([0]), question([None], [1.0])]
    assert answer_only(questions).tolist() == [0.0, 1.0, 1.0, 0.0]


def test_too_few_questions_and_one_class_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        calibrate(simulated(10, 1.0, CLOSED, "few", 1))
    assert caught.value.kind == "too_few_questions"
    right = [HeldOut(question(["yes"] * 6, [0.0] * 6), str(i)) for i in range(60)]
    with pytest.raises(DataError) as caught:
        calibrate(right)
    assert caught.value.kind == "one_class"


def test_abstention_is_unattainable_where_the_data_cannot_support_it() -> None:
    assert abs(error_upper_bound(0, 45, 0.9) - 0.0499) < 1e-3
    sure = np.linspace(0.99, 0.5, 40)
    few = abstention_entry(sure, np.ones(40), 0.05)
    assert (few["threshold"], few["coverage"]) == (None, None)
    many = abstention_entry(np.linspace(0.99, 0.5, 400), np.ones(400), 0.05)
    assert many["coverage"] == 1.0
    coin = abstention_entry(np.linspace(0.99, 0.5, 400), np.arange(400) % 2.0, 0.2)
    assert coin["threshold"] is None


def test_equal_confidences_are_tested_together_whatever_their_order() -> None:
    # One confidence for all, as where the vote alone decides: a threshold answers all or none.
    right = np.r_[np.ones(100), np.zeros(300)]
    assert abstention_entry(np.full(400, 0.9), right, 0.1)["threshold"] is None
    mixed = np.r_[np.full(200, 0.9), np.full(200, 0.4)]
    entry = abstention_entry(mixed, np.r_[np.ones(200), np.zeros(200)], 0.1)
    assert (entry["threshold"], entry["coverage"]) == (0.9, 0.5)


def test_the_bound_holds_in_nine_of_ten_draws() -> None:
    rng = np.random.default_rng(5)
    kept = 0
    for _ in range(200):
        chance = rng.beta(4, 1, 400)
        entry = abstention_entry(chance, (rng.random(400) < chance).astype(float), 0.1)
        fresh_chance = rng.beta(4, 1, 4000)
        threshold = 2.0 if entry["threshold"] is None else entry["threshold"]
        answered = fresh_chance >= threshold
        kept += not answered.any() or float(1 - fresh_chance[answered].mean()) <= 0.1
    assert kept >= 0.88 * 200


def test_stopping_rule_spends_more_where_answers_compete(manifest: dict[str, Any]) -> None:
    agree = question(["yes"] * 9, [2.0] * 9)
    dispute = question(["yes", "no"] * 5, [0.0] * 10)
    orders = [[range(9)], [range(10)]]
    found = stops([agree, dispute], orders, manifest, Waves(first=3, step=2), [0.5, 0.8, 0.95])
    (agreed,), (disputed,) = found
    assert [stop.spent for stop in agreed][:2] == [3, 3]
    assert disputed[1].spent == 10
    assert agreed[2].spent < disputed[2].spent
    assert agreed[0].right


def test_platt_error_and_auc_on_known_data() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20000)
    right = (rng.random(20000) < sigmoid(0.5 * logits - 0.7)).astype(float)
    a, b = fit_platt(logits, right)
    assert abs(a - 0.5) < 0.05
    assert abs(b + 0.7) < 0.05
    honest = np.asarray(sigmoid(0.5 * logits - 0.7))
    assert calibration_error(honest, right) < 0.005
    assert calibration_error(np.clip(honest + 0.1, 0, 1), right) > 0.08
    labels = np.array([True, True, False, False])
    assert area_under_curve(np.array([2.0, 1.0, 1.0, 0.0]), labels) == 0.875


def test_a_temperature_is_found_where_there_is_no_bias() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20000)
    right = (rng.random(20000) < sigmoid(logits / 2.5)).astype(float)
    assert abs(1 / fit_temperature(logits, right, np.ones(20000)) - 2.5) < 0.1
    noise = (rng.random(20000) < 0.5).astype(float)
    assert fit_temperature(logits, noise, np.ones(20000)) < 0.05


def test_a_temperature_calibrates_as_well_as_platt_where_it_fits() -> None:
    held = simulated(300, 2.0, CLOSED, "evidence", 1)
    fields = calibrate(held, "temperature").fields
    assert fields["calibration"]["b"] == 0.0
    assert fields["calibration"]["a"] != calibrate(held).fields["calibration"]["a"]
    result = evaluate_sets({"e": fresh("evidence")}, {"name": "t", "version": "1", **fields})
    assert result["pooled"]["ece"] < 0.04
    with pytest.raises(TrainError, match="platt, temperature"):
        check_method("isotonic")


def test_letter_and_vote_learn_a_letter_prior() -> None:
    rng = np.random.default_rng(3)
    biased = []
    for _ in range(400):
        gold = "yes" if rng.random() < 0.9 else "no"
        answers: list[str | None] = ["yes", "no"] * 2
        biased.append(question(answers, [0.0] * 4, gold))
    assert letter_vote(biased).mean() > 0.85


def test_validation_pairs_are_of_sets_that_one_llm_wrote() -> None:
    own = question(["yes"] * 4, [0.0] * 4, set_name="pubmedqa_llm_x4", task="pubmedqa")
    mixed = question(["yes"] * 4, [0.0] * 4, set_name="mirage_bioasq_x4", task="bioasq")
    blend = Scored(
        **{**{f: getattr(mixed, f) for f in mixed.__slots__}, "models": ("a", "b", "c", "d")}
    )
    assert validated_pairs([own, blend] * 40) == [{"llm": "m", "task": "pubmedqa"}]
    assert validated_pairs([own] * 39) == []
    other = replace(own, set_name="pubmedqa_llm_x8")
    assert validated_pairs([own, other] * 20) == [{"llm": "m", "task": "pubmedqa"}]
