"""Scored questions without texts, made up: what the tests of selection and calibration work on."""

from __future__ import annotations

from typing import Any

import numpy as np

from medadapter_train.fit.held_out import HeldOut
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Decisions, select_all

CLOSED = ("yes", "no", "maybe")
LETTERED = ("A", "B", "C", "D")


def question(
    answers: list[str | None], logits: list[float] | None, gold: str = "yes", **more: Any
) -> Scored:
    labels = more.pop("labels", CLOSED)
    values = None if logits is None else np.array(logits)
    return Scored(
        set_name=more.pop("set_name", "toy_x6"),
        labels=labels,
        closed=labels == CLOSED,
        has_context=more.pop("has_context", True),
        gold=gold,
        answers=tuple(answers),
        correct=tuple(a == gold for a in answers),
        sources=tuple(f"s{i}" for i in range(len(answers))),
        models=("m",) * len(answers),
        logits=values,
        task=more.pop("task", ""),
        unseen=more.pop("unseen", False),
    )


def decided(question: Scored, manifest: dict[str, Any] | None = None) -> Decisions:
    """What is decided on one question; without a manifest by rules that are fitted on nothing."""
    return select_all([question], manifest or {})[0]


def simulated(
    count: int, signal: float, labels: tuple[str, ...], name: str, seed: int
) -> list[HeldOut]:
    """Questions of unequal difficulty; `signal` is how far right candidates score above wrong."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        gold = str(rng.choice(labels))
        chance = 1 / (1 + np.exp(-rng.normal(0.3, 1.0)))
        answers = [gold if rng.random() < chance else str(rng.choice(labels)) for _ in range(6)]
        logits = [float(signal * (a == gold) + rng.normal()) for a in answers]
        scored = question(
            list(answers), logits, gold, labels=labels, set_name=name, has_context=labels == CLOSED
        )
        found.append(HeldOut(scored, f"{name}/{seed}/{number}"))
    return found


def biased(count: int, gold: str, task: str, seed: int) -> list[HeldOut]:
    """Votes are even and scores are noise; three in four times the right answer is `gold`."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        right = gold if rng.random() < 0.75 else ("no" if gold == "yes" else "yes")
        answers = list(rng.choice(["yes", "no"], 6))
        logits = rng.normal(size=6).tolist()
        scored = question(answers, logits, right, set_name=task, task=task)
        found.append(HeldOut(scored, f"{task}/{seed}/{number}"))
    return found
