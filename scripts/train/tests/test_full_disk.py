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
from test_train import write_config

from medadapter_train.checkpoint import save_state, save_weights
from medadapter_train.errors import TrainError
from medadapter_train.jsonl import write_jsonl

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
    assert stopped.returncode == 9, stopped.stderr
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
    assert stopped.returncode == 9, stopped.stderr
    assert stopped.stderr.splitlines()[-1].startswith("error: disk_full: ")
    assert [p.name for p in tmp_path.iterdir()] == [config.name]
