"""Rules on the same questions, with intervals: the bootstrap over questions.

A question that several sets share is drawn for all of them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.model.scoring import Scored
from medadapter_train.model.select import select_all
from medadapter_train.stats.metrics import area_under_curve

Floats = NDArray[np.float64]
Figure = dict[str, Any]
REPEATS = 2000


@dataclass(frozen=True)
class Part:
    """A set's questions with what each rule gets, 0 to 1, by question."""

    name: str
    keys: tuple[str, ...]
    rules: dict[str, Floats]
    scored: tuple[Scored, ...] = ()


def part_of(keys: Sequence[str], scored: Sequence[Scored], manifest: dict[str, Any]) -> Part:
    """One sample, self-consistency, best-of and the weighted vote, by the manifest's selector; the
    empty manifest's is the sum of probabilities."""
    decided = select_all(scored, manifest)
    found = {
        "single": np.array([float(np.mean(q.correct)) for q in scored]),
        "majority": np.array([d.majority for d in decided]),
        "best_of": np.array([float(d.best_of) for d in decided]),
        "weighted_vote": np.array([float(d.weighted.correct) for d in decided]),
    }
    return Part(scored[0].set_name, tuple(keys), found, tuple(scored))


@lru_cache(maxsize=16)
def _draws(keys: tuple[str, ...]) -> tuple[dict[str, int], NDArray[np.int16]]:
    """Each distinct question's column, and how often it is in each draw [REPEATS, questions]."""
    columns = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    count = len(columns)
    drawn = np.random.default_rng(1).multinomial(count, np.full(count, 1 / count), REPEATS)
    return columns, drawn.astype(np.int16)


class Sample:
    """Some sets' parts. Every figure is a mean over the sets with its 95 % interval; `n`: distinct
    questions."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        columns, drawn = _draws(tuple(key for part in parts for key in part.keys))
        self.n = len(columns)
        self.drawn = [drawn[:, [columns[key] for key in part.keys]] for part in parts]

    def _means(self, rule: str) -> tuple[Floats, Floats]:
        """By set: on the questions [sets], and in each draw [REPEATS, sets]; nan where a draw has
        none of its questions."""
        values = [part.rules[rule] for part in self.parts]
        point = np.array([v.mean() for v in values])
        with np.errstate(invalid="ignore"):
            shares = [d @ v / d.sum(axis=1) for d, v in zip(self.drawn, values, strict=True)]
        return point, np.stack(shares, axis=1)

    def _figure(self, point: Floats, draws: Floats) -> Figure:
        whole = draws[~np.isnan(draws).all(axis=1)]
        if np.isnan(point).all() or not len(whole):
            return {"n": self.n, "value": None, "low": None, "high": None}
        low, high = np.quantile(np.nanmean(whole, axis=1), [0.025, 0.975])
        value = float(np.nanmean(point))
        return {"n": self.n, "value": value, "low": float(low), "high": float(high)}

    def accuracy(self, rule: str) -> Figure:
        return self._figure(*self._means(rule))

    def gain(self, rule: str = "weighted_vote", over: str = "majority") -> Figure:
        """A rule less another on the same questions."""
        ours, other = self._means(rule), self._means(over)
        return self._figure(ours[0] - other[0], ours[1] - other[1])

    def relative(self, rule: str, over: str = "single") -> Figure:
        """(rule - other) / other of each set: the paper's measure."""
        ours, other = self._means(rule), self._means(over)
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = np.where(other[1] > 0, ours[1] / other[1] - 1, np.nan)
            point = np.where(other[0] > 0, ours[0] / other[0] - 1, np.nan)
        return self._figure(point, draws)

    def auc(self) -> Figure:
        """Chance that a right candidate of a set scores above a wrong one."""
        found = [_auc(p.scored, d) for p, d in zip(self.parts, self.drawn, strict=True)]
        point = np.array([value for value, _ in found])
        return self._figure(point, np.stack([draws for _, draws in found], axis=1))


def _auc(scored: Sequence[Scored], drawn: NDArray[np.int16]) -> tuple[float, Floats]:
    """On the questions, and in each draw: ties count half."""
    known = [(i, q) for i, q in enumerate(scored) if q.logits is not None]
    if not known:
        return float("nan"), np.full(len(drawn), np.nan)
    logits = np.concatenate([q.logits for _, q in known if q.logits is not None])
    right = np.concatenate([np.array(q.correct, dtype=np.bool_) for _, q in known])
    owner = np.concatenate([np.full(len(q.correct), i) for i, q in known])
    order = np.argsort(logits, kind="stable")
    ordered, right, owner = logits[order], right[order], owner[order]
    weights = drawn[:, owner].astype(np.float64)
    below = np.zeros((len(drawn), len(ordered) + 1))
    np.cumsum(weights * ~right, axis=1, out=below[:, 1:])
    starts = np.searchsorted(ordered, ordered[right], side="left")
    ends = np.searchsorted(ordered, ordered[right], side="right")
    wins = (weights[:, right] * (below[:, starts] + below[:, ends]) / 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = wins / (weights[:, right].sum(axis=1) * below[:, -1])
    return area_under_curve(ordered, right), draws
