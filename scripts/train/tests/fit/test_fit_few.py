"""Confidence among few candidates: less for the same agreement, none below three."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import LETTERED, decided, question, simulated

from medadapter_train.fit.calibrate import calibrate
from medadapter_train.fit.held_out import HeldOut
from medadapter_train.model.select import least_candidates, select_all


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return calibrate(simulated(600, 0.5, LETTERED, "book", 2)).fields


def overconfidence(manifest: dict[str, Any], k: int) -> float:
    """Mean confidence less accuracy on the first k candidates of fresh questions."""
    parts = [h.scored.subset(list(range(k))) for h in simulated(3000, 0.5, LETTERED, "book", 9)]
    found = [d.weighted for d in select_all(parts, manifest)]
    told = [(d.confidence, d.correct) for d in found if d.confidence is not None]
    assert len(told) > 2900
    return float(np.mean([c - r for c, r in told]))


def without_few(manifest: dict[str, Any]) -> dict[str, Any]:
    groups = [
        {**g, "confidence": {k: v for k, v in g["confidence"].items() if k != "few"}}
        for g in manifest["selector"]["groups"]
    ]
    return {**manifest, "selector": {**manifest["selector"], "groups": groups}}


def test_parts_of_the_sets_are_as_calibrated_as_the_whole(manifest: dict[str, Any]) -> None:
    [group] = manifest["selector"]["groups"]
    few = group["confidence"]["few"]
    assert few["c"] < 0
    assert few["candidates"] == pytest.approx(6)
    assert abs(overconfidence(manifest, 6)) < 0.03
    plain = overconfidence(without_few(manifest), 3)
    assert plain > 0.08
    assert abs(overconfidence(manifest, 3)) < plain / 2


def test_two_candidates_have_no_confidence_whatever_was_asked_for(manifest: dict[str, Any]) -> None:
    for answers in (["A"], ["A", "A"], ["A", None, None, "A"]):
        one = question(answers, [2.0] * len(answers), labels=LETTERED, has_context=False)
        found = decided(one, manifest)
        assert found.parsed < least_candidates() == 3
        assert found.weighted.confidence is None
        assert found.weighted.answer == "A"
    three = question(["A", "A", None, "A"], [2.0] * 4, labels=LETTERED, has_context=False)
    assert decided(three, manifest).weighted.confidence is not None


def test_copies_without_context_take_no_question_from_the_bound() -> None:
    held = simulated(300, 2.0, ("yes", "no", "maybe"), "evidence", 1)
    copies = [HeldOut(replace(h.scored, has_context=False), h.key, reduced=True) for h in held]
    alone, both = calibrate(held).fields, calibrate([*held, *copies]).fields
    for one, other in zip(alone["abstention"], both["abstention"], strict=True):
        assert one["threshold"] == pytest.approx(other["threshold"])
        assert one["coverage"] == pytest.approx(other["coverage"])
