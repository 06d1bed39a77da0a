"""How long scoring a question takes: several runs' adapters on the same questions, in turn."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medadapter_train.jsonl import write_json
from medadapter_train.metrics import mean_with_interval
from medadapter_train.stamps import Stamp
from medadapter_train.study.questions import Questions
from medadapter_train.study.runs import Run

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
