"""Tasks, prompts and answers as the core gives them; what they have to be says `test/tasks`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.data.tasks import (
    Asked,
    ToJudge,
    ToParse,
    judge_prompts,
    parse_all,
    prompts,
    task_by_id,
    task_ids,
    task_of,
    verdicts,
)
from medadapter_train.errors import DataError

FIXTURES = Path(__file__).resolve().parents[4] / "test" / "fixtures"


def golden(name: str) -> list[dict[str, Any]]:
    text = (FIXTURES / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def test_answers_come_back_by_question_and_text_as_the_golden_table_has_them() -> None:
    rows = golden("answers.jsonl")
    # Each with another text before its own, whose answer is known: none is taken for another's.
    questions = [
        ToParse(row["task"], tuple((row["options"] or {}).items()), ["", row["text"]], row["label"])
        for row in rows
    ]
    found = parse_all(questions)
    assert [empty for empty, _ in found] == [(None, "none", False)] * len(rows)
    assert [(answer.label, answer.how) for _, answer in found] == [
        (row["label"], row["how"]) for row in rows
    ]
    assert [answer.right for _, answer in found] == [row["label"] is not None for row in rows]


def test_prompts_come_back_in_order_as_the_golden_file_has_them() -> None:
    rows = golden("prompts.golden.jsonl")
    asked = [
        Asked(
            row["task"],
            row["question"],
            tuple((option["label"], option["text"]) for option in row["options"]),
            row["context"],
        )
        for row in rows
    ]
    # More than one request holds.
    assert prompts(asked * 20) == [row["messages"] for row in rows] * 20


def test_options_keep_the_order_in_which_they_are_given() -> None:
    options = (("10", "ten"), ("2", "two"), ("1", "one"))
    ((*_, last),) = prompts([Asked("mcq", "Which?", options, None)])
    assert last["content"].index("10. ten") < last["content"].index("2. two")


def test_a_label_is_right_where_it_is_the_gold_label_in_any_case() -> None:
    options = (("Yes", "Yes"), ("No", "No"))
    ask = [ToParse("yesno", options, ["#### yes"], gold) for gold in ("yes ", "no", None)]
    assert [answer.right for (answer,) in parse_all(ask)] == [True, False, False]


def test_judges_and_their_verdicts() -> None:
    both = judge_prompts([ToJudge("medqa", "Q", "R", "C"), ToJudge("mediqa", "Q", "R", "C")])
    assert both[0] is None
    assert both[1] is not None
    assert "Answer to judge: C\n" in both[1][1]["content"]
    assert verdicts(["Same.\n#### yes", "#### no", "I cannot say."]) == [True, False, None]


def test_a_task_tells_what_commands_ask_of_it() -> None:
    assert len(task_ids()) == 12
    assert task_ids() == sorted(task_ids())
    pubmedqa = task_by_id("pubmedqa")
    assert (pubmedqa.kind, pubmedqa.labels) == ("closed", ("yes", "no", "maybe"))
    assert task_by_id("mediqa").judge == "llm"
    assert task_by_id("medqa").options == "required"
    assert (task_of("mirage_mmlu_x6"), task_of("toy")) == ("mmlu_med", None)


def test_an_unknown_task_is_named_as_a_field() -> None:
    with pytest.raises(KeyError):
        task_by_id("nosuchtask")
    with pytest.raises(DataError) as caught:
        prompts([Asked("a patient's own words", "Q", (), None)])
    assert caught.value.kind == "unknown_task"
    assert "patient" not in str(caught.value)
