"""`plan evaluate`: what a fitted plan gives on labelled questions, beside every single LLM, every
vote and always asking the last stage.

Answers and confidences are the service's own (`plan_decide`). The curve sends the questions of the
least confidence on, for a share of all; no label is looked at for that. Intervals are bootstraps
over questions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medadapter_train.errors import DataError
from medadapter_train.plan.config import PlanConfig
from medadapter_train.plan.cost import source_costs, stage_costs
from medadapter_train.plan.questions import PlanQuestion, Winner, decide
from medadapter_train.stats.metrics import interval

Floats = NDArray[np.float64]
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)


def read_fit(path: Path) -> dict[str, Any]:
    """A fitted plan. Raises `DataError` file_missing, bad_plan."""
    try:
        fit = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DataError("file_missing", f"{path.name}: cannot be read") from None
    except ValueError:
        raise DataError("bad_plan", f"{path.name}: not JSON") from None
    if not isinstance(fit, dict) or "groups" not in fit:
        raise DataError("bad_plan", f"{path.name}: not a fitted plan")
    return fit


def evaluate_plan(
    plan: PlanConfig,
    fit: dict[str, Any],
    questions: Sequence[PlanQuestion],
    adapter: str | None = None,
) -> dict[str, Any]:
    """All figures, as `--json` has them."""
    decided = decide(questions, fit, adapter)
    values = Values.of(plan, questions, decided)
    curve = []
    for share in SHARES if len(plan.stage) > 1 else ():
        went = values.sent_on(share)
        right = np.where(went, values.final, values.stay)
        curve.append(
            {
                "share": share,
                "accuracy": float(right.mean()),
                **interval(right),
                "cost": values.cost(went),
                "over_cheap": _difference(right, values.cheap),
                "over_strong": _difference(right, values.strong),
            }
        )
    best = max(values.sources, key=lambda name: float(values.sources[name].mean()))
    return {
        "plan": plan.name,
        "n": len(questions),
        "cheap_vote": float(values.cheap.mean()),
        "best_source": float(values.sources[best].mean()),
        "strong_alone": float(values.strong.mean()),
        "pool_vote": float(values.pool.mean()),
        "pool_weighted": float(values.final.mean()),
        "paired_pool": _difference(values.final, values.sources[best]),
        "paired_pool_vote": _difference(values.final, values.pool),
        "curve": curve,
        "sources": {
            name: {"accuracy": float(right.mean()), "cost": values.source_cost(name)}
            for name, right in values.sources.items()
        },
        "best": best,
        "calibration": values.calibration(),
        "costs": {"cheap": values.cost_of_stage(0), "strong": values.cost_of_stage(-1)},
    }


class Values:
    """By question [questions]: right or not, for each way of answering; and what it costs."""

    def __init__(
        self,
        *,
        stay: Floats,
        final: Floats,
        confidence: Floats,
        cheap: Floats,
        strong: Floats,
        pool: Floats,
        sources: dict[str, Floats],
        costs: Floats | None,
        source_costs: dict[str, Floats] | None,
    ) -> None:
        self.stay, self.final, self.confidence = stay, final, confidence
        self.cheap, self.strong, self.pool, self.sources = cheap, strong, pool, sources
        self.costs, self.source_costs = costs, source_costs

    @classmethod
    def of(
        cls,
        plan: PlanConfig,
        questions: Sequence[PlanQuestion],
        decided: Sequence[Sequence[Winner | None]],
    ) -> Values:
        last = len(plan.stage) - 1
        before = max(0, last - 1)
        names = [name for stage in plan.sources for name in stage]
        return cls(
            stay=_right(questions, [row[before] for row in decided]),
            final=_right(questions, [row[last] for row in decided]),
            confidence=np.array([_sure(row[before]) for row in decided]),
            cheap=_voted(questions, set(plan.sources[0])),
            strong=_voted(questions, set(plan.sources[last])),
            pool=_voted(questions, set(names)),
            sources={name: _mean_right(questions, name) for name in names},
            costs=stage_costs(plan, questions),
            source_costs=source_costs(plan, questions),
        )

    def sent_on(self, share: float) -> NDArray[np.bool_]:
        """The least sure share of the questions. Of equal confidences those that stand first."""
        went = np.zeros(len(self.stay), dtype=np.bool_)
        order = np.argsort(self.confidence, kind="stable")
        went[order[: round(share * len(order))]] = True
        return went

    def cost(self, went: NDArray[np.bool_]) -> float | None:
        """Mean money a question."""
        if self.costs is None:
            return None
        return float((self.costs[:, :-1].sum(axis=1) + went * self.costs[:, -1]).mean())

    def cost_of_stage(self, stage: int) -> float | None:
        return None if self.costs is None else float(self.costs[:, stage].mean())

    def source_cost(self, name: str) -> float | None:
        return None if self.source_costs is None else float(self.source_costs[name].mean())

    def calibration(self) -> dict[str, float]:
        """Of the confidence that the cheap stage's winner is right."""
        return {
            "confidence": float(self.confidence.mean()),
            "accuracy": float(self.stay.mean()),
        }


def _right(questions: Sequence[PlanQuestion], winners: Sequence[Winner | None]) -> Floats:
    return np.array(
        [
            float(w is not None and w.answer == q.gold)
            for q, w in zip(questions, winners, strict=True)
        ]
    )


def _sure(winner: Winner | None) -> float:
    """Without an answer, nothing: such a question goes on first."""
    return -1.0 if winner is None or winner.confidence is None else winner.confidence


def _voted(questions: Sequence[PlanQuestion], sources: set[str]) -> Floats:
    """The chance that the plain vote of these sources is right: ties are broken at random."""
    values = np.zeros(len(questions))
    for at, question in enumerate(questions):
        counts: dict[str, int] = {}
        for vote in question.votes:
            if vote.source in sources and vote.answer is not None:
                counts[vote.answer] = counts.get(vote.answer, 0) + 1
        if not counts:
            continue
        most = max(counts.values())
        leaders = [answer for answer, count in counts.items() if count == most]
        values[at] = float(question.gold in leaders) / len(leaders)
    return values


def _mean_right(questions: Sequence[PlanQuestion], source: str) -> Floats:
    """The chance that one candidate of the source is right."""
    return np.array(
        [
            float(np.mean([v.answer == q.gold for v in q.votes if v.source == source]))
            for q in questions
        ]
    )


def _difference(values: Floats, other: Floats) -> dict[str, float]:
    paired = values - other
    return {"diff": float(paired.mean()), **interval(paired)}
