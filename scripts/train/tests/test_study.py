"""The study: goes on after kill -9, never twice the same, and its figures are those of the hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import LETTERED, question
from study_files import RUNS, study_text, write_sets

from medadapter_train import launcher
from medadapter_train.errors import DataError, ModelError, TrainError
from medadapter_train.metrics import area_under_curve
from medadapter_train.study.config import load_study
from medadapter_train.study.config_tables import CostTable, LlmTable, MachineTable, ModelsTable
from medadapter_train.study.costs import costs
from medadapter_train.study.evaluations import Adapter, evaluations
from medadapter_train.study.markdown import change
from medadapter_train.study.questions import load_questions
from medadapter_train.study.sample import Part, Sample, _auc, _draws, part_of
from medadapter_train.study.study import study
from medadapter_train.study.tables import study_markdown


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("candidates")
    write_sets(folder)
    return folder


def write_study(folder: Path, base: Path, runs: dict[str, str] = RUNS) -> Path:
    path = folder / "study.toml"
    path.write_text(study_text(base, runs))
    return path


def train_here(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """`medadapter-train train` without another process, which takes seconds to start."""
    from medadapter_train.config import load_config
    from medadapter_train.train import Trainer

    at = command.index("train")
    Trainer(load_config(Path(command[at + 1])), Path(command[at + 3])).run()
    return subprocess.CompletedProcess(command, 0)


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def written(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def test_a_killed_study_goes_on_and_does_nothing_twice(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml, out = write_study(tmp_path, tiny_base), tmp_path / "out"
    words = [sys.executable, "-m", "medadapter_train", "study", str(toml)]
    command = [*words, "--data", str(data), "--out", str(out), "--only", "all", "layers-1"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, start_new_session=True) as p:
        # The reference is done, and the next run has begun.
        wait_for(lambda: p.poll() is not None or any(out.glob("runs/layers-1-*/config.json")))
        os.killpg(p.pid, signal.SIGKILL)
    assert p.returncode == -signal.SIGKILL
    [scores] = (out / "scores").iterdir()
    before = written(out / "scores")
    [weights] = out.glob("runs/all-*/weights/*")
    trained = weights.stat().st_mtime_ns
    assert "because" not in scores.read_text()

    monkeypatch.setattr(launcher.subprocess, "run", train_here)
    lines: list[str] = []
    result = study(load_study(toml), data, out, lines.append)
    assert lines[0] == "all: done before"
    assert lines[1:3] == ["layers-1: training", "layers-1: scoring"]
    assert weights.stat().st_mtime_ns == trained
    assert before.items() <= written(out / "scores").items()
    check_result(result, out)

    # Once more: nothing is trained or scored, and the figures are the same.
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(launcher.subprocess, "run", never)
    before, text = written(out / "scores"), (out / "study.md").read_text()
    again = study(load_study(toml), data, out, lines.append)
    assert written(out / "scores") == before
    assert (again, (out / "study.md").read_text()) == (result, text)

    check_damage(tiny_base, toml, data, out)

    # Other settings are another run; of those before nothing is lost.
    monkeypatch.setattr(launcher.subprocess, "run", train_here)
    toml.write_text(toml.read_text().replace("share = 0.5", "share = 0.25"))
    changed = study(load_study(toml), data, out, lines.append, only=["share-1-2"])
    assert lines[-3:] == ["share-1-2: training", "share-1-2: scoring", "measuring"]
    rows = {row["run"]: row for row in changed["comparisons"]["runs"]}
    assert rows["share-1-2"]["trained"] < rows["all"]["trained"] / 2
    assert len(list((out / "runs").glob("share-1-2-*"))) == 2


def check_damage(base: Path, toml: Path, data: Path, out: Path) -> None:
    """Scores that are not those of the questions are named."""
    [file] = (out / "scores").glob("cross-*")
    whole = file.read_bytes()
    file.write_bytes(b"\n".join(whole.splitlines()[1:]))
    with pytest.raises(DataError) as caught:
        study(load_study(toml), data, out, lambda _: None)
    assert caught.value.kind == "scores_damaged"
    file.write_bytes(whole)


def check_result(result: dict[str, Any], out: Path) -> None:
    assert json.loads((out / "study.json").read_text()) == result
    assert result["missing"] == []
    found = result["comparisons"]
    rows = {row["run"]: row for row in found["runs"]}
    assert list(rows) == ["all", "layers-1", "cross", "share-1-2"]
    assert rows["all"]["versus"] is None
    assert rows["all"]["seconds"] > 0
    assert rows["share-1-2"]["trained"] < rows["all"]["trained"]
    small, whole = rows["layers-1"]["time"], rows["all"]["time"]
    assert 0 < small["weights"] < whole["weights"]
    assert small["of_them_word_embeddings"] == whole["of_them_word_embeddings"] > 0
    assert whole["ms"]["n"] == 4
    # A difference of two runs is that of their gains over the same vote.
    for run in ("layers-1", "cross", "share-1-2"):
        apart = rows[run]["gain"]["value"] - rows["all"]["gain"]["value"]
        assert rows[run]["versus"]["weighted_vote"]["value"] == pytest.approx(apart)
    assert [row["run"] for row in found["tasks"]["rows"]] == ["task-pubmedqa", "all"]
    assert found["tasks"]["columns"] == ["pubmedqa", "medqa"]
    [grid] = found["llms"]
    assert grid["columns"] == ["pubmedqa_toy-a_x6", "pubmedqa_toy-c_x4"]
    assert grid["rows"][0]["trained_on"] == ["pubmedqa_toy-c_x4"]
    told = result["evaluations"]
    assert [row["set"] for row in told["rules"]][-2:] == ["pubmedqa_toy-c_x4", "mean"]
    [strongest] = told["strongest"]
    assert (strongest["model"], strongest["candidates"]) == ("strong-llm", 3.0)
    text = (out / "study.md").read_text()
    assert str(out.parent) not in text + (out / "study.json").read_text()
    assert all(f"\n| {name} | " in text for name in RUNS)


def test_a_study_waits_for_the_run_that_another_left_behind(tmp_path: Path) -> None:
    # As a training process whose study was killed: it has nothing of it but the lock.
    with launcher.one_at_a_time(tmp_path, [], print) as first:
        assert first.lock is not None
        left = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(first.lock,)
        )
    lines: list[str] = []

    def told(line: str) -> None:
        assert left.poll() is None
        lines.append(line)
        left.communicate(b"\n")

    with launcher.one_at_a_time(tmp_path, [], told) as second:
        assert second.lock is not None
    assert lines == ["waiting for another run in this folder to end"]
    assert left.returncode == 0
    with launcher.one_at_a_time(tmp_path, [], told):
        assert len(lines) == 1


def test_a_run_of_a_share_sees_no_other_question(data: Path, tiny_base: Path) -> None:
    from medadapter_train.config import SourceSet, TrainConfig
    from medadapter_train.passes import Passes
    from medadapter_train.rankers import make_encoder

    sets = [SourceSet("medqa_toy-b_x6.jsonl.gz")]
    config = TrainConfig(sets, data_folder=str(data), base=str(tiny_base))
    encoder = make_encoder(str(tiny_base), "prefix")
    folder = data / "tokens"
    seen = {
        share: {i for _, i in Passes(replace(config, train_share=share), encoder, folder).rows}
        for share in (0.25, 0.5, 1.0)
    }
    assert 0 < len(seen[0.25]) < len(seen[0.5]) < len(seen[1.0])
    assert seen[0.25] < seen[0.5] < seen[1.0]


def lettered(answers: str, logits: list[float], gold: str, models: str, bare: list[float]) -> Any:
    made = question(list(answers), logits, gold, labels=LETTERED, set_name="medqa_toy_x3")
    return replace(made, models=tuple(models), bare=np.array(bare))


def toy() -> list[Any]:
    """Four questions of three candidates. s: strong LLM, w: weak one."""
    return [
        # Vote A, right; best-of and weighted vote B, wrong.
        lettered("AAB", [-2, -2, 3], "A", "ssw", [1, 1, 0]),
        # Vote B, wrong; best-of A, weighted vote A: right.
        lettered("ABB", [4, -3, -3], "A", "ssw", [0, 1, 1]),
        # No majority: 1/3 by expectation; best-of and weighted vote C, right.
        lettered("ABC", [0, 0, 2], "C", "ssw", [0, 0, 2]),
        # All right.
        lettered("DDD", [1, 1, 1], "D", "sss", [0, 0, 0]),
    ]


def test_figures_are_those_of_the_hand() -> None:
    part = part_of(["a", "b", "c", "d"], toy(), {})
    sample = Sample([part])
    assert part.rules["single"].tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3, 1])
    assert part.rules["majority"].tolist() == pytest.approx([1, 0, 1 / 3, 1])
    assert part.rules["best_of"].tolist() == [0, 1, 1, 1]
    assert part.rules["weighted_vote"].tolist() == [0, 1, 1, 1]
    assert sample.gain()["value"] == pytest.approx(0.75 - 7 / 12)
    assert sample.relative("weighted_vote")["value"] == pytest.approx(0.75 / (7 / 12) - 1)
    assert sample.gain()["n"] == 4
    logits = np.array([v for q in toy() for v in q.logits])
    right = np.array([c for q in toy() for c in q.correct])
    assert sample.auc()["value"] == pytest.approx(area_under_curve(logits, right))


def test_evaluations_and_their_tables_by_hand() -> None:
    part = part_of(["a", "b", "c", "d"], toy(), {})
    adapter = Adapter("toy", {}, {part.name: part}, (part.name,))

    class Known:
        strongest = "s"

    known: Any = {part.name: Known()}
    found = evaluations(adapter, known, [1, 3], ModelsTable(("s",), ("w",)))
    alone = found["answers_alone"][0]
    # Answers alone: A right, B wrong, C right, D right; sums: A, B, C, D.
    assert alone["bare_best_of"]["value"] == 0.75
    assert alone["bare_vote"]["value"] == 0.75
    assert alone["reading_vote"]["value"] == 0
    [strongest] = found["strongest"]
    # The first two candidates of three questions, all of the fourth: A; A (4 over -3); a tie of A
    # and B, both wrong; D.
    assert strongest["candidates"] == 2.25
    assert strongest["weighted_vote"]["value"] == 0.75
    assert strongest["single"]["value"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert strongest["all_over_single"]["value"] == pytest.approx(0.75 - 0.625)
    # No question has two candidates of the weak one.
    [relative] = found["relative"]
    assert relative["group"] == "black_box"
    assert relative["weighted_vote"]["relative"]["value"] == pytest.approx(0.75 / 0.625 - 1)
    assert relative["weighted_vote"]["gain"]["value"] == pytest.approx(0.75 - 0.625)
    whole = [row for row in found["k_curve"] if row["k"] == 3]
    assert [row["set"] for row in whole] == [part.name, "mean"]
    assert whole[0]["weighted_vote"]["value"] == 0.75
    one = next(row for row in found["k_curve"] if row["k"] == 1)
    assert one["gain"]["value"] == 0

    paper = {"black_box": 10.96, "open": 18.24, "black_box_v1": 11.31, "open_v1": 25.48}
    settings = {"passes": 8, "batch": 4, "base": "toy", "seed": 1}
    settings |= {"learning_rate": 8e-5, "head_learning_rate": 3e-4}
    result = {"settings": settings, "missing": ["all"], "comparisons": None}
    text = study_markdown({**result, "evaluations": found, "paper": paper, "costs": None})
    assert "Not run: all." in text
    assert "| medqa_toy_x3 | 4 | 58.3 | 58.3 | 75.0 | 75.0 | +16.7 (" in text
    assert "| black-box | 1 | 4 | best-of | +20.0 (" in text
    assert ") | 10.96 (11.31) | +12.5 (" in text


def test_intervals_draw_a_question_for_all_sets_that_share_it() -> None:
    values = np.array([0.0, 1.0] * 20)
    keys = tuple(str(i) for i in range(40))
    one = Part("one", keys, {"x": values, "zero": np.zeros(40)})
    other = Part("other", keys, {"x": 1 - values, "zero": np.zeros(40)})
    alone, both = Sample([one]).accuracy("x"), Sample([one, other]).accuracy("x")
    # Of 40 even flips: the binomial's own interval, .5 +- 1.96 * .079.
    assert alone["low"] == pytest.approx(0.345, abs=0.03)
    assert alone["high"] == pytest.approx(0.655, abs=0.03)
    assert both["n"] == 40
    assert (both["low"], both["high"]) == pytest.approx((0.5, 0.5))
    assert change(both) == "+50.0 (+50.0 to +50.0)"
    assert Sample([one]).relative("x", "zero")["value"] is None


def test_draws_of_the_auc_are_those_of_repeated_questions() -> None:
    part = part_of(["a", "b", "c", "d"], toy(), {})
    _, drawn = _draws(part.keys)
    _, values = _auc(part.scored, drawn)
    for counts, value in zip(drawn[:20], values, strict=False):
        taken = [q for q, n in zip(toy(), counts, strict=True) for _ in range(n)]
        logits = np.array([v for q in taken for v in q.logits])
        right = np.array([c for q in taken for c in q.correct])
        assert value == pytest.approx(area_under_curve(logits, right), nan_ok=True)


def test_costs_by_hand() -> None:
    table = CostTable(
        k=(4,),
        prompt_tokens=100,
        completion_tokens=50,
        machine=(MachineTable("box", 3.6, "made up", "2026-01-01"),),
        llm=(LlmTable("llm", 1.0, 10.0, "made up", "2026-01-02"),),
    )
    spent = [{"run": "all", "seconds": 500.0}, {"run": "short", "seconds": None}]
    found = costs(table, spent, {"all": {"ms": {"value": 100.0}}}, "all")
    [fitting] = found["fitting"]
    assert fitting["money"] == {"box": pytest.approx(0.5)}
    [answers] = found["answers"]
    # 1,000 prompts of 100 tokens at 1 a million, and 4 x 50 tokens at 10 a million.
    assert answers["prompt_once"] == pytest.approx(0.1 + 2.0)
    assert answers["prompt_each"] == pytest.approx(0.4 + 2.0)
    # 1,000 questions of 100 ms.
    assert found["scoring_1000"] == {"box": pytest.approx(0.1)}
    assert [p["date"] for p in found["prices"]] == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[study]", "[studies]"), "[studies]: unknown table"),
        (("most = 20", "most = 'x'"), "study.most: not int"),
        (("keep = 1", "train_share = 0.5"), "train.train_share: the study's runs say it"),
        (("keep = 1", "keeps = 1"), "train.keeps: unknown field"),
        (("layers = 1", 'layers = 1\ntask = "medqa"'), "layers-1: differs in more than one"),
        (("layers = 1", ""), "exactly one differs in nothing"),
        (('task = "pubmedqa"', 'task = "bioasq"'), "task-pubmedqa: no set to train on"),
        (("share = 0.5", "share = 1.5"), "share-1-2: share is above 0"),
        (('sets = ["', 'sets = ["x", "'), "llm-c: sets names no [[set]]"),
        (('"share-1-2"', '"all"'), "[[run]]: a name stands there twice"),
        (('"share-1-2"', '"../x"'), "run.name: letters, digits"),
    ],
)
def test_a_wrong_file_is_named_by_its_field(
    change: tuple[str, str], told: str, tiny_base: Path, tmp_path: Path
) -> None:
    path = write_study(tmp_path, tiny_base)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(TrainError) as caught:
        load_study(path)
    assert caught.value.kind == "bad_config"
    assert told in str(caught.value)


def test_errors_of_a_study_have_names(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_study(write_study(tmp_path, tiny_base, {"all": "", "layers-2": "layers = 2"}))

    def failed(**more: Any) -> TrainError:
        folder = more.pop("folder", data)
        with pytest.raises(TrainError) as caught:
            study(config, folder, tmp_path / "out", lambda _: None, **more)
        return caught.value

    assert failed(only=["alls"]).kind == "bad_option"
    assert failed(only=["bundle"]).kind == "bad_option"
    assert failed(folder=tmp_path).kind == "file_missing"
    done = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(launcher.subprocess, "run", lambda *_, **__: done)
    assert failed().kind == "stage_failed"
    assert "run all" in str(failed())
    error = failed(only=["layers-2"])
    assert isinstance(error, ModelError)
    assert "no more than 2" in str(error)


def test_held_out_questions_are_chosen_by_their_hash(data: Path, tiny_base: Path) -> None:
    config = load_study(write_study(data, tiny_base))
    whole = load_questions(config.sets, data)["medqa_toy-b_x6"]
    some = load_questions(config.sets, data, 5)["medqa_toy-b_x6"]
    assert len(whole.keys) + len(whole.train_folds) == 120
    assert len(some.keys) == 5
    assert [key for key in whole.keys if key in some.keys] == some.keys
    assert whole.strongest is None
    assert whole.trained(1.0) == len(whole.train_folds) > whole.trained(0.5) > 0
