"""The command line of `npm run eval`: what it asks the core for, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.cli import eval as command
from medadapter_train.data.split import share_of
from medadapter_train.errors import ModelError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What the core is asked; it refuses all of it, as it would a bundle. In an empty folder."""
    found: list[dict[str, Any]] = []

    def refuse(operation: str, **fields: Any) -> Any:
        assert operation == "score"
        found.append(fields)
        raise ModelError("bundle_refused", "the bundle was refused: manifest_missing")

    monkeypatch.setattr(command, "ask", refuse)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    return found


def test_files_after_one_data_are_files_too_and_paths_are_the_callers(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--data", "a", "b", "--data", "c", "--k", "1,4"]) == 1
    assert capsys.readouterr().err == "eval: the bundle was refused: manifest_missing\n"
    (fields,) = asked
    files = sorted(entry["file"] for entry in fields.pop("data"))
    assert files == [str(tmp_path / name) for name in "abc"]
    assert fields == {
        "bundle": str(command.ROOT / "models" / "mini"),
        "engine": "node",
        "url": None,
        "threads": None,
        "ks": [1, 4],
        "out": None,
    }


def test_a_url_means_the_worker_engine(asked: list[dict[str, Any]]) -> None:
    command.main(["--data", "a", "--url", "https://x.example/", "--bundle", "b", "--threads", "3"])
    assert (asked[0]["engine"], asked[0]["url"]) == ("worker", "https://x.example")
    assert asked[0]["threads"] == 3


def test_only_lines_of_the_share_are_asked_for(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    questions = [f"Question number {number}?" for number in range(40)]
    lines = "".join(json.dumps({"question": question}) + "\n" for question in questions)
    (tmp_path / "a.jsonl").write_text(lines)
    command.main(["--data", "a.jsonl", "--split", "test"])
    inside = [at for at, question in enumerate(questions, 1) if share_of(question) == "test"]
    assert asked[0]["data"][0]["lines"] == inside != []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data is needed"),
        (["--data", "a", "--engine", "gpu"], "--engine is node or worker"),
        (["--data", "a", "--engine", "node", "--url", "http://x"], "--url goes with"),
        (["--data", "a", "--k", "1,x"], "--k takes whole numbers"),
        (["--data", "a", "--k", "0"], "--k takes whole numbers"),
        (["--data", "a", "--threads", "-1"], "--threads takes whole numbers"),
        (["--data", "a", "--split", "dev"], "--split is one of"),
        (["--data", "a", "--nonsense"], "--nonsense"),
    ],
)
def test_what_is_wrong_is_one_line(
    asked: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert command.main(words) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("eval: ")
    assert message in shown
    assert shown.count("\n") == 1
    assert asked == []
