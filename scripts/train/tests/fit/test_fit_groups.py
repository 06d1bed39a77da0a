"""Selector groups by task, what they are pulled to, and the confidence that goes with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import LETTERED, biased, decided, question

from medadapter_train.fit.calibrate import calibrate
from medadapter_train.fit.confidence import LEAST, PENALTY, fit_confidence
from medadapter_train.fit.held_out import HeldOut
from medadapter_train.fit.prepared import FEATURE_NAMES, Winner
from medadapter_train.stats.regression import fit_logistic, sigmoid


def test_each_task_has_a_selector_of_its_own_and_others_the_common_one() -> None:
    held = biased(80, "yes", "pubmedqa", 1) + biased(80, "no", "bioasq", 2)
    few = biased(10, "no", "medqa", 3)
    groups = calibrate([*held, *few]).fields["selector"]["groups"]
    assert [g.get("task") for g in groups] == [None, "bioasq", "pubmedqa"]
    fields = {"calibration": None, "selector": {"features": FEATURE_NAMES, "groups": groups}}
    for task, gold in (("pubmedqa", "yes"), ("bioasq", "no")):
        tied = question(["yes", "no"], [0.0, 0.0], task=task)
        assert decided(tied, fields).weighted.answer == gold
    assert decided(question(["yes"], [0.0], task="medqa"), fields).group == 0
    assert decided(question(["yes"], [0.0], labels=LETTERED), fields).group is None


def test_what_labels_are_worth_is_learned_from_the_votes_of_training_questions() -> None:
    votes = [replace(h.scored, logits=None) for h in biased(400, "yes", "pubmedqa", 4)]
    held = biased(60, "yes", "pubmedqa", 5)
    without = calibrate(held).fields["selector"]["groups"][0]["priors"]
    group = calibrate(held, votes=votes).fields["selector"]["groups"][0]
    error = abs(group["priors"]["yes"] - group["priors"]["no"] - np.log(3))
    assert error < 0.1
    assert error < abs(without["yes"] - without["no"] - np.log(3))


def test_the_confidence_is_kept_at_what_training_questions_say() -> None:
    easy = [Winner(1.0, 0.0, (1.0, 0.0), 1.0)] * 40
    known = [Winner(1.0, 0.0, (1.0, 0.0), float(i % 4 > 0)) for i in range(400)]

    def sure(slope: Any, bias: float) -> float:
        return float(sigmoid(slope @ np.array([1.0, 1.0, 0.0]) + bias))

    assert sure(*fit_confidence(easy, [])) > 0.95
    assert sure(*fit_confidence(easy, known)) == pytest.approx(0.875, abs=0.01)


def test_the_score_counts_where_votes_tell_as_much() -> None:
    # The higher the score, the more often wrong: only how spread the votes are tells anything.
    held = [
        Winner(score, 0.0, (1.0, spread), float(n % 10 >= 9 * spread + score))
        for n in range(200)
        for score, spread in ((0.0, 0.1), (1.0, 0.1), (0.0, 0.5), (1.0, 0.5))
    ]
    free = fit_logistic(
        np.array([(w.score, *w.sureness) for w in held]),
        np.array([w.right for w in held]),
        np.ones(len(held)),
        PENALTY,
    )
    slope, bias = fit_confidence(held, [])
    assert free[0][0] < 0
    assert slope[0] == LEAST[0] > 0
    # Bias and the other slopes are fitted around it: right as often as they are.
    sure = sigmoid(np.array([(w.score, *w.sureness) for w in held]) @ slope + bias)
    assert sure.mean() == pytest.approx(np.mean([w.right for w in held]), abs=1e-3)


def test_a_question_of_several_sets_counts_once_for_the_bound() -> None:
    # 45 questions without an error are needed for 5 %: there are 30, and 60 records of them.
    once = [
        HeldOut(question([gold, gold, "maybe"], [3.0, 3.0, -3.0], gold), f"{number}")
        for number, gold in enumerate(["yes", "no"] * 15)
    ]
    twice = [*once, *(replace(h, scored=replace(h.scored, set_name="again")) for h in once)]
    other = [replace(h, key=f"other {h.key}") for h in once]
    thresholds = [
        calibrate(held).fields["abstention"][0]["threshold"] for held in (twice, [*once, *other])
    ]
    assert thresholds[0] is None
    assert thresholds[1] is not None


def test_what_the_llm_did_not_see_has_selectors_of_its_own() -> None:
    seen = biased(60, "yes", "pubmedqa", 6)
    found = [
        replace(h.scored, unseen=True, set_name="other") for h in biased(60, "no", "pubmedqa", 7)
    ]
    more = [
        replace(h.scored, unseen=True, set_name="third") for h in biased(60, "yes", "bioasq", 8)
    ]
    unseen = [HeldOut(s, f"unseen {i}") for i, s in enumerate([*found, *more])]
    groups = calibrate([*seen, *unseen]).fields["selector"]["groups"]
    names = [(g.get("evidence"), g.get("task")) for g in groups]
    assert names == [(None, None), ("unseen", None), ("unseen", "bioasq"), ("unseen", "pubmedqa")]
    fields = {"calibration": None, "selector": {"features": FEATURE_NAMES, "groups": groups}}

    def tied(task: str, unseen: bool) -> str | None:
        asked = question(["yes", "no"], [0.0, 0.0], task=task, unseen=unseen)
        return decided(asked, fields).weighted.answer

    assert tied("pubmedqa", unseen=False) == "yes"
    assert tied("pubmedqa", unseen=True) == "no"
    assert tied("bioasq", unseen=True) == "yes"
    assert decided(question(["yes"], [0.0], task="medqa", unseen=True), fields).group == 1
    seen_only = {"selector": {"features": FEATURE_NAMES, "groups": groups[:1]}}
    assert decided(question(["yes"], [0.0], unseen=True), seen_only).group == 0
