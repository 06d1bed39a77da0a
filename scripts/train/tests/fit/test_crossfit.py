"""Cross-fitting: every question is scored by a run that never saw it; those scores are fitted."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from medadapter_train.bundle.manifest import read_manifest
from medadapter_train.cli import app
from medadapter_train.data.candidates import read_records
from medadapter_train.data.split import fold_key, question_key, share_of
from medadapter_train.errors import DataError, TrainError
from medadapter_train.fit.config import SourceSet, TrainConfig, load_config, parse_config
from medadapter_train.fit.crossfit import fold_folder
from medadapter_train.fit.held_out import out_of_fold_questions, read_out_of_fold
from medadapter_train.fit.passes import Passes
from medadapter_train.model.rankers import load_encoder, make_encoder, make_ranker
from medadapter_train.model.torch_scorer import TorchScorer
from medadapter_train.model.weights import load_weights
from medadapter_train.run.config import load_run
from medadapter_train.run.pipeline import Run

RUN = """
[run]
folder = "work"
candidates = "."

[train]
base = "{base}"
passes = 24
batch = 4
validate_every = 24
checkpoint_every = 8
bf16 = false
threads = 1
folds = 2
sets = [{{ file = "{file}", cross_fit = true, candidates = 4 }}]

[bundle]
name = "tiny"
version = "1.0.0"

