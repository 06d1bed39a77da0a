"""The registry's task that a candidate file is of, by its name where its records do not say."""

from __future__ import annotations

_TASKS = {
    "pubmedqa": "pubmedqa",
    "bioasq": "bioasq",
    "medmcqa": "medmcqa",
    "medqa": "medqa",
    "medqa5": "medqa",
    "mmlu": "mmlu_med",
}


def task_of(set_name: str) -> str | None:
    """By the words of its name; None where none of them tells."""
    words = set_name.lower().split("_")
    return next((_TASKS[w] for w in words if w in _TASKS), None)
