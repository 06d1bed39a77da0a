"""From a question file to a candidate file: the registry's prompts, one output or none, a bill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer

from medadapter_train.data.loaders.catalogue import LOADERS, load
from medadapter_train.data.loaders.common import Tally
from medadapter_train.data.questions import QuestionRecord, fit, read_fitted, write_questions
from medadapter_train.data.tasks import Asked, prompts
from medadapter_train.errors import ConfigError, DataError
from medadapter_train.generate.cost import GenerateError
from medadapter_train.generate.generate import estimate_generation, generate
from medadapter_train.generate.llm_settings import LlmSettings
from medadapter_train.system.files import read_jsonl
from medadapter_train.system.journal import journal_path

SAMPLES = Path(__file__).parents[1] / "samples"


def questions(task: str = "pubmedqa", split: str = "train") -> list[QuestionRecord]:
    return list(load(task, SAMPLES / task, split, Tally()))


def settings(llm: LlmServer, **changes: Any) -> LlmSettings:
    return LlmSettings(model="m", base_url=llm.url, timeout_s=5, **changes)


def test_a_candidate_file_comes_of_the_registrys_prompt(tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl.gz"
    with LlmServer() as llm:
        done = generate(questions(), out, settings(llm, price_prompt=1.0), 4)
    rows = [row for _where, row in read_jsonl(out)]
    assert (done.questions, done.candidates, done.bill.requests) == (2, 8, 2)
    assert done.bill.money == pytest.approx(200 / 1e6)
    assert [len(row["candidates"]) for row in rows] == [4, 4]
    assert rows[0]["options"] == {"yes": "yes", "no": "no", "maybe": "maybe"}
    record = questions()[0]
    (prompt,) = prompts([Asked("pubmedqa", record.question, record.options, record.context)])
    assert prompt in [request["messages"] for request in llm.requests]


@pytest.mark.parametrize("task", sorted(LOADERS))
def test_questions_of_every_loader_can_be_asked(task: str) -> None:
    for record in questions(task):
        assert fit(record, "") == record


def test_running_again_sends_nothing_and_writes_the_same_bytes(tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    with LlmServer() as llm:
        generate(questions(), out, settings(llm), 2)
        first = out.read_bytes()
        out.unlink()
        again = generate(questions(), out, settings(llm), 2)
        assert len(llm.requests) == 2
    assert out.read_bytes() == first
    assert again.resumed == 4


def test_a_greater_k_adds_to_what_is_there(tmp_path: Path) -> None:
    with LlmServer() as llm:
        generate(questions(), tmp_path / "c.jsonl", settings(llm), 2)
        generate(questions(), tmp_path / "c.jsonl", settings(llm), 3)
        assert [request.get("n") for request in llm.requests] == [2, 2, None, None]


def test_an_edited_question_is_asked_anew(tmp_path: Path) -> None:
    records = questions()
    with LlmServer() as llm:
        generate(records, tmp_path / "c.jsonl", settings(llm), 2)
        edited = [*records[:-1], fit(_changed(records[-1]), "")]
        generate(edited, tmp_path / "c.jsonl", settings(llm), 2)
        assert len(llm.requests) == 3


def _changed(record: QuestionRecord) -> QuestionRecord:
    raw = {**record.to_json(), "question": record.question + " In children?"}
    return QuestionRecord(**{**raw, "options": tuple(raw["options"].items())})


def test_a_dry_run_sends_nothing_and_counts_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    with LlmServer() as llm:
        chosen = settings(llm, price_prompt=1.0, price_completion=2.0, max_tokens=300)
        before = estimate_generation(questions(), out, chosen, 4)
        assert llm.requests == []
        assert list(tmp_path.iterdir()) == []
        generate(questions()[:1], out, chosen, 4)
        after = estimate_generation(questions(), out, chosen, 4)
    assert (before.questions, before.candidates) == (2, 8)
    assert before.completion_tokens == (8 * 250, 8 * 300)
    assert before.prompt_tokens[1] == 4 * before.prompt_tokens[0]
    assert 0 < before.money[0] < before.money[1]
    assert (after.questions, after.candidates) == (1, 4)


def test_missing_candidates_leave_no_output(tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    with (
        LlmServer(fault=lambda n, _b: (400, {}, b"") if n == 1 else None) as llm,
        pytest.raises(GenerateError) as caught,
    ):
        generate(questions(), out, settings(llm), 1)
    assert caught.value.kind == "incomplete"
    assert not out.exists()
    assert journal_path(out).exists()
    with LlmServer() as llm:
        assert generate(questions(), out, settings(llm), 1).questions == 2
        assert len(llm.requests) == 1


def test_questions_that_never_come_can_be_left_out(tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    with LlmServer(fault=lambda n, _b: (400, {}, b"") if n == 1 else None) as llm:
        done = generate(questions(), out, settings(llm), 1, min_candidates=1)
    assert (done.questions, done.dropped, done.failed) == (1, 1, {"bad_request": 1})


def test_empty_completions_are_left_out_and_counted(tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    with LlmServer(answer=lambda _m, i: " " if i % 2 else "#### yes") as llm:
        done = generate(questions(), out, settings(llm), 4)
    assert (done.candidates, done.empty) == (4, 4)


def test_another_model_does_not_go_on_with_the_journal(tmp_path: Path) -> None:
    with LlmServer() as llm:
        generate(questions(), tmp_path / "c.jsonl", settings(llm), 1)
        other = LlmSettings(model="another", base_url=llm.url)
        with pytest.raises(DataError) as caught:
            generate(questions(), tmp_path / "c.jsonl", other, 1)
    assert caught.value.kind == "journal_mismatch"


def test_a_key_that_is_not_there_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    with LlmServer() as llm:
        with pytest.raises(ConfigError) as caught:
            generate(questions(), tmp_path / "c", settings(llm, api_key_env="NO_SUCH_KEY"), 1)
        assert llm.requests == []
    assert caught.value.kind == "key_missing"


def test_letters_of_a_closed_task_become_its_words(tmp_path: Path) -> None:
    raw = {
        "id": "1",
        "task": "bioasq",
        "question": "Is bone alive?",
        "options": {"A": "yes", "B": "no"},
        "gold": "A",
    }
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(raw) + "\n")
    [record] = read_fitted(path)
    assert (record.gold, record.options) == ("yes", (("yes", "yes"), ("no", "no")))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"task": "nothing"}, "unknown_task"),
        ({"task": None}, "task_missing"),
        ({"options": {"A": "up", "B": "down"}}, "options_not_labels"),
        ({"gold": "C"}, "unknown_label"),
        ({"options": {}, "gold": "C"}, "unknown_label"),
        ({"task": "medqa", "options": {}}, "options_missing"),
        ({"question": ""}, "bad_record"),
    ],
)
def test_bad_questions_are_named_failures(
    tmp_path: Path, changes: dict[str, Any], kind: str
) -> None:
    raw: dict[str, Any] = {"id": "1", "task": "bioasq", "question": "Is bone alive?", "gold": "A"}
    raw |= {"options": {"A": "yes", "B": "no"}}
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(raw | changes) + "\n")
    with pytest.raises(DataError) as caught:
        list(read_fitted(path))
    assert caught.value.kind == kind
    assert "q.jsonl:1: " in str(caught.value)
    assert "bone" not in str(caught.value)


def test_an_id_may_stand_once(tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl", [questions()[0], questions()[0]])
    with pytest.raises(DataError) as caught:
        list(read_fitted(tmp_path / "q.jsonl"))
    assert caught.value.kind == "duplicate_id"
    assert "q.jsonl:2: field id" in str(caught.value)
