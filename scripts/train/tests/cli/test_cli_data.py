"""The commands as a user types them: one line and an exit code for every failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bundles import make_bundle
from llm_server import LlmServer
from typed_command import run

from medadapter_train.system.files import read_jsonl

SAMPLES = Path(__file__).parents[1] / "samples"


def test_load_generate_label_from_folder_to_training_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, made, out = (tmp_path / f"{name}.jsonl" for name in ("q", "made", "out"))
    folder = SAMPLES / "pubmedqa"
    code = run(monkeypatch, "load", "pubmedqa", folder, "--split", "train", "--out", questions)
    assert code == 0
    with LlmServer(answer=lambda _m, i: f"Because of this.\n#### {('yes', 'no')[i % 2]}") as llm:
        words = ["generate", questions, "--out", made, "--model", "m", "--base-url", llm.url]
        words += ["--k", 2, "--price-prompt", 1, "--price-completion", 10]
        assert run(monkeypatch, *words, "--dry-run") == 0
        assert llm.requests == []
        assert "at most" in capsys.readouterr().out
        assert run(monkeypatch, *words) == 0
    told = capsys.readouterr().err
    assert "candidates: 2 of 4\ncandidates: 4 of 4\n" in told
    assert "4 candidates" in told
    assert run(monkeypatch, "label", made, "--out", out, "--min-kappa", 0.5) == 2
    assert "--human" in capsys.readouterr().err
    assert run(monkeypatch, "label", made, "--out", out) == 0
    assert "1.000" in capsys.readouterr().out
    rows = [row for _where, row in read_jsonl(out)]
    assert [[c["correct"] for c in row["candidates"]] for row in rows] == [
        [True, False],
        [False, True],
    ]


def test_leaks_end_with_the_codes_of_data_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.jsonl"
    run(monkeypatch, "load", "medqa", SAMPLES / "medqa", "--split", "train", "--out", path)
    capsys.readouterr()
    assert run(monkeypatch, "check-leak", "--train", path, "--held-out", path) == 3
    error = capsys.readouterr().err
    assert error.startswith("error: question_leak: 2 of 2")
    assert "diarrhoea" not in error


def test_an_unreachable_endpoint_has_its_own_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.jsonl"
    run(monkeypatch, "load", "medqa", SAMPLES / "medqa", "--split", "test", "--out", path)
    words = ["generate", path, "--out", tmp_path / "o", "--model", "m", "--retries", 0]
    assert run(monkeypatch, *words, "--base-url", "http://127.0.0.1:9/v1") == 7
    assert "incomplete" in capsys.readouterr().err


def test_a_run_that_money_ends_says_what_was_paid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.jsonl"
    run(monkeypatch, "load", "medqa", SAMPLES / "medqa", "--split", "train", "--out", path)
    capsys.readouterr()
    words = ["generate", path, "--out", tmp_path / "o", "--model", "m", "--parallel", 1]
    words += ["--k", 1, "--price-completion", 1e6, "--max-money", 1e-3]
    with LlmServer() as llm:
        assert run(monkeypatch, *words, "--base-url", llm.url) == 7
        assert len(llm.requests) == 1
    bill, error = capsys.readouterr().err.splitlines()[-2:]
    assert bill.startswith("1 requests, ")
    assert bill.endswith(" in money")
    assert " 0.0000 in money" not in bill
    assert error.startswith("error: budget_spent: ")


def test_mediqa_answers_load_as_candidates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl"
    words = ["load", "mediqa", SAMPLES / "mediqa", "--split", "test", "--out", out]
    assert run(monkeypatch, *words, "--candidates") == 0
    [(_, row)] = read_jsonl(out)
    assert [c["correct"] for c in row["candidates"]] == [True, True]


def test_publishing_without_a_store_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("MEDADAPTER_S3_ENDPOINT", "MEDADAPTER_S3_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    assert run(monkeypatch, "publish", make_bundle(tmp_path / "b")) == 8
    assert "MEDADAPTER_S3_ENDPOINT" in capsys.readouterr().err


def test_feedback_prints_what_was_quarantined(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "f.jsonl"
    place.write_text(json.dumps({"id": "a", "trusted": False}) + "\n")
    words = ["feedback", place, "--out", tmp_path / "o.jsonl", "--tenant", "t"]
    assert run(monkeypatch, *words) == 3
    assert "not_trusted 1" in capsys.readouterr().err
