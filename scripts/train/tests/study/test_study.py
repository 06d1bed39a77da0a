"""The study: goes on after kill -9, does nothing twice, and names what is wrong with its file."""

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

import pytest
from study_files import RUNS, study_text, write_sets

from medadapter_train.core import ask
from medadapter_train.errors import DataError, ModelError, TrainError
from medadapter_train.study.config import load_study
from medadapter_train.study.questions import load_questions
from medadapter_train.study.runs import plan
from medadapter_train.study.study import study
from medadapter_train.system import processes as launcher


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
    from medadapter_train.fit.config import load_config
    from medadapter_train.fit.train import Trainer

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

    ask("constants")  # finds its Node before nothing is started here any more
    monkeypatch.setattr(launcher.subprocess, "run", train_here)
    lines: list[str] = []
    result = study(load_study(toml), data, out, lines.append)
    assert lines[0] == "all: done before"
    assert lines[1:4] == [f"layers-1: {did}" for did in ("training", "scoring", "done")]
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
    assert lines[-4:-1] == [f"share-1-2: {did}" for did in ("training", "scoring", "done")]
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
    assert list(rows) == ["all", "layers-1", "cross", "share-1-2", "bce"]
    assert rows["all"]["versus"] is None
    assert rows["all"]["seconds"] > 0
    assert rows["share-1-2"]["trained"] < rows["all"]["trained"]
    small, whole = rows["layers-1"]["time"], rows["all"]["time"]
    assert 0 < small["weights"] < whole["weights"]
    assert small["of_them_word_embeddings"] == whole["of_them_word_embeddings"] > 0
    assert whole["ms"]["n"] == 4
    # A difference of two runs is that of their gains over the same vote.
    for run in ("layers-1", "cross", "share-1-2", "bce"):
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


HOLDER = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    input()
"""


def test_a_study_waits_for_the_run_that_another_left_behind(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training process whose study was killed goes on, and holds its folder."""
    config, out = load_study(write_study(tmp_path, tiny_base, {"all": ""})), tmp_path / "out"
    [run] = plan(config, load_questions(config.sets, data), data, out)
    run.folder.mkdir(parents=True)
    command = [sys.executable, "-c", HOLDER, str(run.folder / ".lock")]
    left = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert left.stdout is not None
    assert left.stdout.readline() == b"held\n"
    monkeypatch.setattr(launcher.subprocess, "run", train_here)
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        if "waiting" in line:
            assert left.poll() is None
            left.communicate(b"\n")

    study(config, data, out, told)
    waiting = f"{run.folder.name}: waiting for another run in this folder to end"
    assert lines[:3] == ["all: training", waiting, "all: scoring"]
    assert left.returncode == 0


def test_a_training_waits_for_another_in_its_folder(tmp_path: Path) -> None:
    lines: list[str] = []
    command = [sys.executable, "-c", HOLDER, str(tmp_path / ".lock")]
    left = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert left.stdout is not None
    left.stdout.readline()

    def told(line: str) -> None:
        lines.append(line)
        left.kill()

    with launcher.one_at_a_time(tmp_path, told):
        assert left.wait() == -signal.SIGKILL
    assert len(lines) == 1
    with launcher.one_at_a_time(tmp_path, told):
        assert len(lines) == 1


def test_a_run_of_a_share_sees_no_other_question(data: Path, tiny_base: Path) -> None:
    from medadapter_train.fit.config import SourceSet, TrainConfig
    from medadapter_train.fit.passes import Passes
    from medadapter_train.model.rankers import make_encoder

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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[study]", "[studies]"), "study.toml: [studies]: unknown table"),
        (("most = 20", "most = 'x'"), "study.most: not a whole number"),
        (("keep = 1", "train_share = 0.5"), "train.train_share: the study's runs say it"),
        (("keep = 1", "keeps = 1"), "train.keeps: unknown field"),
        (("layers = 1", 'layers = 1\ntask = "medqa"'), "layers-1: differs in more than one"),
        (("layers = 1", ""), "exactly one differs in nothing"),
        (('task = "pubmedqa"', 'task = "bioasq"'), "task-pubmedqa: no set to train on"),
        (("share = 0.5", "share = 1.5"), "share-1-2: share is above 0"),
        (('sets = ["', 'sets = ["x", "'), "llm-c: sets names no [[set]]"),
        (('{ loss = "bce" }', "3"), "run[4].train: not a table"),
        (('loss = "bce"', 'loss = "mse"'), "run bce: train.loss: one of"),
        (('loss = "bce"', "lost = 1"), "run bce: train.lost: unknown field"),
        (('loss = "bce"', "sets = []"), "run bce: train.sets is said otherwise"),
        (("most = 20", 'shares = ["train"]'), "study.shares[0]: one of validation, test"),
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
