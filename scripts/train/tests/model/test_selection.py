"""Calibration and selector: they gain where scores tell, and are the vote where they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import CLOSED, LETTERED, question, simulated

from medadapter_train.errors import DataError, TrainError
from medadapter_train.fit.abstention import abstention_entry, error_upper_bound
from medadapter_train.fit.calibrate import calibrate, check_method, validated_pairs
from medadapter_train.fit.held_out import HeldOut
from medadapter_train.measure.evaluate import evaluate_sets, letter_vote
from medadapter_train.model.adaptive import leader_stays_ahead, spent_and_right
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import (
    answer_only,
    best_of,
    majority,
    sigmoid,
    units_of,
    weighted_vote,
)
from medadapter_train.stats.metrics import area_under_curve, calibration_error
from medadapter_train.stats.regression import fit_platt, fit_temperature


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
    decision = weighted_vote(unscored, manifest)
    assert (decision.answer, decision.confidence) == ("yes", None)
    assert weighted_vote(question([None, None], [1.0, 2.0]), manifest).answer is None


def test_rules_on_small_cases() -> None:
    plain: dict[str, Any] = {"calibration": None, "selector": None}
    tied = question(["yes", "no"], [0.1, 0.9])
    assert majority(tied) == 0.5
    assert best_of(tied, plain) is False
    # One candidate sure of it outweighs two that score low; unparsed ones have no vote.
    weighed = question(["no", "no", "yes", None], [-3.0, -3.0, 2.0, 9.0])
    assert weighted_vote(weighed, plain).answer == "yes"
    assert majority(weighed) == 0.0
    assert [u.answer for u in units_of(weighed, None)] == ["no", "yes"]


def test_answers_alone_are_ranked_without_their_candidates_reasoning() -> None:
    asked = replace(question(["yes", "no", None], [9.0, -9.0, 0.0]), bare=np.array([0.0, 1.0, 5.0]))
    assert answer_only(asked) is False
    assert answer_only(replace(asked, bare=np.array([1.0, 0.0, 5.0]))) is True
    assert answer_only(asked.subset([0])) is True
    assert answer_only(question([None], [1.0])) is False


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
    calibration = manifest["calibration"]
    assert leader_stays_ahead(agree, calibration) > 0.95 > leader_stays_ahead(dispute, calibration)
    assert spent_and_right(agree, manifest, 0.8, range(9))[0] == 3
    assert spent_and_right(dispute, manifest, 0.8, range(10))[0] == 10


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
