"""The `[train]` table: what no run could work with is named by its field before anything starts."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.errors import ModelError, TrainError
from medadapter_train.fit.config import SourceSet, TrainConfig, parse_config
from medadapter_train.fit.run_folder import check_same_run

SETS = [{"file": "a.jsonl"}]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        *[(f"train.{name}", {name: 0}) for name in ("batch", "threads", "keep", "passes")],
        *[(f"train.{name}", {name: 0}) for name in ("validate_every", "checkpoint_every")],
        ("train.passes", {"passes": 3, "batch": 4}),
        ("train.folds", {"folds": 1}),
        ("train.seed", {"seed": -1}),
        ("train.learning_rate", {"learning_rate": -1.0}),
        ("train.learning_rate", {"learning_rate": float("nan")}),
        ("train.weight_decay", {"weight_decay": float("inf")}),
        ("train.mask_share", {"mask_share": 2.0}),
        ("train.validate_sets", {"validate_sets": "a.jsonl"}),
        ("train.validate_sets[0]", {"validate_sets": [1]}),
        ("train.sets", {"sets": 3}),
        ("train.sets", {"sets": []}),
        ("train.sets", {"sets": [*SETS, {"file": "a.jsonl.gz"}]}),
        ("train.sets[0]", {"sets": ["a.jsonl"]}),
        ("train.sets[0].file", {"sets": [{"candidates": 2}]}),
        ("train.sets[1].file", {"sets": [*SETS, {"file": 3}]}),
        ("train.sets[0].files", {"sets": [{"file": "a", "files": 1}]}),
        ("train.sets[0].candidates", {"sets": [{"file": "a", "candidates": 0}]}),
        ("train.sets[0].candidates", {"sets": [{"file": "a", "candidates": "six"}]}),
        # Rounds without a question would go on for ever.
        ("train.sets[0].per_round", {"sets": [{"file": "a", "per_round": 0.0}]}),
        ("train.sets[0].label_only", {"sets": [{"file": "a", "label_only": 1.5}]}),
    ],
)
def test_what_no_run_could_work_with_is_named(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(TrainError) as caught:
        parse_config({"sets": SETS, **change})
    assert caught.value.kind == "bad_config"
    assert str(caught.value).startswith(f"{field}: ")


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    config = TrainConfig(sets=[SourceSet("a.jsonl")], passes=80)
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    check_same_run(replace(config, seed=2), tmp_path)  # nothing to go on with
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    check_same_run(replace(config, passes=160, threads=1, validate_every=5), tmp_path)
    with pytest.raises(ModelError, match=r"train\.sets"):
        check_same_run(replace(config, sets=[SourceSet("b.jsonl")]), tmp_path)
    with pytest.raises(ModelError) as caught:
        check_same_run(replace(config, base="other"), tmp_path)
    assert caught.value.kind == "other_run"
