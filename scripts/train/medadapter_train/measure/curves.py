"""Accuracy by number of candidates, and by the stopping rule: of a set, from its questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.measure.decided import Decided
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Waves, select_parts, spent_and_right

Floats = NDArray[np.float64]


def curves(
    questions: Sequence[Scored], decided: Sequence[Decided], manifest: dict[str, Any]
) -> dict[str, Any]:
    """`k_curve`, `adaptive_curve` and `adaptive_k` (the manifest's own threshold, None without).

    Taken from the decisions where they have curves. Otherwise candidates are drawn here, and there
    is no curve of thresholds.
    """
    if not any(d.k_curve for d in decided):
        return {
            "k_curve": k_curve(questions, manifest),
            "adaptive_curve": [],
            "adaptive_k": _adaptive(questions, manifest),
        }
    return {
        "k_curve": _until_all(
            _mean_by([d.k_curve for d in decided], "k"), max(len(q.answers) for q in questions)
        ),
        "adaptive_curve": _mean_by([d.adaptive for d in decided], "threshold"),
        "adaptive_k": _at_rule(questions, decided, manifest),
    }


def _mean_by(rows: Sequence[Sequence[dict[str, Any]]], key: str) -> list[dict[str, float]]:
    """Means over the questions that have such a row; `n`: how many."""
    groups: dict[float, list[dict[str, Any]]] = {}
    for row in (r for of_question in rows for r in of_question):
        groups.setdefault(row[key], []).append(row)
    means = []
    for value, group in sorted(groups.items()):
        names = [name for name in group[0] if name != key]
        mean = {name: float(np.mean([g[name] for g in group])) for name in names}
        means.append({key: value, "n": len(group), **mean})
    return means


def _until_all(rows: Sequence[dict[str, float]], most: int) -> list[dict[str, float]]:
    """The rows up to the first k that takes all candidates there are; that row is named by their
    number.
    """
    fewer = [row for row in rows if row["k"] < most]
    return [*fewer, *({**row, "k": most} for row in rows[len(fewer) :][:1])]


def _at_rule(
    questions: Sequence[Scored], decided: Sequence[Decided], manifest: dict[str, Any]
) -> dict[str, float] | None:
    rule = manifest.get("adaptiveK")
    if rule is None:
        return None
    found = [
        (row["spent"] / len(q.answers), row["right"])
        for q, d in zip(questions, decided, strict=True)
        for row in d.adaptive
        if row["threshold"] == rule["threshold"]
    ]
    if not found:
        return None
    share, accuracy = np.mean(found, axis=0)
    return {"candidate_share": float(share), "weighted_vote": float(accuracy)}


def k_curve(questions: Sequence[Scored], manifest: dict[str, Any]) -> list[dict[str, float]]:
    """Weighted vote and self-consistency with 1, 2, ... random candidates (2 draws a question)."""
    most = min(32, max(len(q.answers) for q in questions))
    sizes = [k for k in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32) if k <= most]
    rng = np.random.default_rng(1)
    rows = []
    for k in sizes:
        found = with_k(questions, manifest, k, 2, rng)
        means = {name: float(found[name].mean()) for name in ("majority", "weighted_vote")}
        rows.append({"k": k, **means})
    return rows


def with_k(
    questions: Sequence[Scored],
    manifest: dict[str, Any],
    k: int,
    draws: int,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """By question, how often each rule is right with k random candidates."""
    orders = [[rng.permutation(len(q.answers))[:k] for _ in range(draws)] for q in questions]
    found = select_parts(questions, orders, manifest)
    return {
        "majority": np.array([[part.majority for part in parts] for parts in found]).mean(axis=1),
        "best_of": np.array([[part.best_of for part in parts] for parts in found]).mean(axis=1),
        "weighted_vote": np.array(
            [[part.weighted.correct for part in parts] for parts in found]
        ).mean(axis=1),
    }


def _adaptive(questions: Sequence[Scored], manifest: dict[str, Any]) -> dict[str, float] | None:
    rule = manifest.get("adaptiveK")
    if rule is None or max(len(q.answers) for q in questions) < rule["first"] + 1:
        return None
    waves = Waves(rule["first"], rule["step"])
    ((share, accuracy),) = spent_and_right(questions, manifest, waves, [rule["threshold"]])
    return {"candidate_share": float(share), "weighted_vote": float(accuracy)}
