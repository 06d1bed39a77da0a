"""Plans on made-up candidates: a weak LLM twice over, a middling one, a strong one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import BUCKET
from typed_command import run

from medadapter_train.plan.config import load_plan
from medadapter_train.plan.evaluate import SHARES, evaluate_plan
from medadapter_train.plan.fit import fit_plan, share_threshold
from medadapter_train.plan.questions import decide, join
from medadapter_train.publish.pointer import read_pointer
from medadapter_train.system.object_store import Store

LETTERS = "ABCD"
PLAN = """
name = "toy"
data = ["first.jsonl.gz", "second.jsonl"]

[[stage]]
[[stage.llm]]
name = "weak"
model = "weak-1"
method = ["a", "b"]
price = { prompt = 1.0, completion = 2.0 }
[[stage.llm]]
name = "middling"
model = "middling-1"
price = { prompt = 2.0, completion = 4.0 }

[[stage]]
[[stage.llm]]
name = "strong"
model = "strong-1"
candidates = 1
price = { prompt = 10.0, completion = 20.0 }
"""


def _candidate(model: str, method: str, answer: str | None, gold: str) -> dict[str, Any]:
    text = f"Because of this and that.\n\nAnswer: {answer}"
    return {
        "model": model,
        "method": method,
        "text": text,
        "answer": answer,
        "correct": answer == gold,
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that ask the same questions, in another order of options, of different LLMs."""
    rng = np.random.default_rng(5)
    first, second = [], []
    for number in range(160):
        gold = str(rng.choice(list(LETTERS)))
        hard = rng.random() < 0.4

        def says(chance: float, gold: str = gold) -> str | None:
            if rng.random() < 0.04:
                return None
            return gold if rng.random() < chance else str(rng.choice(list(LETTERS)))

        copied = says(0.2 if hard else 0.7)  # the weak one errs twice alike
        question = f"Which of these is number {number}?"
        options = {letter: f"choice {letter} of {number}" for letter in LETTERS}
        first.append(
            {
                "id": f"q{number}",
                "question": question,
                "options": options,
                "gold": gold,
                "candidates": [
                    _candidate("weak-1", "a", copied, gold),
                    _candidate("weak-1", "b", copied, gold),
                    _candidate("weak-1", "unused", "A", gold),
                    _candidate("middling-1", "", says(0.35 if hard else 0.9), gold),
                ],
            }
        )
        turned = {LETTERS[(i + 1) % 4]: options[letter] for i, letter in enumerate(LETTERS)}
        renamed = {letter: LETTERS[(i + 1) % 4] for i, letter in enumerate(LETTERS)}
        strong = [says(0.85), says(0.85)]
        second.append(
            {
                "id": f"again {number}",
                "question": f"  which of these is NUMBER {number} ",
                "options": turned,
                "gold": renamed[gold],
                "candidates": [
                    _candidate("strong-1", "", a and renamed[a], renamed[gold]) for a in strong
                ],
            }
        )
    second.pop()
    _write(tmp_path / "first.jsonl.gz", first)
    _write(tmp_path / "second.jsonl", second[::-1])
    (tmp_path / "toy.toml").write_text(PLAN)
    return tmp_path


def test_questions_are_joined_by_text_and_answers_by_the_options_text(folder: Path) -> None:
    plan = load_plan(folder / "toy.toml")
    joined = join(plan, [folder / "first.jsonl.gz", folder / "second.jsonl"])
    assert (len(joined.whole), joined.partial) == (159, 1)
    question = joined.whole[0]
    sources = [vote.source for vote in question.votes]
    assert sources == ["weak", "weak", "middling", "strong"]
    right = [
        q.gold == vote.answer for q in joined.whole for vote in q.votes if vote.source == "strong"
    ]
    assert 0.78 < np.mean(right) < 0.97


def test_a_fit_believes_the_strong_one_and_counts_a_copied_vote_once(folder: Path) -> None:
    plan = load_plan(folder / "toy.toml")
    questions = join(plan, [folder / "first.jsonl.gz", folder / "second.jsonl"]).whole
    fit = fit_plan(plan, questions, "1")
    (group,) = fit["groups"]
    first, last = (stage["votes"] for stage in group["stages"])
    assert last["weights"]["strong"] > last["weights"]["middling"] > last["weights"]["weak"] > 0
    assert first["defaults"] == [pytest.approx(np.mean(list(first["weights"].values())))]
    assert [t["by"] for t in group["stages"][0]["thresholds"]].count("share") == len(plan.shares)
    assert group["stages"][1]["thresholds"] == []
    # The service decides by it: what was fitted is what is served.
    decided = decide(questions, fit)
    sure = [row[0].confidence for row in decided if row[0] is not None and row[0].confidence]
    right = [
        row[0].answer == q.gold
        for q, row in zip(questions, decided, strict=True)
        if row[0] is not None
    ]
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.05)
    best, worst = np.quantile(sure, [0.8, 0.2])
    assert best - worst > 0.2


