"""Feedback as training data: what counts, what is quarantined, and that nothing else gets in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.data.candidates import parse_records
from medadapter_train.data.feedback import feedback_files, read_feedback, write_feedback
from medadapter_train.errors import DataError

YES_NO = {"yes": "yes", "no": "no"}
ABC = {"A": "iron", "B": "zinc", "C": "copper"}


def entry(**changes: Any) -> dict[str, Any]:
    base = {
        "id": "f1",
        "tenant": "clinic",
        "trusted": True,
        "question": "Which metal does haemoglobin hold?",
        "options": ABC,
        "context": None,
        "llm": "some-llm",
        "candidates": [
            {"text": "Iron it is. #### A", "answer": "A"},
            {"text": "Zinc. #### B", "answer": "B"},
            {"text": "I cannot say.", "answer": None},
        ],
        "scores": [1.0, -1.0, 0.0],
        "chosen": 0,
        "outcome": {"gold": "A"},
    }
    return {**base, **changes}


def read(tmp_path: Path, *entries: Any, tenant: str | None = "clinic") -> Any:
    path = tmp_path / "feedback.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in entries))
    return read_feedback([path], tenant)


def labels(record: dict[str, Any]) -> list[bool]:
    return [candidate["correct"] for candidate in record["candidates"]]


def test_a_gold_label_judges_every_candidate(tmp_path: Path) -> None:
    [record] = read(tmp_path, entry()).records.values()
    assert labels(record) == [True, False, False]
    (parsed,) = parse_records([("test", record)], "feedback")
    assert (parsed.gold, len(parsed.candidates)) == ("A", 3)


def test_evidence_is_read_as_what_the_llm_did_not_see(tmp_path: Path) -> None:
    [record] = read(tmp_path, entry(evidence="Haem holds iron.")).records.values()
    (parsed,) = parse_records([("test", record)], "feedback")
    assert (parsed.context, parsed.unseen) == ("Haem holds iron.", True)
    assert read(tmp_path, entry(evidence=7)).records == {}


@pytest.mark.parametrize(
    ("task", "kept"), [("medqa", "medqa"), ("no-such-task", ""), (7, ""), (None, "")]
)
def test_a_known_task_is_kept(tmp_path: Path, task: Any, kept: str) -> None:
    """What is fitted is grouped by task, and what a split goes by is."""
    [record] = read(tmp_path, entry(task=task)).records.values()
    (parsed,) = parse_records([("test", record)], "feedback")
    assert parsed.task == kept


def test_a_right_answer_is_the_gold_label(tmp_path: Path) -> None:
    [record] = read(tmp_path, entry(outcome={"correct": True}, chosen=1)).records.values()
    assert labels(record) == [False, True, False]


def test_a_wrong_answer_of_two_names_the_other(tmp_path: Path) -> None:
    candidates = [{"text": "yes", "answer": "yes"}, {"text": "no", "answer": "no"}]
    wrong = entry(options=YES_NO, candidates=candidates, outcome={"correct": False})
    [record] = read(tmp_path, wrong).records.values()
    assert record["gold"] == "no"
    assert labels(record) == [False, True]


def test_ratings_count_at_the_ends_only(tmp_path: Path) -> None:
    entries = [entry(id=f"r{v}", outcome={"rating": v}, options=None) for v in range(7)]
    found = read(tmp_path, *entries)
    rated = {name: labels(record) for name, record in found.records.items()}
    assert rated == {
        "clinic/r1": [False],
        "clinic/r2": [False],
        "clinic/r4": [True],
        "clinic/r5": [True],
    }
    assert found.counts == {"no_outcome": 2, "rating_undecided": 1}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trusted": False}, "not_trusted"),
        ({"trusted": "true"}, "not_trusted"),
        ({"trusted": 1}, "not_trusted"),
        ({"tenant": "another"}, "other_tenant"),
        ({"tenant": None}, "malformed"),
        ({"question": " "}, "malformed"),
        ({"candidates": []}, "malformed"),
        ({"candidates": [{"text": ""}]}, "malformed"),
        ({"outcome": None}, "no_outcome"),
        ({"outcome": {"correct": "yes"}}, "no_outcome"),
        ({"outcome": {"gold": "Z"}}, "gold_unknown"),
        ({"outcome": {"correct": False}}, "gold_unknown"),
        ({"outcome": {"correct": True}, "chosen": 2}, "gold_unknown"),
        ({"outcome": {"correct": True}, "chosen": 9}, "malformed"),
    ],
)
def test_the_rest_is_quarantined_with_its_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    found = read(tmp_path, entry(**changes))
    assert found.records == {}
    assert found.counts == {reason: 1}
    assert found.quarantined[0][0] == "feedback.jsonl:1"


def test_other_tenants_count_only_when_all_are_asked_for(tmp_path: Path) -> None:
    entries = [entry(), entry(tenant="another")]
    assert list(read(tmp_path, *entries).records) == ["clinic/f1"]
    assert len(read(tmp_path, *entries, tenant=None).records) == 2


def test_a_later_outcome_replaces_an_earlier_one(tmp_path: Path) -> None:
    found = read(tmp_path, entry(), entry(outcome={"gold": "B"}))
    assert found.records["clinic/f1"]["gold"] == "B"
    assert found.counts == {"replaced": 1}


def test_a_folder_of_files_is_read_and_an_empty_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        feedback_files(str(tmp_path), tmp_path, None)
    (tmp_path / "a.jsonl").write_text("{}\n")
    assert feedback_files(str(tmp_path), tmp_path, None) == [tmp_path / "a.jsonl"]


def test_a_tenant_must_be_named_and_an_empty_harvest_writes_nothing(tmp_path: Path) -> None:
    place, out = tmp_path / "f.jsonl", tmp_path / "out.jsonl"
    place.write_text(json.dumps(entry()) + "\n")
    for tenant, everyone, kind in (
        (None, False, "tenant_missing"),
        ("clinic", True, "tenant_missing"),
        ("another", False, "no_feedback"),
    ):
        with pytest.raises(DataError) as caught:
            write_feedback(str(place), out, tenant, all_tenants=everyone)
        assert caught.value.kind == kind
        assert not out.exists()
    assert len(write_feedback(str(place), out, None, all_tenants=True).records) == 1
    assert len(out.read_text().splitlines()) == 1
