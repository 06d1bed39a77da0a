"""What the service decides on scored questions (`src/adapter/select`): asked, not stated again.

A manifest is given as it is; of its fields `calibration` and `selector` count, and {} has neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medadapter_train.core import ask, ask_each
from medadapter_train.model.scoring import Scored

Floats = NDArray[np.float64]
#: Candidates in all orders of a request: some hundred kilobytes.
CHUNK = 20_000
#: Random orders of a question's candidates that the stopping rule is measured on.
REPEATS = 8
#: Places of a question's candidates, in the order in which they come.
Order = Sequence[int] | NDArray[np.int64]


@cache
def least_candidates() -> int:
    """Among fewer parsed candidates no confidence is told."""
    return int(ask("constants")["least_candidates"])


@dataclass(frozen=True, slots=True)
class Decision:
    """The weighted vote: the chosen answer. `answer` None where nothing parsed, and of free text;
    `confidence` None where no selector is fitted for such questions or too few parsed."""

    answer: str | None
    correct: bool
    score: float | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """What each strategy decides on some of a question's candidates.

    `best_of`: whether the answer of the highest-scored parsed candidate is right (the paper's
    rule). `vote`: self-consistency as it is served, its ties falling to the answer that came first;
    `majority`: the same with ties at random, its expected accuracy (of free text, which has no
    answers to count, any candidate may win). `group`: the place of the manifest's selector for such
    questions, None without. `parsed`: candidates with an answer, of free text all. `few`: by how
    much these are fewer than those that the group was fitted with, 1/n - 1/N, at least 0.
    """

    weighted: Decision
    best_of: bool
    vote: bool
    majority: float
    group: int | None
    parsed: int
    few: float


class Units(NamedTuple):
    """A question's distinct answers, in the order in which they first appear, each with the
    features that a selector decides by. Candidates of free text are an answer each, of None; those
    without an answer are left out.

    `features` [units, names asked for]; `right` [units], 0 or 1; `tie` [units]: of equal scores
    that with the lowest wins.
    """

    answers: tuple[str | None, ...]
    features: Floats
    right: Floats
    tie: NDArray[np.int64]


def select_all(questions: Sequence[Scored], manifest: dict[str, Any]) -> list[Decisions]:
    """By question, with all its candidates as they stand."""
    replies = _each("select", questions, None, {"fitted": _fitted(manifest), "features": []})
    return [_decisions(reply["parts"][0]) for reply in replies]


def select_parts(
    questions: Sequence[Scored], orders: Sequence[Sequence[Order]], manifest: dict[str, Any]
) -> list[list[Decisions]]:
    """By question and by each of its `orders`: of the candidates there, in that order."""
    replies = _each("select", questions, orders, {"fitted": _fitted(manifest), "features": []})
    return [[_decisions(part) for part in reply["parts"]] for reply in replies]


def units_of(
    questions: Sequence[Scored], manifest: dict[str, Any], names: Sequence[str]
) -> list[Units]:
    """By question, its answers with the features of these `names`."""
    none: list[list[Order]] = [[] for _ in questions]
    fields = {"fitted": _fitted(manifest), "features": list(names)}
    replies = _each("select", questions, none, fields)
    return [_units(reply["units"], len(names)) for reply in replies]


class Stop(NamedTuple):
    """Where `k: "auto"` ends: candidates asked for, and whether the weighted vote of them is
    right."""

    spent: int
    right: bool


@dataclass(frozen=True, slots=True)
class Waves:
    """Candidates of the first wave, and of each later one, until the rule stops."""

    first: int
    step: int


def stops(
    questions: Sequence[Scored],
    orders: Sequence[Sequence[Order]],
    manifest: dict[str, Any],
    waves: Waves,
    thresholds: Sequence[float],
) -> list[list[list[Stop]]]:
    """By question, by each of its orders, by threshold of the stopping rule."""
    rule = {"first": waves.first, "step": waves.step, "thresholds": list(thresholds)}
    replies = _each("curve", questions, orders, {"fitted": _fitted(manifest), **rule})
    return [
        [[Stop(stop["spent"], stop["right"]) for stop in row] for row in reply] for reply in replies
    ]


def spent_and_right(
    questions: Sequence[Scored],
    manifest: dict[str, Any],
    waves: Waves,
    thresholds: Sequence[float],
) -> NDArray[np.float64]:
    """[thresholds, 2]: mean share of the candidates spent, and accuracy, over 8 random orders of
    each question's candidates."""
    rng = np.random.default_rng(1)
    orders = [[rng.permutation(len(q.answers)) for _ in range(REPEATS)] for q in questions]
    shares: list[list[float]] = [[] for _ in thresholds]
    rights: list[list[bool]] = [[] for _ in thresholds]
    found = stops(questions, orders, manifest, waves, thresholds)
    for question, by_order in zip(questions, found, strict=True):
        for by_threshold in by_order:
            for at, stop in enumerate(by_threshold):
                shares[at].append(stop.spent / len(question.answers))
                rights[at].append(stop.right)
    return np.column_stack([np.mean(shares, axis=1), np.mean(rights, axis=1)])


def _fitted(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: manifest.get(name) for name in ("calibration", "selector")}


def _each(
    operation: str,
    questions: Sequence[Scored],
    orders: Sequence[Sequence[Order]] | None,
    fields: dict[str, Any],
) -> Iterator[Any]:
    """The reply of every question, asked for in pieces."""
    rows = [
        _row(question, None if orders is None else orders[index])
        for index, question in enumerate(questions)
    ]
    requests = ({**fields, "questions": part} for part in _pieces(rows))
    for reply in ask_each(operation, requests):
        yield from reply["questions"]


def _pieces(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    piece: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        piece.append(row)
        size += len(row["answers"]) + sum(map(len, row["orders"] or ()))
        if size >= CHUNK:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _row(question: Scored, orders: Sequence[Order] | None) -> dict[str, Any]:
    logits = question.logits
    # What is no number scores nothing: a run that diverged is still decided by the vote.
    finite = logits is not None and bool(np.isfinite(logits).all())
    return {
        "labels": question.labels,
        "closed": question.closed,
        "context": question.has_context,
        "unseen": question.unseen,
        "task": question.task,
        "answers": question.answers,
        "correct": [bool(right) for right in question.correct],
        "logits": logits.tolist() if finite and logits is not None else None,
        "orders": None if orders is None else [list(map(int, order)) for order in orders],
    }


def _decisions(part: dict[str, Any]) -> Decisions:
    decision = Decision(part["answer"], part["right"], part["score"], part["confidence"])
    names = ("best_of", "vote", "majority", "group", "parsed", "few")
    return Decisions(decision, *(part[name] for name in names))


def _units(rows: Sequence[dict[str, Any]], width: int) -> Units:
    return Units(
        tuple(row["answer"] for row in rows),
        np.array([row["features"] for row in rows], dtype=np.float64).reshape(len(rows), width),
        np.array([row["right"] for row in rows], dtype=np.float64),
        np.array([row["tie"] for row in rows], dtype=np.int64),
    )
