"""A small whole run: its TOML, its questions, its feedback, and what the LLM of the tests says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medadapter_train.system.files import write_jsonl

QUESTIONS = 20
HELD_OUT = 45

_RUN = """
[run]
folder = "work"
candidates = "."
choose = false

[[generate]]
questions = "questions.jsonl"
set = "made_x4.jsonl.gz"
k = 4
[generate.llm]
model = "fake"
base_url = "{url}"
seed = 1
parallel = 1

[feedback]
place = "feedback.jsonl"
tenant = "clinic"

[train]
base = "{base}"
passes = 16
batch = 4
validate_every = 16
checkpoint_every = 8
bf16 = false
threads = 1
sets = [{{ file = "made_x4.jsonl.gz" }}]

[bundle]
name = "{name}"
version = "1.0.0"

[calibrate]
split = "all"
sets = ["held_out_x4.jsonl.gz"]

[evaluate]
split = "all"
sets = ["held_out_x4.jsonl.gz"]

[[plan]]
file = "plan.toml"

[publish]
channel = "stable"
endpoint = "{endpoint}"
bucket = "{bucket}"
"""


_PLAN = """
name = "made"
data = ["held_out_x4.jsonl.gz"]

[[stage]]
[[stage.llm]]
name = "fake"
model = "fake"
"""


def write_run(folder: Path, url: str, endpoint: str, bucket: str, base: Path, name: str) -> Path:
    """The run's file with its inputs beside it."""
    path = folder / "run.toml"
    values = {"url": url, "endpoint": endpoint, "bucket": bucket, "base": base, "name": name}
    path.write_text(_RUN.format(**values))
    (folder / "plan.toml").write_text(_PLAN)
    write_jsonl(folder / "questions.jsonl", [_question(i) for i in range(QUESTIONS)])
    held_out = [_labelled(_question(i)) for i in range(QUESTIONS, QUESTIONS + HELD_OUT)]
    write_jsonl(folder / "held_out_x4.jsonl.gz", held_out)
    entry = {
        "id": "f",
        "tenant": "clinic",
        "trusted": True,
        "question": "Is water wet?",
        "options": {"yes": "yes", "no": "no"},
        "candidates": [{"text": "It is.", "answer": "yes"}, {"text": "No.", "answer": "no"}],
        "outcome": {"gold": "yes"},
    }
    write_jsonl(folder / "feedback.jsonl", [entry, {**entry, "id": "g", "trusted": False}])
    return path


def _question(number: int) -> dict[str, Any]:
    kinds = ("fever", "rash", "cough", "pain", "fatigue", "thirst")
    return {
        "id": str(number),
        "dataset": "made",
        "task": "yesno",
        "question": f"Is {kinds[number % 6]} number {number} a sign of illness {number * 7 % 31}?",
        "context": None,
        "options": {"yes": "yes", "no": "no"},
        "gold": "yes" if number * 5 % 7 < 4 else "no",
    }


def _labelled(question: dict[str, Any]) -> dict[str, Any]:
    candidates = []
    for i in range(4):
        said = ("yes", "no")[(int(question["id"]) * 13 + i * 7) % 10 < 4]
        candidate = {"cid": str(i), "model": "fake", "method": "T=1", "text": f"It is {said}. {i}"}
        candidates.append({**candidate, "answer": said, "correct": said == question["gold"]})
    return {**question, "candidates": candidates}


def answer(_messages: list[dict[str, str]], number: int) -> str:
    """Completion `number` of a server: the same for the same number."""
    said = "yes" if number * 13 % 10 < 6 else "no"
    return f"I have thought about it {number} times.\n#### {said}"
