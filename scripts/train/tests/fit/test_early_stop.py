"""Early stop, the best checkpoint and TensorBoard; in two processes, which must stop together."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from train_files import command, write_config

from medadapter_train.fit.choose import candidates_of
from medadapter_train.fit.run_folder import best_checkpoint, load_state
from medadapter_train.model.weights import load_weights, save_weights


@pytest.fixture(scope="module")
def run(
    tiny_base: Path, candidate_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A run that cannot get better (its rates are 0), and the command that made it."""
    folder = tmp_path_factory.mktemp("early")
    config = write_config(folder, tiny_base, candidate_file, 400)
    text = config.read_text().replace("= 2e-3", "= 0.0").replace("= 5e-3", "= 0.0")
    text = text.replace("validate_every = 10000", "validate_every = 8\npatience = 2\nkeep = 1")
    config.write_text(text)
    words = command(config, folder / "run", candidate_file)
    words[1:1] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(words, check=True, capture_output=True, timeout=600, env=_environment())
    return folder / "run", words


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def test_a_run_that_gets_no_better_stops_early(run: tuple[Path, list[str]]) -> None:
    folder, words = run
    state = load_state(folder / "checkpoint.pt")
    assert state is not None
    assert (state["step"], state["since_best"]) == (6, 2)  # of 100; validated at 2, 4 and 6
    subprocess.run(words, check=True, capture_output=True, timeout=600, env=_environment())
    again = load_state(folder / "checkpoint.pt")
    assert again is not None
    assert again["step"] == 6  # what has stopped is not gone on with


def test_the_best_weights_are_kept_and_can_be_chosen(run: tuple[Path, list[str]]) -> None:
    folder, _ = run
    best = best_checkpoint(folder)
    assert best is not None
    assert best.name == "step-00002.safetensors"
    assert json.loads((folder / "best.json").read_text())["weights"] == best.name
    assert {"step-00006", "best-validated-step-00002"} <= set(candidates_of(folder))


def test_tensorboard_finds_the_curves(run: tuple[Path, list[str]]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _ = run
    steps = []
    for events in sorted(folder.rglob("events.out.tfevents.*")):
        curves = EventAccumulator(str(events))
        curves.Reload()
        if "gain" in curves.Tags()["scalars"]:
            steps += [event.step for event in curves.Scalars("gain")]
    assert steps == [2, 4, 6]


def test_without_a_validation_there_is_no_best_checkpoint(tmp_path: Path) -> None:
    save_weights(tmp_path / "weights" / "step-00001.safetensors", {"w": torch.zeros(1)})
    assert best_checkpoint(tmp_path) is None
    assert list(candidates_of(tmp_path)) == ["step-00001"]
    (tmp_path / "best.json").write_text("{")
    assert best_checkpoint(tmp_path) is None
    assert load_weights(tmp_path / "weights" / "step-00001.safetensors")["w"].tolist() == [0.0]
