"""The task registry, prompts and the answer parser: the golden files that TypeScript passes too."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.data.tasks import (
    Option,
    is_correct,
    judge_prompt,
    label_options,
    render_option,
    render_prompt,
    task_by_id,
    task_ids,
)
from medadapter_train.generate.answer_parser import parse_answer, read_verdict

FIXTURES = Path(__file__).resolve().parents[4] / "test" / "fixtures"


def golden(name: str) -> list[dict[str, Any]]:
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


ANSWERS = golden("answers.jsonl")
PROMPTS = golden("prompts.golden.jsonl")
DRUGS: list[Option] = [("A", "Aspirin"), ("B", "Ibuprofen"), ("C", "Aspirin and ibuprofen")]


def test_the_golden_table_is_large_enough() -> None:
    assert len(ANSWERS) >= 90


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: f"{row['task']}: {row['text'][:60]!r}")
def test_answers_are_read_as_in_the_golden_table(row: dict[str, Any]) -> None:
    options = list((row["options"] or {}).items())
    parsed = parse_answer(task_by_id(row["task"]), options, row["text"])
    assert parsed == (row["label"], row["how"])


@pytest.mark.parametrize("row", PROMPTS, ids=lambda row: row["task"])
def test_prompts_are_rendered_as_in_the_golden_file(row: dict[str, Any]) -> None:
    options = [(option["label"], option["text"]) for option in row["options"]]
    task = task_by_id(row["task"])
    assert render_prompt(task, row["question"], options, row["context"]) == row["messages"]


@pytest.mark.parametrize("task_id", task_ids())
def test_the_worked_example_ends_in_an_answer_that_the_parser_reads(task_id: str) -> None:
    task = task_by_id(task_id)
    example = task.demonstration
    label, how = parse_answer(task, example.options, example.answer)
    if task.kind == "free":
        assert (label, how) == (None, "none")
    else:
        assert how == "marker"
        assert example.answer.endswith(f"\n#### {label}")


def test_every_task_stands_in_the_prompt_file_and_labels_belong_to_closed_tasks() -> None:
    assert {row["task"] for row in PROMPTS} == set(task_ids())
    for task in map(task_by_id, task_ids()):
        assert bool(task.labels) == (task.kind == "closed")
        assert set(task.aliases) <= set(task.labels)
        assert label_options(task) == [(label, label) for label in task.labels]


def test_options_are_written_with_their_letter_unless_it_is_their_text() -> None:
    assert render_option(("A", "Rest")) == "A. Rest"
    assert render_option(("Yes", "yes")) == "yes"


def test_a_label_is_right_where_it_is_the_gold_label() -> None:
    assert is_correct("yes", "Yes ")
    assert not is_correct("A", "B")
    assert not is_correct(None, "A")


def test_the_llm_judge_sees_the_texts_as_they_are() -> None:
    assert judge_prompt(task_by_id("medqa"), "Q", "R", "C") is None
    chat = judge_prompt(task_by_id("mediqa"), "Q {reference}", "R {candidate}", "C")
    assert chat is not None
    assert "Question: Q {reference}\n" in chat[1]["content"]
    assert "Reference answer: R {candidate}\n" in chat[1]["content"]
    assert re.search(r"Answer to judge: C\n", chat[1]["content"])


@pytest.mark.parametrize(
    ("text", "verdict"), [("Same.\n#### yes", True), ("#### no", False), ("I cannot say.", None)]
)
def test_verdicts(text: str, verdict: bool | None) -> None:
    assert read_verdict(text) is verdict


@pytest.mark.parametrize("unit", ["A ", 'Answer("A") or ', "aspirin ((((", "#### A\n", "\\"])
def test_a_megabyte_is_read_in_linear_time(unit: str) -> None:
    """Seconds; what is quadratic takes many minutes."""
    text = unit * (1_000_000 // len(unit)) + "\nAnswer: B"
    start = time.perf_counter()
    parse_answer(task_by_id("mcq"), DRUGS, text)
    assert time.perf_counter() - start < 60
