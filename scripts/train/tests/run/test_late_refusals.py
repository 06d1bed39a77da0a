"""What showed only after hours, or as a traceback: named early, or worked around."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulated import CLOSED, LETTERED, simulated

from medadapter_train.bundle.card import model_card
from medadapter_train.bundle.recalibrate import check_not_trained_on
from medadapter_train.errors import ConfigError, DataError, TrainError
from medadapter_train.fit.calibrate import calibrate
from medadapter_train.fit.config import SourceSet, TrainConfig
from medadapter_train.fit.held_out import HeldOut
from medadapter_train.fit.run_folder import last_weights
from medadapter_train.run.config import load_run

DOCS = Path(__file__).parents[4] / "docs"


def test_a_fold_that_stopped_early_gives_its_best_weights(tmp_path: Path) -> None:
    run = tmp_path / "fold-0"
    (run / "weights").mkdir(parents=True)
    (run / "weights" / "step-00002.safetensors").write_bytes(b"")
    (run / "best.json").write_text(json.dumps({"weights": "step-00002.safetensors", "gain": 1.0}))
    config = TrainConfig([SourceSet("a.jsonl")], passes=80, batch=8)
    with pytest.raises(TrainError) as caught:
        last_weights(run, config)
    assert caught.value.kind == "stage_failed"
    patient = replace(config, patience=2)
    assert last_weights(run, patient).name == "step-00002.safetensors"
    (run / "weights" / "step-00010.safetensors").write_bytes(b"")
    assert last_weights(run, patient).name == "step-00010.safetensors"


def test_kinds_that_cannot_be_fitted_get_no_selector() -> None:
    good = simulated(80, 2.0, CLOSED, "evidence", 1)
    book = simulated(60, 1.0, LETTERED, "book", 2)
    silent = [
        replace(h, scored=replace(h.scored, answers=(None,) * 6, correct=(False,) * 6))
        for h in book
    ]
    one_text = [HeldOut(h.scored, "the same question of every text") for h in book]
    for other in (silent, one_text):
        fields = calibrate([*good, *other]).fields
        assert [g["labels"] for g in fields["selector"]["groups"]] == ["closed"]


@pytest.mark.parametrize(
    ("split", "cross_fit", "refused"),
    [
        ("all", False, True),
        ("train", False, True),
        ("validation", False, False),
        ("validation", True, True),
        ("test", True, False),
    ],
)
def test_nothing_is_fitted_on_shares_that_were_trained_on(
    split: str, cross_fit: bool, refused: bool
) -> None:
    manifest = {"training": {"sets": [{"file": "a_x6.jsonl.gz", "cross_fit": cross_fit}]}}
    check_not_trained_on(manifest, [Path("ours_x8.jsonl")], split)
    if not refused:
        check_not_trained_on(manifest, [Path("data/a_x6.jsonl")], split)
        return
    with pytest.raises(DataError) as caught:
        check_not_trained_on(manifest, [Path("data/a_x6.jsonl")], split)
    assert caught.value.kind == "trained_on"


RUN = """
[run]
folder = "work"
[train]
sets = [{ file = "a.jsonl", cross_fit = true }, { file = "b.jsonl" }]
[bundle]
name = "a"
version = "1.0.0"
[calibrate]
split = "validation"
sets = ["b.jsonl"]
[evaluate]
split = "test"
"""


def test_calibration_without_a_cross_fitted_set_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(RUN)
    with pytest.raises(ConfigError) as caught:
        load_run(path)
    assert "calibrate.sets: lacks a set of cross_fit" in str(caught.value)
    path.write_text(RUN.replace('["b.jsonl"]', '["b.jsonl", "a.jsonl"]'))
    load_run(path)


def test_the_documented_run_is_one(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "your-own-adapter.md").read_text(), re.S)
    path = tmp_path / "run.toml"
    path.write_text(blocks[0])
    config = load_run(path)
    assert config.bundle["name"] == "ours"
    assert config.provenance[0]["name"] == "ours_x8"


def test_the_card_says_what_its_figures_are_of() -> None:
    manifest = json.loads((DOCS.parent / "models" / "mini" / "manifest.json").read_text())

    def card(evaluated: dict[str, Any]) -> str:
        return model_card({**manifest, "training": {**manifest["training"], **evaluated}})

    assert "nothing was fitted on it" in card({"evaluated": "test"})
    assert "nothing was fitted on it" not in card({"evaluated": "all"})
    assert "trained or fitted on" in card({"evaluated": "all"})
