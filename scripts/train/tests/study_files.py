"""A tiny study: two tasks, three sets, a run of each kind."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

from conftest import record

_STUDY = """
[study]
most = 20
threads = 1
timing = 2
k = [1, 2, 4]

[train]
base = {base!r}
passes = 80
batch = 4
learning_rate = 2e-3
head_learning_rate = 5e-3
warmup_steps = 5
validate_every = 80
checkpoint_every = 8
keep = 1
threads = 1
bf16 = false

[[set]]
file = "pubmedqa_toy-a_x6.jsonl.gz"
[[set]]
file = "medqa_toy-b_x6.jsonl.gz"
per_round = 0.5
candidates = 4
[[set]]
file = "pubmedqa_toy-c_x4.jsonl.gz"
role = "apart"

[models]
black_box = ["strong"]
open = ["test-llm"]

[cost]
k = [2]
prompt_tokens = 100
completion_tokens = 50
machine = [{{ name = "box", hour = 3.6, source = "made up", date = "2026-01-01" }}]
llm = [
  {{ name = "llm", prompt = 1.0, completion = 10.0, source = "made up", date = "2026-01-02" }},
]
"""
RUNS = {
    "all": "",
    "layers-1": "layers = 1",
    "cross": 'attention = "cross"',
    "share-1-2": "share = 0.5",
    "bce": 'train = { loss = "bce" }',
    "task-pubmedqa": 'task = "pubmedqa"',
    "llm-c": 'sets = ["pubmedqa_toy-c_x4.jsonl.gz"]',
}


def study_text(base: Path, runs: dict[str, str]) -> str:
    """The study's file."""
    tables = [f'[[run]]\nname = "{name}"\n{more}\n' for name, more in runs.items()]
    return _STUDY.format(base=str(base)) + "\n".join(tables)


def write_sets(folder: Path) -> None:
    """120 questions a set; in the first, half of the candidates are another LLM's."""
    sets = {"pubmedqa_toy-a_x6": 6, "medqa_toy-b_x6": 6, "pubmedqa_toy-c_x4": 4}
    for seed, (name, count) in enumerate(sets.items()):
        rng = random.Random(seed)
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as stream:
            for number in range(120):
                row = record(number, rng, count)
                if seed == 0:
                    _strengthen(row, rng)
                stream.write(json.dumps(row) + "\n")


def _strengthen(row: dict[str, Any], rng: random.Random) -> None:
    """Every other candidate is `strong-llm`'s, and more often right."""
    for candidate in row["candidates"][::2]:
        candidate["model"] = "strong-llm"
        if rng.random() < 0.5:
            candidate.update(answer=row["gold"], correct=True, text="because the drug works")
