"""A plan's figures on questions that it was not fitted on: cross-validated by question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medadapter_train.data.split import fold_key
from medadapter_train.plan.config import PlanConfig
from medadapter_train.plan.evaluate import SHARES, Values
from medadapter_train.plan.fit import fit_plan
from medadapter_train.plan.questions import PlanQuestion, Winner, decide
from medadapter_train.stats.metrics import interval

FOLDS = 5


def cross_validated(
    plan: PlanConfig,
    questions: Sequence[PlanQuestion],
    adapter: str | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> list[dict[str, Any]]:
    """The metrics of a fitted plan: each question decided by a fit without its fold. Another hash
    than the fit's own folds, or the folds inside would be uneven."""
    fold = np.array([fold_key(q.key[::-1]) % FOLDS for q in questions])
    # All of them are enough, or the plan was refused: so is a part.
    smaller = replace(plan, least=1)
    decided: list[Sequence[Winner | None]] = [()] * len(questions)
    for k in range(FOLDS):
        inside = [q for q, f in zip(questions, fold, strict=True) if f != k]
        outside = [i for i in range(len(questions)) if fold[i] == k]
        if not outside:
            continue
        say(f"fold {k + 1} of {FOLDS}")
        fit = fit_plan(smaller, inside, "cross", adapter)
        rows = decide([questions[i] for i in outside], fit, fit["adapter"])
        for i, row in zip(outside, rows, strict=True):
            decided[i] = row
    values = Values.of(plan, questions, decided)
    named = {
        "cheap_vote": values.cheap,
        "strong_alone": values.strong,
        "pool_vote": values.pool,
        "pool_weighted": values.final,
    }
    for share in SHARES if len(plan.stage) > 1 else ():
        named[f"share {share:g}"] = np.where(values.sent_on(share), values.final, values.stay)
    sets = "+".join(sorted({q.set_name for q in questions}))
    return [
        {
            "set": sets,
            "rule": rule,
            "n": len(questions),
            "value": float(right.mean()),
            **interval(right),
        }
        for rule, right in named.items()
    ]
