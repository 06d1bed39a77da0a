"""A small whole run: its TOML, its questions, its feedback, and what the LLM of the tests says."""

from __future__ import annotations

from pathlib import Path

from medadapter_train.jsonl import write_jsonl

QUESTIONS = 45

_RUN = """
[run]
folder = "work"
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
sets = ["made_x4.jsonl.gz"]

[evaluate]
split = "all"
sets = ["made_x4.jsonl.gz"]

[publish]
channel = "stable"
endpoint = "{endpoint}"
bucket = "{bucket}"
"""


def write_run(folder: Path, url: str, endpoint: str, bucket: str, base: Path, name: str) -> Path:
    """The run's file with its inputs beside it."""
    path = folder / "run.toml"
    values = {"url": url, "endpoint": endpoint, "bucket": bucket, "base": base, "name": name}
    path.write_text(_RUN.format(**values))
    kinds = ("fever", "rash", "cough", "pain", "fatigue", "thirst")
    questions = [
        {
            "id": str(i),
            "dataset": "made",
            "task": "yesno",
            "question": f"Is {kinds[i % 6]} number {i} a sign of illness {i * 7 % 31}?",
            "context": None,
            "options": {"yes": "yes", "no": "no"},
            "gold": "yes" if i * 5 % 7 < 4 else "no",
        }
        for i in range(QUESTIONS)
    ]
    write_jsonl(folder / "questions.jsonl", questions)
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


def answer(_messages: list[dict[str, str]], number: int) -> str:
    """Completion `number` of a server: the same for the same number."""
    said = "yes" if number * 13 % 10 < 6 else "no"
    return f"I have thought about it {number} times.\n#### {said}"