[calibrate]
[evaluate]
"""


def settings_of(done: dict[str, Any]) -> TrainConfig:
    """Of the run of all questions."""
    settings = load_config(done["folder"] / "work" / "train.toml")
    return replace(settings, data_folder=str(done["folder"]), fold=0)


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, candidate_file: Path
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("crossed")
    data = folder / candidate_file.name
    data.symlink_to(candidate_file)
    path = folder / "run.toml"
    path.write_text(RUN.format(base=tiny_base, file=data.name))
    lines: list[str] = []
    Run(load_run(path), lines.append).go()
    (run,) = (folder / "work").glob("train-*")
    return {"folder": folder, "lines": lines, "run": run, "path": path, "data": data}


def test_a_run_with_cross_fitted_sets_calibrates_on_all_but_the_test_share(
    done: dict[str, Any],
) -> None:
    stages = [line.split(":")[0] for line in done["lines"]]
    assert stages == ["train", "crossfit", "choose", "export", "calibrate", "evaluate"]
    questions = [r.question for r in read_records(done["data"])]
    kept = sum(share_of(q) != "test" for q in questions)
    manifest = read_manifest(done["folder"] / "work" / "bundle")
    report = manifest["training"]["calibration"]
    assert report["questions"] == kept
    row = report["out_of_fold"]["pubmedqa_toy_x6"]
    assert row["n"] == kept
    assert row["diff"] == pytest.approx(row["weighted_vote"] - row["majority"])
    assert row["low"] <= row["diff"] <= row["high"]
    card = (done["folder"] / "work" / "bundle" / "README.md").read_text()
    assert f"| pubmedqa_toy_x6 | {kept} |" in card
    assert manifest["metrics"][0]["n"] == len(questions) - kept
    again: list[str] = []
    Run(load_run(done["path"]), again.append).go()
    assert {line.split(": ")[1] for line in again} == {"done before"}


def test_after_kill_9_scores_and_weights_are_the_undisturbed_ones(
    done: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / done["data"].name).symlink_to(done["data"].resolve())
    shutil.copy(done["path"], tmp_path)
    points = [f"crossfit@{name}" for name in ("mean.safetensors", "out-of-fold.jsonl", "stamp")]
    killer = Path(__file__).parents[1] / "killed_run.py"
    command = [sys.executable, str(killer), str(tmp_path / done["path"].name), *points]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.stdout.split() == [*["-9"] * len(points), "0"], ended.stderr[-2000:]
    (run,) = (tmp_path / "work").glob("train-*")
    for name in ("out-of-fold.jsonl", "mean.safetensors"):
        assert (run / "folds" / name).read_bytes() == (done["run"] / "folds" / name).read_bytes()


def test_scores_are_those_of_the_run_that_left_the_question_out(done: dict[str, Any]) -> None:
    folds = done["run"] / "folds"
    found = read_out_of_fold(folds / "out-of-fold.jsonl")
    records = {r.id: r for r in read_records(done["data"])}
    assert {name for _, name, _ in found} == {
        r.id for r in records.values() if share_of(r.question) != "test"
    }
    halves: list[Any] = []
    for fold in range(2):
        (run,) = (path for path in folds.glob(f"fold-{fold}-*") if path.is_dir())
        config = load_config(run.with_suffix(".toml"))
        assert config.fold == fold
        weights = load_weights(max((run / "weights").glob("step-*")))
        encoder = load_encoder(run / "tokenizer.json", "prefix")
        ranker = make_ranker(config.base, "prefix", config.seed, weights)
        scorer = TorchScorer(ranker, encoder, bf16=False)
        mine = [
            key
            for key in found
            if fold_key(question_key(records[key[1]].question)) % 2 == fold and not key[2]
        ]
        assert len(mine) > 100
        weight = load_weights(folds / "mean.safetensors")["out.weight"]
        halves.append(weights["out.weight"] / 2)
        for key in mine[:5]:
            scored = scorer.score(records[key[1]])
            assert scored.logits is not None
            assert found[key] == pytest.approx(scored.logits.tolist(), abs=1e-4)
    assert torch.allclose(weight, halves[0] + halves[1])


def test_a_fold_trains_on_nothing_that_it_scores(done: dict[str, Any], tmp_path: Path) -> None:
    seen: list[set[int]] = []
    for fold in (0, 1, -1):
        config = replace(settings_of(done), fold=fold)
        encoder = make_encoder(config.base, config.attention)
        passes = Passes(config, encoder, tmp_path / "tokens")
        seen.append({store.folds[index] for store, index in passes.rows})
    assert all(key % 2 == 1 for key in seen[0])
    assert all(key % 2 == 0 for key in seen[1])
    assert seen[0] | seen[1] == seen[2]


def test_a_question_of_the_fold_is_left_out_of_plain_sets_too(
    done: dict[str, Any], tmp_path: Path
) -> None:
    settings = settings_of(done)
    shutil.copy(done["data"], tmp_path / done["data"].name)
    shutil.copy(done["data"], tmp_path / "plain_x6.jsonl.gz")
    sets = [*settings.sets, SourceSet("plain_x6.jsonl.gz", candidates=4)]
    config = replace(settings, sets=sets, data_folder=str(tmp_path), fold=0)
    passes = Passes(config, make_encoder(config.base, config.attention), tmp_path / "tokens")
    names = {store.sets[index] for store, index in passes.rows}
    assert names == {"pubmedqa_toy_x6", "plain_x6"}
    assert all(store.folds[index] % 2 == 1 for store, index in passes.rows)


def test_other_settings_or_data_are_another_run(done: dict[str, Any], tmp_path: Path) -> None:
    settings = settings_of(done)
    here = fold_folder(settings)
    assert fold_folder(settings) == here
    changed = [{"folds": 3}, {"seed": 2}, {"passes": 28}, {"fold": 1}]
    assert here not in {fold_folder(replace(settings, **one)) for one in changed}
    other = tmp_path / done["data"].name
    other.write_bytes(done["data"].read_bytes() + gzip.compress(b""))
    assert fold_folder(replace(settings, data_folder=str(tmp_path))) != here


def test_nothing_is_fitted_on_what_was_trained_on(done: dict[str, Any], tmp_path: Path) -> None:
    bundle = done["folder"] / "work" / "bundle"
    words = ["calibrate", "--bundle", str(bundle), "--data", str(done["data"])]
    words += ["--out", str(tmp_path / "new"), "--version", "1.0.1"]
    with pytest.raises(DataError, match=": its validation share was trained on"):
        app(words, standalone_mode=False)
    scores = done["run"] / "folds" / "out-of-fold.jsonl"
    app([*words, "--out-of-fold", str(scores)], standalone_mode=False)
    first, again = (read_manifest(path) for path in (bundle, tmp_path / "new"))
    assert again["selector"] == first["selector"]
    other = tmp_path / "other_x6.jsonl.gz"
    shutil.copy(done["data"], other)
    words = ["calibrate", "--bundle", str(bundle), "--data", str(other), "--split", "all"]
    with pytest.raises(DataError, match="pubmedqa_toy_x6: has out-of-fold scores, but no --data"):
        app([*words, "--out-of-fold", str(scores)], standalone_mode=False)


def test_what_cannot_be_crossed_is_named(done: dict[str, Any], tmp_path: Path) -> None:
    sets = [{"file": "a_x6.jsonl", "cross_fit": True}]
    with pytest.raises(TrainError, match="validate_sets: names a set of cross_fit"):
        parse_config({"sets": sets, "validate_sets": ["a_x6.jsonl"]})
    with pytest.raises(TrainError, match="fold: -1, or below"):
        parse_config({"sets": sets, "fold": 3})
    with pytest.raises(TrainError, match="folds: 2 or more"):
        parse_config({"sets": sets, "folds": 1})
    line = {"set": "pubmedqa_toy_x6", "id": "q0", "reduced": False, "logits": [0.1]}
    short = tmp_path / "out-of-fold.jsonl"
    short.write_text(json.dumps(line) + "\n")
    first = next(r for r in read_records(done["data"]))
    assert first.id == "q0"
    with pytest.raises(DataError, match="scores of other candidates"):
        out_of_fold_questions([done["data"]], read_out_of_fold(short))
    short.write_text('{"set": "x"}\n')
    with pytest.raises(DataError, match="not as crossfit writes it"):
        read_out_of_fold(short)
