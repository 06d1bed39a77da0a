"""What fitting and answering cost, at the prices that the study's file names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapter_train.cost import Prices
from medadapter_train.study.config_tables import CostTable, LlmTable, MachineTable


def costs(
    table: CostTable,
    spent: Sequence[dict[str, Any]],
    times: dict[str, Any],
    reference: str,
    passes: int,
) -> dict[str, Any]:
    """`fitting`: each run on each machine; `tuning`: an LLM itself, on one solution for each of the
    `passes` over a question that a run makes; `answers`: 1,000 of them with K candidates by each
    LLM, and the adapter's scoring of theirs on each machine.

    The prompt is billed once where the endpoint honours `n`, else K times.
    """
    fitting = [
        {
            "run": run["run"],
            "seconds": run["seconds"],
            "money": {m.name: m.hour * run["seconds"] / 3600 for m in table.machine},
        }
        for run in spent
        if run["seconds"] is not None
    ]
    tokens = passes * (table.prompt_tokens + table.completion_tokens)
    tuning = [
        {"llm": llm.name, "tokens": tokens, "money": tokens * llm.training / 1e6}
        for llm in table.llm
        if llm.training
    ]
    answers = []
    for llm in table.llm:
        prices = Prices(llm.prompt, llm.completion)
        for k in table.k:
            written = k * table.completion_tokens
            once = 1000 * prices.of(table.prompt_tokens, written)
            each = 1000 * prices.of(k * table.prompt_tokens, written)
            answers.append({"llm": llm.name, "k": k, "prompt_once": once, "prompt_each": each})
    timed = times.get(reference)
    scoring = {}
    if timed is not None:
        seconds = timed["ms"]["value"]  # ms a question are seconds a thousand questions
        scoring = {m.name: m.hour * seconds / 3600 for m in table.machine}
    priced: list[MachineTable | LlmTable] = [*table.machine, *table.llm]
    return {
        "currency": table.currency,
        "prompt_tokens": table.prompt_tokens,
        "completion_tokens": table.completion_tokens,
        "machines": [{"name": m.name, "hour": m.hour} for m in table.machine],
        "fitting": fitting,
        "tuning": tuning,
        "answers": answers,
        "scoring_1000": scoring,
        "prices": [{"name": p.name, "source": p.source, "date": p.date} for p in priced],
    }
