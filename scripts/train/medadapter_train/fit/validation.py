"""Early validation during training: what the adapter adds to the vote, by set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medadapter_train.fit.token_store import Row, TokenStore
from medadapter_train.model.packed import Packed
from medadapter_train.model.rankers import Ranker


@dataclass(frozen=True, slots=True)
class SetScore:
    """Accuracies of one set; ties of the vote count by their expected value."""

    questions: int
    single: float
    majority: float
    best_of: float
    weighted: float
    oracle: float
    auc: float


def score_row(model: Ranker, row: Row) -> NDArray[np.float64]:
    """Logits [C] of a question's candidates."""
    device = next(model.parameters()).device
    logits = model(Packed.of(row.prefix, row.candidates).to(device))
    return np.asarray(logits.float().cpu().numpy(), dtype=np.float64)


def vote_share_right(answers: Sequence[str | None], correct: Sequence[bool]) -> float:
    """Expected accuracy of the majority answer, ties broken at random. Without any answer (free
    text) any candidate may win."""
    if not any(answer is not None for answer in answers):
        return float(np.mean(correct))
    counts: dict[str, int] = {}
    right: dict[str, bool] = {}
    for answer, good in zip(answers, correct, strict=True):
        if answer is not None:
            counts[answer] = counts.get(answer, 0) + 1
            right[answer] = good
    top = max(counts.values())
    leaders = [a for a, n in counts.items() if n == top]
    return sum(right[a] for a in leaders) / len(leaders)


def weighted_right(
    answers: Sequence[str | None], correct: Sequence[bool], weights: NDArray[np.float64]
) -> bool:
    """Whether the answer with the greatest sum of weights is right. Without any answer (free text)
    each candidate is one."""
    sums: dict[str, float] = {}
    right: dict[str, bool] = {}
    for answer, good, weight in zip(answers, correct, weights, strict=True):
        if answer is not None:
            sums[answer] = sums.get(answer, 0.0) + float(weight)
            right[answer] = good
    if not sums:
        return correct[int(np.argmax(weights))]
    return right[max(sums, key=lambda a: sums[a])]


def area_under_curve(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Probability that a right candidate scores above a wrong one; nan with one class."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    positive = int(labels.sum())
    negative = len(labels) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


@torch.no_grad()
def validate(
    model: Ranker, store: TokenStore, per_set: int, sets: Sequence[str]
) -> dict[str, SetScore]:
    """Score the first `per_set` questions of each set (0: all)."""
    wanted: dict[str, list[int]] = {}
    for index, name in enumerate(store.sets):
        chosen = wanted.setdefault(name, [])
        if (not sets or name in sets) and (per_set == 0 or len(chosen) < per_set):
            chosen.append(index)
    return {
        name: _set_score([(row := store[i], score_row(model, row)) for i in rows])
        for name, rows in wanted.items()
        if rows
    }


def _set_score(scored: list[tuple[Row, NDArray[np.float64]]]) -> SetScore:
    logits = np.concatenate([s for _, s in scored])
    labels = np.concatenate([np.array(r.correct) for r, _ in scored])
    return SetScore(
        questions=len(scored),
        single=float(np.mean([np.mean(r.correct) for r, _ in scored])),
        majority=float(np.mean([vote_share_right(r.answers, r.correct) for r, _ in scored])),
        best_of=float(np.mean([r.correct[int(np.argmax(s))] for r, s in scored])),
        weighted=float(
            np.mean([weighted_right(r.answers, r.correct, 1 / (1 + np.exp(-s))) for r, s in scored])
        ),
        oracle=float(np.mean([any(r.correct) for r, _ in scored])),
        auc=area_under_curve(logits, labels),
    )


def macro_gain(scores: Mapping[str, SetScore]) -> float:
    """Mean over the sets of weighted vote less majority."""
    return float(np.mean([s.weighted - s.majority for s in scores.values()]))


def table(scores: Mapping[str, SetScore]) -> str:
    """One line a set."""
    lines = [f"{'set':34} {'n':>4} single  SC@K  best  wght oracle  auc"]
    for name, s in scores.items():
        lines.append(
            f"{name:34} {s.questions:4d} {s.single:6.3f} {s.majority:5.3f} {s.best_of:5.3f} "
            f"{s.weighted:5.3f} {s.oracle:6.3f} {s.auc:.3f}"
        )
    lines.append(f"macro gain of weighted over SC@K: {macro_gain(scores):+.4f}")
    return "\n".join(lines)