def test_evaluate_has_every_figure_and_improves_with_the_share(folder: Path) -> None:
    plan = load_plan(folder / "toy.toml")
    questions = join(plan, [folder / "first.jsonl.gz", folder / "second.jsonl"]).whole
    result = evaluate_plan(plan, fit_plan(plan, questions, "1"), questions)
    assert [row["share"] for row in result["curve"]] == list(SHARES)
    at = {row["share"]: row for row in result["curve"]}
    assert at[0.5]["accuracy"] > at[0.0]["accuracy"] + 0.1
    assert at[1.0]["accuracy"] == result["pool_weighted"]
    assert at[1.0]["accuracy"] > result["pool_vote"]
    assert at[0.0]["cost"] < at[0.3]["cost"] < at[1.0]["cost"]
    assert at[0.3]["over_cheap"]["low"] < at[0.3]["over_cheap"]["diff"]
    for name in ("plan", "n", "cheap_vote", "best_source", "strong_alone", "paired_pool"):
        assert name in result


def test_a_share_of_strong_calls_is_a_quantile() -> None:
    confidences = np.array([0.9, 0.1, 0.5, 0.7])
    assert share_threshold(confidences, 0.5) == 0.7
    assert share_threshold(confidences, 0.0) == 0.1
    assert share_threshold(confidences, 1.0) == 1.0


def test_the_commands_fit_and_evaluate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, figures, report = folder / "plan.json", folder / "e.json", folder / "report"
    data = ("--data", folder)
    assert run(monkeypatch, "plan", "fit", folder / "toy.toml", *data, "--out", fitted) == 0
    fit = json.loads(fitted.read_text())
    metrics = {metric["rule"]: metric["value"] for metric in fit["metrics"]}
    assert metrics["share 0.5"] > metrics["cheap_vote"] + 0.05
    assert "/" not in "".join(fit["training"]["data"])
    more = ("--json", figures, "--report", report)
    files = (folder / "first.jsonl.gz", folder / "second.jsonl")
    assert run(monkeypatch, "plan", "evaluate", fitted, "--data", *files, *more) == 0
    assert json.loads(figures.read_text())["n"] == 159
    page = (report / "index.html").read_text()
    assert "<svg" in page
    assert "| share | accuracy |" in (report / "report.md").read_text()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('name = "Toy Plan"', "name"),
        ('data = ["a/first.jsonl.gz"]', "base names"),
        ('name = "toy"\nmore = 1', "more"),
    ],
)
def test_a_plan_file_that_is_wrong_is_named(
    folder: Path,
    line: str,
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    head = line.split(" = ")[0]
    text = "\n".join(line if one.startswith(f"{head} =") else one for one in PLAN.split("\n"))
    # The first line of that name is the plan's own.
    text = PLAN.replace(next(o for o in PLAN.split("\n") if o.startswith(f"{head} =")), line, 1)
    (folder / "wrong.toml").write_text(text)
    out = folder / "x.json"
    code = run(monkeypatch, "plan", "fit", folder / "wrong.toml", "--data", folder, "--out", out)
    assert code != 0
    assert wanted in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_not_there_and_too_few_questions(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", folder / "x.json")
    command = ("plan", "fit", folder / "toy.toml", "--data")
    assert run(monkeypatch, *command, folder / "first.jsonl.gz", *out) == 3
    assert "second.jsonl" in capsys.readouterr().err
    rows = (folder / "second.jsonl").read_text().splitlines(keepends=True)
    (folder / "second.jsonl").write_text("".join(rows[:20]))
    assert run(monkeypatch, *command, folder, *out) == 3
    assert "error: too_few_questions: 20 questions" in capsys.readouterr().err


def test_a_fitted_plan_is_published_promoted_and_rolled_back(
    folder: Path, store: Store, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDADAPTER_S3_ENDPOINT", endpoint)
    monkeypatch.setenv("MEDADAPTER_S3_BUCKET", BUCKET)
    monkeypatch.delenv("MEDADAPTER_SIGNING_KEY_FILE", raising=False)
    plan = load_plan(folder / "toy.toml")
    questions = join(plan, [folder / "first.jsonl.gz", folder / "second.jsonl"]).whole
    for version in ("1", "2"):
        path = folder / f"{version}.json"
        path.write_text(json.dumps(fit_plan(plan, questions, version)))
        assert run(monkeypatch, "plan", "publish", path, "--channel", "stable") == 0
    wrong = folder / "wrong.json"
    wrong.write_text(json.dumps({**fit_plan(plan, questions, "3"), "groups": []}))
    assert run(monkeypatch, "plan", "publish", wrong) == 8
    served = read_pointer(store, "plan.toy", "stable")
    assert served is not None
    assert (served.version, served.serial) == ("2", 2)
    assert run(monkeypatch, "rollback", "plan.toy") == 0
    again = read_pointer(store, "plan.toy", "stable")
    assert again is not None
    assert (again.version, again.serial) == ("1", 3)
