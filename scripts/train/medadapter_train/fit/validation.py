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
from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import Decisions, select_all


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


def decided(rows: Sequence[tuple[Row, NDArray[np.float64]]]) -> list[Decisions]:
    """What the service would decide on scored questions, by rules that are fitted on nothing."""
    return select_all([_scored(row, logits) for row, logits in rows], {})


def _scored(row: Row, logits: NDArray[np.float64]) -> Scored:
    none = ("",) * len(row.answers)
    return Scored(
        set_name=row.set_name,
        labels=tuple({answer: None for answer in row.answers if answer is not None}),
        closed=False,
        has_context=False,
        gold="",
        answers=tuple(row.answers),
        correct=tuple(row.correct),
        sources=none,
        models=none,
        logits=logits,
    )


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
    chosen = decided(scored)
    return SetScore(
        questions=len(scored),
        single=float(np.mean([np.mean(r.correct) for r, _ in scored])),
        majority=float(np.mean([d.majority for d in chosen])),
        best_of=float(np.mean([r.correct[int(np.argmax(s))] for r, s in scored])),
        weighted=float(np.mean([d.weighted.correct for d in chosen])),
        oracle=float(np.mean([any(r.correct) for r, _ in scored])),
        auc=area_under_curve(logits, labels),
    )


def macro_gain(scores: Mapping[str, SetScore]) -> float:
    """Mean over the sets of weighted vote less majority."""
    return float(np.mean([s.weighted - s.majority for s in scores.values()]))


def table(scores: Mapping[str, SetScore]) -> str:
    """The scores as text, one line for each set."""
    lines = [f"{'set':34} {'n':>4} single  SC@K  best  wght oracle  auc"]
    for name, s in scores.items():
        lines.append(
            f"{name:34} {s.questions:4d} {s.single:6.3f} {s.majority:5.3f} {s.best_of:5.3f} "
            f"{s.weighted:5.3f} {s.oracle:6.3f} {s.auc:.3f}"
        )
    lines.append(f"macro gain of weighted over SC@K: {macro_gain(scores):+.4f}")
    return "\n".join(lines)
