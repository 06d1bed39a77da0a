"""Scored files: read as they are, measured by their own decisions, shown in a report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bundles import a_manifest
from typed_command import run

from medadapter_train.errors import DataError
from medadapter_train.measure.decided import read_scored
from medadapter_train.system.files import write_json, write_jsonl

ADAPTER = "toy@1"


def choice(answer: str, right: bool, confidence: float | None = None) -> dict[str, Any]:
    return {"answer": answer, "index": 0, "right": right, "score": 0.5, "confidence": confidence}


def row(number: int) -> dict[str, Any]:
    """Two of three say no; the decisions say yes, as no Python rule would."""
    gold = "A" if number % 2 else "B"
    candidates = [
        {"cid": str(i), "model": "m", "method": f"p{i}", "text": "because", "answer": answer}
        | {"correct": answer == gold, "logit": 0.1 * i, "probability": 0.5, "bare": 0.0}
        for i, answer in enumerate("BBA")
    ]
    right = gold == "A"
    point = {"k": 4, "majority": 1 - right, "best_of": 1.0, "weighted_vote": 0.5}
    return {
        "id": f"q{number}",
        "question": f"is it {number}?",
        "options": {"A": "yes", "B": "no"},
        "context": None,
        "gold": gold,
        "candidates": candidates,
        "scored": {
            "adapter": ADAPTER,
            "engine": "node",
            "unscored": None,
            "vote": choice("no", not right),
            "best_of": choice("yes", right),
            "weighted_vote": choice("yes", right, 0.6 + 0.01 * number),
            "validated": number > 3,
            "k_curve": [{**point, "k": 1}, point],
            "adaptive": [{"threshold": 0.7, "spent": 2.5, "right": float(right)}],
        },
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle's manifest and two scored files of eight questions."""
    rule = {"threshold": 0.7, "first": 2, "step": 1}
    plain = {"calibration": None, "selector": None, "abstention": [], "validatedOn": []}
    shipped = a_manifest(name="toy", version="1", adaptiveK=rule, files=[])
    manifest = {**shipped, **plain}
    write_json(tmp_path / "manifest.json", manifest)
    for name in ("one_x3", "two_x3"):
        write_jsonl(tmp_path / f"{name}.scored.jsonl.gz", [row(n) for n in range(8)])
    return tmp_path


def test_decisions_are_the_files_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = folder / "figures.json"
    words = ["evaluate", "--bundle", folder, "--scored", folder / "one_x3.scored.jsonl.gz"]
    assert run(monkeypatch, *words, "--json", figures) == 0
    shown = capsys.readouterr().out
    for word in ("toy 1", "parse rate", "best source", "McNemar p", "AURC", "one_x3"):
        assert word in shown
    (dataset,) = json.loads(figures.read_text())["datasets"]
    assert (dataset["name"], dataset["n"], dataset["validated"]) == ("one_x3", 8, 4)
    # Even numbers say no, as the majority does; odd ones yes, as the decisions do.
    assert (dataset["majority"], dataset["weighted_vote"], dataset["oracle"]) == (0.5, 0.5, 1.0)
    assert dataset["mcnemar_vs_vote"] == {"gained": 4, "lost": 4, "p": 1.0}
    assert dataset["confusion"]["no"] == {"yes": 4, "no": 0, "none": 0}
    assert [r["k"] for r in dataset["k_curve"]] == [1, 3]
    assert dataset["adaptive_k"] == {
        "candidate_share": pytest.approx(2.5 / 3),
        "weighted_vote": 0.5,
    }
    # The surest is number 7, which is right: outcomes by falling confidence are 1, 0, 1, 0, ...
    errors = [0, 1 / 2, 1 / 3, 2 / 4, 2 / 5, 3 / 6, 3 / 7, 4 / 8]
    assert dataset["aurc"] == pytest.approx(sum(errors) / 8)


def test_the_report_stands_alone_and_every_plot_has_its_data(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [folder / f"{name}_x3.scored.jsonl.gz" for name in ("one", "two")]
    scored = [word for file in files for word in ("--scored", file)]
    report = folder / "report"
    assert run(monkeypatch, "evaluate", "--bundle", folder, *scored, "--report", report) == 0
    html = (report / "index.html").read_text()
    assert not re.search(r"https?:|src=|@import|<script|url\((?!#)", html)
    plots = re.findall(r"<figure>.*?</figure>", html)
    titles = [re.findall(r"<h3>(.*?)</h3>", plot)[0] for plot in plots]
    of_a_set = ["Accuracy by rule", "Reliability", "Risk and coverage", "Accuracy by candidates"]
    of_a_set += ["Scores by outcome"]
    assert titles == ["Reliability", "Risk and coverage", *[*of_a_set, "Confusion"] * 2]
    assert all("<table>" in plot for plot in plots)
    assert all(
        "<svg" in plot for plot, title in zip(plots, titles, strict=True) if title != "Confusion"
    )
    ids = re.findall(r' id="(.*?)"', html)
    assert len(ids) == len(set(ids))
    text = (report / "report.md").read_text()
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 7
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"scored": None}, "not_scored"),
        ({"scored": {"adapter": "other@1"}}, "wrong_adapter"),
        ({"scored": {"adapter": ADAPTER}}, "not_scored"),
        ({"gold": "C"}, "unknown_label"),
    ],
)
def test_what_is_no_scored_file_is_named(change: dict[str, Any], kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.scored.jsonl"
    write_jsonl(path, [{**row(1), **change}])
    with pytest.raises(DataError) as caught:
        read_scored(path, ADAPTER)
    assert caught.value.kind == kind
    assert "is it" not in str(caught.value)


def test_an_unscored_question_has_no_logits(tmp_path: Path) -> None:
    blank = row(1)
    for candidate in blank["candidates"]:
        candidate |= {"logit": None, "bare": None}
    path = tmp_path / "long.scored.jsonl"
    write_jsonl(path, [blank])
    (question,), _ = read_scored(path, ADAPTER)
    assert question.logits is None
    assert question.bare is None


def test_data_or_scored_but_not_both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "one_x3.scored.jsonl.gz"
    assert run(monkeypatch, "evaluate", "--bundle", folder) == 2
    assert run(monkeypatch, "evaluate", "--bundle", folder, "--data", file, "--scored", file) == 2
