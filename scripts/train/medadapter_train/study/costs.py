"""What fitting and answering take: money at the study's prices, and time, measured side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medadapter_train.generate.cost import Prices
from medadapter_train.stats.metrics import mean_with_interval
from medadapter_train.study.config_tables import CostTable, LlmTable, MachineTable
from medadapter_train.study.questions import Questions
from medadapter_train.study.runs import Run
from medadapter_train.system.files import write_json
from medadapter_train.system.stamps import Stamp

REPEATS = 3


def timing(
    runs: Sequence[Run], sets: Sequence[Questions], a_set: int, threads: int, folder: Path
) -> dict[str, Any]:
    """By run: its weights' number, milliseconds a question in the mean with an interval, `n`.

    Measured once, then read from `folder`.
    """
    records = [record for one in sets for record in one.records[:a_set]]
    asked = {"runs": [run.id for run in runs], "threads": threads}
    asked["questions"] = [[r.set_name, r.id] for r in records]
    file = folder / f"timing-{Stamp('study-timing', {}, asked).value[:10]}.json"
    if file.is_file():
        return dict(json.loads(file.read_text(encoding="utf-8")))
    torch.set_num_threads(threads)
    scorers = [run.scorer() for run in runs]
    for scorer in scorers:
        scorer.score(records[0])
    spent = np.zeros((len(runs), len(records), REPEATS))
    for at, record in enumerate(records):
        for repeat in range(REPEATS):
            for number, scorer in enumerate(scorers):
                started = time.perf_counter()
                scorer.score(record)
                spent[number, at, repeat] = time.perf_counter() - started
    found: dict[str, Any] = {}
    for run, scorer, seconds in zip(runs, scorers, spent, strict=True):
        parameters = dict(scorer.ranker.named_parameters())
        words = sum(p.numel() for name, p in parameters.items() if "word_embeddings" in name)
        found[run.table.name] = {
            "weights": sum(p.numel() for p in parameters.values()),
            "of_them_word_embeddings": words,
            "ms": {"n": len(records), **mean_with_interval(1000 * np.median(seconds, axis=1))},
        }
    write_json(file, found)
    return found


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
