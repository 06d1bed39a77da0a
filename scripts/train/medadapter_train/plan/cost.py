"""What a plan costs: by the prices of its file and the length of what was asked and written.

Tokens are estimated from characters (generate/cost.py): the data has no counts of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medadapter_train.plan.config import PlanConfig
from medadapter_train.plan.questions import PlanQuestion

Floats = NDArray[np.float64]


def source_costs(plan: PlanConfig, questions: Sequence[PlanQuestion]) -> dict[str, Floats] | None:
    """Money for each question [questions], by source; None where a price is missing. A prompt is
    billed once for all candidates of a source, as with `n`."""
    prices = {llm.name: llm.price for stage in plan.stage for llm in stage.llm}
    costs = {name: np.zeros(len(questions)) for name in prices}
    for at, question in enumerate(questions):
        asked: set[str] = set()
        for vote in question.votes:
            price = prices[vote.source]
            if price is None:
                return None
            prompt, completion = vote.tokens
            first = vote.source not in asked
            asked.add(vote.source)
            money = (prompt * price.prompt if first else 0.0) + completion * price.completion
            costs[vote.source][at] += money / 1e6
    return costs


def stage_costs(plan: PlanConfig, questions: Sequence[PlanQuestion]) -> Floats | None:
    """Money [questions, stages]; None where a price is missing."""
    costs = source_costs(plan, questions)
    if costs is None:
        return None
    return np.stack(
        [np.sum([costs[name] for name in stage], axis=0) for stage in plan.sources], axis=1
    )
