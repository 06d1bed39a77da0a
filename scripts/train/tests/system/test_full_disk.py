"""A disk that is full: a named error, and what was there before stays whole.

`/dev/full` answers every write with ENOSPC; a scratch file that is a link to it is a full disk.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from llm_server import LlmServer
from train_files import write_config

from medadapter_train.errors import TrainError
from medadapter_train.fit.run_folder import save_state
from medadapter_train.model.weights import save_weights
from medadapter_train.system.files import read_jsonl, write_jsonl

BIG = torch.zeros(1_000_000)
WRITERS: dict[str, Callable[[Path], object]] = {
    "rows": lambda path: write_jsonl(path, [{"n": i, "pad": "x" * 1000} for i in range(3000)]),
    "checkpoint": lambda path: save_state(path, {"model": {"w": BIG}}),
    "weights": lambda path: save_weights(path, {"w": BIG}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_and_leaves_the_older_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"older")
    (tmp_path / ".out.bin.part").symlink_to("/dev/full")
    with pytest.raises(TrainError) as caught:
        WRITERS[name](path)
    assert caught.value.kind == "disk_full"
    assert path.read_bytes() == b"older"


def limited(size: int, *words: object) -> subprocess.CompletedProcess[str]:
    """A command on a disk that takes no file over `size` bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "medadapter_train", *map(str, words)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, preexec_fn=limit, timeout=600
    )


def files(folder: Path) -> set[str]:
    """What stands under its final name."""
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {str(p) for p in found if not any(part.startswith(".") for part in p.parts)}


@pytest.mark.parametrize("size", [2_000, 60_000])
def test_training_on_a_full_disk_ends_with_its_name_and_goes_on_later(
    size: int, tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config, run = write_config(tmp_path, tiny_base, candidate_file, 8), tmp_path / "run"
    words = ["train", config, "--out", run, "--data", candidate_file.parent]
    stopped = limited(size, *words)
    assert stopped.returncode == 10, stopped.stderr
    assert stopped.stderr.splitlines()[-1].startswith("error: disk_full: ")
    assert "Traceback" not in stopped.stderr
    half = {name for name in files(run) if "tensorboard" not in name}
    assert half <= {"config.json", "tokenizer.json"}
    for name in half:
        json.loads((run / name).read_text())
    if size > 2_000:
        done = limited(10**9, *words)
        assert done.returncode == 0, done.stderr
        assert "weights/step-00002.safetensors" in files(run)


def test_an_export_on_a_full_disk_leaves_no_bundle(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, tiny_base, candidate_file, 8)
    out = tmp_path / "bundle"
    stopped = limited(40_000, "export", config, "--out", out, "--untrained")
    assert stopped.returncode == 10, stopped.stderr
    assert stopped.stderr.splitlines()[-1].startswith("error: disk_full: ")
    assert [p.name for p in tmp_path.iterdir()] == [config.name]


def ended_full(stopped: subprocess.CompletedProcess[str]) -> None:
    """It says so in one line, by its exit code."""
    assert stopped.returncode == 10, stopped.stderr
    assert stopped.stderr.splitlines()[-1].startswith("error: disk_full: ")
    assert "Traceback" not in stopped.stderr


def test_what_was_paid_before_the_disk_was_full_is_not_paid_again(tmp_path: Path) -> None:
    questions, out = tmp_path / "q.jsonl", tmp_path / "made.jsonl"
    options = {"A": "one", "B": "two"}
    rows = [{"id": str(i), "question": f"Which, {i}?", "options": options} for i in range(40)]
    write_jsonl(questions, rows)
    words = ["generate", questions, "--out", out, "--model", "m", "--task", "medqa", "--k", 1]
    with LlmServer() as llm:
        words += ["--base-url", llm.url, "--parallel", 1]
        ended_full(limited(4_000, *words))
        paid = len(llm.requests)
        assert 1 < paid < 40
        assert files(tmp_path) == {"q.jsonl", "made.jsonl.journal.jsonl"}
        done = limited(10**9, *words)
        assert done.returncode == 0, done.stderr
        # The one whose line found no room is the only one asked twice.
        assert len(llm.requests) == 41
    assert len(list(read_jsonl(out))) == 40


def test_a_bundle_stays_whole_and_no_figures_are_cut(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, tiny_base, candidate_file, 8)
    bundle, figures = tmp_path / "bundle", tmp_path / "figures.json"
    assert limited(10**9, "export", config, "--out", bundle, "--untrained").returncode == 0
    before = {name: (bundle / name).read_bytes() for name in files(bundle)}
    words = ["--bundle", bundle, "--data", candidate_file]
    ended_full(limited(1_000, "calibrate", *words))
    assert {name: (bundle / name).read_bytes() for name in files(bundle)} == before
    assert limited(10**9, "calibrate", *words).returncode == 0
    ended_full(limited(1_000, "evaluate", *words, "--json", figures))
    assert not figures.exists()


@pytest.mark.parametrize("launched", [False, True])
def test_a_full_disk_in_a_fold_has_the_same_exit_code(
    launched: bool, tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    """Also where crossfit starts a process a fold: what ended that one is what ended it."""
    config = write_config(tmp_path, tiny_base, candidate_file, 8)
    text = config.read_text().replace("}]", ", cross_fit = true }]", 1)
    config.write_text("\n".join(line for line in text.splitlines() if "validate_sets" not in line))
    words = ["crossfit", config, "--out", tmp_path / "folds", "--data", candidate_file.parent]
    stopped = limited(60_000, *words, *(["--launch", sys.executable] if launched else []))
    if not launched:
        ended_full(stopped)
        return
    assert stopped.returncode == 10, stopped.stderr
    assert "error: disk_full: " in stopped.stderr
    assert stopped.stderr.splitlines()[-1].startswith("error: stage_failed: fold 0")


def test_no_checkpoint_is_chosen_by_halves(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config, run = write_config(tmp_path, tiny_base, candidate_file, 8), tmp_path / "run"
    data = ["--data", candidate_file.parent]
    assert limited(10**9, "train", config, "--out", run, *data).returncode == 0
    before = files(run)
    ended_full(limited(2_000, "choose", "--run", run, "--data", candidate_file))
    assert files(run) == before
    done = limited(10**9, "choose", "--run", run, "--data", candidate_file)
    assert done.returncode == 0, done.stderr
    assert "best.safetensors" in files(run)
