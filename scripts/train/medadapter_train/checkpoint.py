"""Checkpoints written atomically: a killed run leaves the last whole one."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from medadapter_train.config import TrainConfig
from medadapter_train.errors import ModelError
from medadapter_train.full_disk import disk_full_named
from medadapter_train.jsonl import write_atomic

#: What may change when a run is gone on with: how long it is, what it keeps, what it measures.
_FREE = frozenset({"data_folder", "passes", "pack_tokens", "threads", "patience", "keep"})


def check_same_run(config: TrainConfig, out: Path) -> None:
    """A checkpoint of other settings is not gone on with. Raises `ModelError` other_run."""
    file = out / "config.json"
    if not (out / "checkpoint.pt").is_file() or not file.is_file():
        return
    before = json.loads(file.read_text(encoding="utf-8"))
    for name, value in json.loads(json.dumps(asdict(config))).items():
        free = name in _FREE or name.startswith(("validate_", "checkpoint_"))
        if not free and name in before and before[name] != value:
            raise ModelError("other_run", f"{out.name}: begun with another train.{name}")


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write through a scratch file, flush to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    with disk_full_named(path), scratch.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)


def load_state(path: Path) -> dict[str, Any] | None:
    """The saved state, None where there is none. Raises `ModelError` checkpoint_damaged."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError("checkpoint_damaged", f"{path.name}: cannot be read") from error
    return dict(state)


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    """Weights as safetensors, atomically."""
    write_atomic(path, [save({k: v.detach().contiguous().cpu() for k, v in tensors.items()})])


def load_weights(path: Path) -> dict[str, Tensor]:
    """Raises `ModelError` weights_missing, weights_damaged."""
    if not path.is_file():
        raise ModelError("weights_missing", f"{path.name}: no such file")
    try:
        return load_file(path)
    except Exception as error:
        raise ModelError("weights_damaged", f"{path.name}: cannot be read") from error


def average_weights(paths: list[Path]) -> dict[str, Tensor]:
    """The mean of several checkpoints' weights."""
    total = load_weights(paths[0])
    for path in paths[1:]:
        for name, tensor in load_weights(path).items():
            total[name] += tensor
    return {name: tensor / len(paths) for name, tensor in total.items()}
