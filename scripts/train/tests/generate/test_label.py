"""Outcome labels: the registry's judge, the LLM judge with its agreement, what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer

from medadapter_train.data.candidates import read_records
from medadapter_train.errors import ConfigError, DataError
from medadapter_train.generate.human_labels import check_matched
from medadapter_train.generate.label import label
from medadapter_train.generate.llm_settings import LlmSettings
from medadapter_train.system.files import read_jsonl, write_jsonl

TEXTS = [
    "Beta cells do it.\n#### B",
    "Alpha cells.\n#### A",
    "I cannot say.",
    "B, I think.\n#### B",
]


def question(**changes: Any) -> dict[str, Any]:
    texts = changes.pop("texts", TEXTS)
    base = {
        "id": "1",
        "dataset": "d",
        "task": "medmcqa",
        "split": "train",
        "question": "Which cells of the pancreas secrete insulin?",
        "context": None,
        "options": {"A": "Alpha cells", "B": "Beta cells", "C": "Delta cells"},
        "gold": "B",
        "candidates": [
            {"cid": str(i), "model": "m", "method": "T=1", "text": text}
            for i, text in enumerate(texts)
        ],
    }
    return {**base, **changes}


def summary(**changes: Any) -> dict[str, Any]:
    texts = ["The arm heals.", "The arm does not heal."]
    free = {"task": "cord19", "options": {}, "gold": "The arm heals.", "question": "Summarise."}
    return question(**{**free, "context": "A long text on an arm.", "texts": texts, **changes})


def files(tmp_path: Path, *rows: dict[str, Any]) -> tuple[Path, Path]:
    source = tmp_path / "candidates.jsonl"
    write_jsonl(source, rows)
    return source, tmp_path / "labelled.jsonl"


def test_labels_come_of_the_parsed_answer_and_the_unreadable_stay_a_class(tmp_path: Path) -> None:
    source, out = files(tmp_path, question())
    counts = label(source, out).tasks["medmcqa"]
    [record] = read_records(out)
    assert [c.answer for c in record.candidates] == ["B", "A", None, "B"]
    assert [c.correct for c in record.candidates] == [True, False, False, True]
    assert (counts.candidates, counts.parsed, counts.right, counts.some_right) == (4, 3, 2, 1)
    assert counts.parse_rate == 0.75
    [(_, raw)] = read_jsonl(out)
    assert raw["candidates"][2]["parsed"] == "none"


def test_questions_whose_gold_is_secret_are_left_out_and_counted(tmp_path: Path) -> None:
    source, out = files(tmp_path, question(), question(id="2", gold=None))
    assert label(source, out).tasks["medmcqa"].no_gold == 1
    assert len(list(read_records(out))) == 1
    source, out = files(tmp_path, question(gold=None))
    with pytest.raises(DataError) as caught:
        label(source, out)
    assert caught.value.kind == "no_gold"


def judge_server(verdicts: dict[str, str]) -> LlmServer:
    def answer(messages: list[dict[str, str]], _number: int) -> str:
        text = messages[-1]["content"]
        return next(reply for part, reply in verdicts.items() if f"judge: {part}" in text)

    return LlmServer(answer=answer)


def test_an_llm_judges_free_text_and_is_not_paid_twice(tmp_path: Path) -> None:
    source, out = files(tmp_path, summary())
    verdicts = {"The arm heals.": "Same.\n#### yes", "The arm does not": "No.\n#### no"}
    with judge_server(verdicts) as llm:
        judge = LlmSettings(model="j", base_url=llm.url, temperature=0.0)
        label(source, out, judge=judge)
        label(source, out, judge=judge)
        assert len(llm.requests) == 2
        assert "A long text" in llm.requests[0]["messages"][-1]["content"]
    [record] = read_records(out)
    assert [c.correct for c in record.candidates] == [True, False]


def test_a_verdict_that_cannot_be_read_is_no_label(tmp_path: Path) -> None:
    source, out = files(tmp_path, summary())
    verdicts = {"The arm heals.": "#### yes", "The arm does not": "Hard to tell, perhaps."}
    with judge_server(verdicts) as llm:
        judge = LlmSettings(model="j", base_url=llm.url)
        counts = label(source, out, judge=judge).tasks["cord19"]
    assert (counts.candidates, counts.parsed) == (2, 1)
    [record] = read_records(out)
    assert [c.correct for c in record.candidates] == [True]


def test_free_text_without_a_judge_is_refused(tmp_path: Path) -> None:
    source, out = files(tmp_path, summary())
    with pytest.raises(ConfigError) as caught:
        label(source, out)
    assert caught.value.kind == "judge_missing"
    assert not out.exists()


def test_agreement_with_people_is_measured_on_what_they_labelled(tmp_path: Path) -> None:
    rows = [summary(id=str(i)) for i in range(20)]
    source, out = files(tmp_path, *rows)
    human = tmp_path / "human.jsonl"
    people = [{"id": str(i), "cid": c, "correct": c == "0"} for i in range(20) for c in "01"]
    people[0]["correct"] = False
    write_jsonl(human, people)
    with judge_server({"The arm heals.": "#### yes", "The arm does not": "#### no"}) as llm:
        judge = LlmSettings(model="j", base_url=llm.url)
        found = label(source, out, judge=judge, human=human).agreement
    assert found is not None
    assert (found.items, found.groups) == (40, 20)
    assert found.kappa == pytest.approx(0.95, abs=0.001)
    assert found.low is not None
    assert found.low < 0.95


def test_a_judge_that_people_disagree_with_labels_nothing(tmp_path: Path) -> None:
    source, out = files(tmp_path, question())
    human = tmp_path / "human.jsonl"
    write_jsonl(human, [{"id": "1", "cid": str(c), "correct": c == 1} for c in range(4)])
    with pytest.raises(DataError) as caught:
        label(source, out, human=human, min_kappa=0.6)
    assert caught.value.kind == "judge_disagrees"
    assert not out.exists()


def test_people_cannot_label_what_is_not_there(tmp_path: Path) -> None:
    source, out = files(tmp_path, question())
    human = tmp_path / "human.jsonl"
    human.write_text(json.dumps({"id": "9", "cid": "0", "correct": True}) + "\n")
    with pytest.raises(DataError) as caught:
        label(source, out, human=human)
    assert caught.value.kind == "human_unmatched"
    assert not out.exists()


def people(tmp_path: Path, *lines: dict[str, Any]) -> Path:
    path = tmp_path / "human.jsonl"
    write_jsonl(path, lines)
    return path


def test_of_several_sets_each_is_measured_by_its_own_lines(tmp_path: Path) -> None:
    source, out = files(tmp_path, question())
    own = [{"id": "1", "cid": str(c), "correct": c in (0, 3)} for c in range(4)]
    other = {"id": "9", "cid": "0", "correct": False}
    alike = {"id": "1", "cid": "0", "correct": False, "set": "other.jsonl.gz"}
    human = people(tmp_path, other, alike, *own)
    found = label(source, out, human=human, of_several=True).agreement
    assert found is not None
    assert (found.items, found.observed) == (4, 0.75)
    human = people(tmp_path, other)
    assert label(source, out, human=human, min_kappa=0.9, of_several=True).agreement is None


def test_a_line_of_no_label_is_an_error_of_several_sets_too(tmp_path: Path) -> None:
    source, out = files(tmp_path, question(), question(id="2", gold=None))
    human = people(tmp_path, {"id": "2", "cid": "0", "correct": True})
    with pytest.raises(DataError) as caught:
        label(source, out, human=human, of_several=True)
    assert caught.value.kind == "human_unmatched"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"id": "2"}, None),
        ({"id": "1", "set": "one_x4.jsonl.gz"}, None),
        ({"id": "1", "set": "two_x4"}, None),
        ({"id": "1"}, "human_ambiguous"),
        ({"id": "3"}, "human_unmatched"),
        ({"id": "2", "set": "one_x4"}, "human_unmatched"),
    ],
)
def test_a_persons_line_belongs_to_one_candidate_of_all_sets(
    tmp_path: Path, line: dict[str, Any], kind: str | None
) -> None:
    one, two = tmp_path / "one_x4.jsonl.gz", tmp_path / "two_x4.jsonl.gz"
    write_jsonl(one, [question()])
    write_jsonl(two, [question(), question(id="2")])
    human = people(tmp_path, {"cid": "0", "correct": True, **line})
    if kind is None:
        check_matched(human, [one, two])
        return
    with pytest.raises(DataError) as caught:
        check_matched(human, [one, two])
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"candidates": []}, "no_candidates"),
        ({"candidates": [{"cid": "0"}]}, "bad_record"),
        ({"task": "none"}, "unknown_task"),
    ],
)
def test_bad_files_are_named_failures(tmp_path: Path, changes: dict[str, Any], kind: str) -> None:
    source, out = files(tmp_path, question(**changes))
    with pytest.raises(DataError) as caught:
        label(source, out)
    assert caught.value.kind == kind
    assert f"{source.name}:1: " in str(caught.value)
    assert "pancreas" not in str(caught.value)
