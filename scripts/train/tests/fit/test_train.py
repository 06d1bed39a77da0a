"""Training: it learns, it is reproducible, and kill -9 with a resume changes nothing."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from train_files import command, write_config

from medadapter_train.errors import DataError, ModelError, StageError
from medadapter_train.fit.config import SourceSet, TrainConfig, load_config
from medadapter_train.fit.losses import LossWeights, ranking_loss
from medadapter_train.fit.passes import Mixture, Passes, draw_candidates, trained_rows
from medadapter_train.fit.run_folder import load_state, stores_of
from medadapter_train.fit.token_store import Row
from medadapter_train.model.template import TextEncoder
from medadapter_train.model.weights import average_weights, load_weights, save_weights
from medadapter_train.system.processes import launch as launched


def test_a_killed_run_resumes_to_the_same_weights_and_the_adapter_learns(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, tiny_base, candidate_file, 800)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = command(config, killed, candidate_file)
    with subprocess.Popen(run, env=env, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (killed / "checkpoint.pt").is_file() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    stopped = load_state(killed / "checkpoint.pt")
    assert stopped is not None
    assert 0 < stopped["step"] < 200
    subprocess.run(run, env=env, check=True, capture_output=True)
    subprocess.run(command(config, whole, candidate_file), env=env, check=True, capture_output=True)
    last = "step-00200.safetensors"
    a, b = load_weights(whole / "weights" / last), load_weights(killed / "weights" / last)
    assert all(torch.equal(a[name], b[name]) for name in a)
    log = (whole / "log.jsonl").read_text().splitlines()
    assert '"gain": ' in log[-1]
    auc = float(log[-1].split('"auc": ')[1].split("}")[0])
    assert auc > 0.9


def test_a_run_counts_the_questions_of_its_own_data_and_of_no_other(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    """A file that is copied anew is the same; a changed one is not gone on with."""
    data, run = tmp_path / candidate_file.name, tmp_path / "run"
    shutil.copy(candidate_file, data)
    config = write_config(tmp_path, tiny_base, data, 8)

    def train() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(config, run, data), check=False, capture_output=True, text=True
        )

    def counted() -> int:
        stores = stores_of(load_config(config), run)
        return len(trained_rows(stores, load_config(config)))

    assert train().returncode == 0
    before, stores = counted(), sorted((run / "tokens").iterdir())
    assert 500 < before < 700
    os.utime(data, (1, 1))
    write_config(tmp_path, tiny_base, data, 16)
    assert train().returncode == 0
    assert sorted((run / "tokens").iterdir()) == stores
    # A store that lies there too, of whatever origin.
    [own] = (run / "tokens").glob("train-*")
    shutil.copytree(own, own.with_name("train-other"))
    assert counted() == before
    rows = gzip.decompress(data.read_bytes()).splitlines(keepends=True)
    data.write_bytes(gzip.compress(b"".join(rows[:700])))
    refused = train()
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[-1].startswith("error: other_data: run: ")


def test_a_run_without_a_record_counts_only_where_there_is_one_store(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config = TrainConfig([SourceSet(candidate_file.name)], str(candidate_file.parent))
    encoder = TextEncoder.load(tiny_base / "tokenizer.json")
    with pytest.raises(ModelError, match="no data"):
        stores_of(config, tmp_path)
    passes = Passes(config, encoder, tmp_path / "tokens")
    [store] = stores_of(config, tmp_path)
    assert store.sets == passes.store.sets
    shutil.copytree(tmp_path / "tokens" / store.name, tmp_path / "tokens" / "train-other")
    with pytest.raises(ModelError, match="no data"):
        stores_of(config, tmp_path)


def test_two_processes_train_to_the_weights_of_one(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, tiny_base, candidate_file, 16)
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run(command(config, one, candidate_file), check=True, capture_output=True)
    launched = command(config, two, candidate_file)
    launched[1:2] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    subprocess.run(launched, check=True, capture_output=True)
    alone, shared = (load_weights(run / "weights" / "step-00004.safetensors") for run in (one, two))
    for name, tensor in alone.items():
        torch.testing.assert_close(tensor, shared[name], atol=1e-4, rtol=0, msg=name)


def test_one_class_data_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    import json

    from conftest import record

    from medadapter_train.fit.config import load_config
    from medadapter_train.fit.train import Trainer

    rng = random.Random(1)
    rows = [record(i, rng) for i in range(30)]
    for row in rows:
        row["candidates"] = [c for c in row["candidates"] if c["correct"]] or [
            {**row["candidates"][0], "correct": True}
        ]
    path = tmp_path / "right_x6.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    config = load_config(write_config(tmp_path, tiny_base, path, 80))
    from dataclasses import replace

    with pytest.raises(DataError) as caught:
        Trainer(replace(config, data_folder=str(tmp_path)), tmp_path / "run")
    assert caught.value.kind == "one_class"
    toml = write_config(tmp_path, tiny_base, path, 80)
    for launch in ([], ["-m", "accelerate.commands.launch"]):
        # `accelerate launch` itself ends with 1.
        words = ("train", toml, "--out", tmp_path / "run", "--data", tmp_path)
        with pytest.raises(StageError) as failed:
            launched((sys.executable, *launch), *words)
        assert (failed.value.kind, failed.value.exit_code) == ("stage_failed", 3)


@pytest.mark.parametrize(
    ("code", "passed"), [(9, 9), (10, 10), (3, 3), (1, 2), (11, 2), (-9, 2), (0, 2)]
)
def test_a_stage_ends_as_its_process_did(code: int, passed: int) -> None:
    assert StageError("train", code).exit_code == passed


def test_the_loss_ranks_within_a_question_and_spares_pure_ones() -> None:
    weights = LossWeights(bce=1.0, listwise=1.0, pure=0.5)
    labels = torch.tensor([1.0, 0.0, 0.0])
    good = ranking_loss(torch.tensor([2.0, -2.0, -2.0]), labels, weights)
    bad = ranking_loss(torch.tensor([-2.0, 2.0, 2.0]), labels, weights)
    assert good < 0.2 < bad
    pure = ranking_loss(torch.zeros(3), torch.ones(3), weights)
    assert abs(float(pure) - 0.5 * 0.6931) < 1e-3


def test_a_mixture_shows_sets_as_often_as_asked_and_goes_on_where_it_was() -> None:
    sets = ["big"] * 400 + ["small"] * 50
    mixture = Mixture(sets, {"big": 0.25, "small": 1.0}, seed=3)
    first = [mixture.at(i)[0] for i in range(600)]
    big = [i for i in first if i < 400]
    assert len(big) == 400
    assert len(set(big)) == 400  # four rounds of a quarter: each question once
    assert [first.count(i) for i in range(400, 450)] == [4] * 50
    again = Mixture(sets, {"big": 0.25, "small": 1.0}, seed=3)
    assert again.at(599)[0] == first[599]


def test_drawn_candidates_are_distinct_and_mixed() -> None:
    ids = [[i] for i in range(30)] + [[0]] * 5
    row = Row("s", [1], ids, ["A"] * 35, [i == 3 for i in range(30)] + [False] * 5)
    for seed in range(50):
        chosen = draw_candidates(row, 6, random.Random(seed))
        assert len({tuple(row.candidates[i]) for i in chosen}) == 6
        assert 3 in chosen


def test_averaged_weights_and_damaged_files(tmp_path: Path) -> None:
    save_weights(tmp_path / "a.safetensors", {"w": torch.zeros(3)})
    save_weights(tmp_path / "b.safetensors", {"w": torch.ones(3) * 2})
    mean = average_weights([tmp_path / "a.safetensors", tmp_path / "b.safetensors"])
    assert mean["w"].tolist() == [1.0, 1.0, 1.0]
    (tmp_path / "checkpoint.pt").write_bytes(b"half a checkpoi")
    with pytest.raises(ModelError, match="cannot be read"):
        load_state(tmp_path / "checkpoint.pt")
    with pytest.raises(ModelError, match="no such file"):
        load_weights(tmp_path / "absent.safetensors")


def test_passes_with_bare_labels_show_every_label_once_and_the_right_one(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    config = TrainConfig(
        sets=[SourceSet(candidate_file.name, label_only=1.0)],
        data_folder=str(candidate_file.parent),
        mask_share=0.0,
    )
    encoder = TextEncoder.load(tiny_base / "tokenizer.json")
    passes = Passes(config, encoder, tmp_path / "tokens")
    bare = [encoder.candidate([(word, word)], word, "").ids for word in ("yes", "no")]
    for position in range(10):
        packed, right = passes.at(position)
        row = passes.store[passes.mixture.at(position)[0]]
        assert [ids[: len(bare[0])] for ids in packed.candidates.tolist()] == bare
        assert right.tolist() == [float(row.gold == 0), float(row.gold == 1)]
