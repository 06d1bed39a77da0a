"""A training run's folder: its configuration, data, checkpoint and weights.

Everything is written in one step, so a killed run leaves the last whole checkpoint. A folder that
was begun with other settings or other data is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from medadapter_train.data.candidates import set_name_of
from medadapter_train.errors import ModelError, TrainError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.fit.token_store import TokenStore
from medadapter_train.system.files import disk_full_named, write_json
from medadapter_train.system.stamps import hash_once

#: Settings that may change when a run is resumed: its length, what it keeps, what it measures.
_FREE = frozenset({"data_folder", "passes", "pack_tokens", "threads", "patience", "keep"})


def check_same_run(config: TrainConfig, out: Path) -> None:
    """Refuse to resume a checkpoint of other settings. Raises `ModelError` other_run."""
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


_FILE = "data.json"


def keep_data(config: TrainConfig, stores: Sequence[TokenStore], run: Path) -> None:
    """Write `run`/data.json."""
    write_json(run / _FILE, {"files": _hashes(config), "stores": [store.name for store in stores]})


def check_same_data(config: TrainConfig, run: Path) -> None:
    """Refuse to resume a checkpoint of other data. Raises `ModelError` other_data, `DataError`
    file_missing.
    """
    before = _read(run)
    if not (run / "checkpoint.pt").is_file() or before is None:
        return
    for name, value in _hashes(config).items():
        if before["files"].get(name) != value:
            message = f"{run.name}: begun with another {name}; name another --out"
            raise ModelError("other_data", message)


def stores_of(config: TrainConfig, run: Path) -> list[TokenStore]:
    """The token stores that a run is trained on. Raises `ModelError` run_missing."""
    kept, tokens = _read(run), run / "tokens"
    if kept is None:
        return _unrecorded(config, run)
    if not all((tokens / name).is_dir() for name in kept["stores"]):
        raise ModelError("run_missing", f"{run.name}: no tokens/ of a run")
    return [TokenStore.open(tokens / name) for name in kept["stores"]]


def _unrecorded(config: TrainConfig, run: Path) -> list[TokenStore]:
    """The stores of a run of an earlier version, which kept no record: all that are there, unless
    there are several train stores.
    """
    # Beside each store lies its lock, a hidden file.
    folders = sorted((run / "tokens").glob("[!.]*"))
    if sum(folder.name.startswith("train-") for folder in folders) != 1:
        message = f"{run.name}: no data.json of a run; train adds it"
        raise ModelError("run_missing", message)
    crossed = {set_name_of(Path(s.file)) for s in config.sets if s.cross_fit}
    stores = [TokenStore.open(folder) for folder in folders]
    return [s for s in stores if s.name.startswith("train-") or crossed.issuperset(s.sets)]


def _hashes(config: TrainConfig) -> dict[str, str]:
    return {s.file: hash_once(Path(config.data_folder) / s.file) for s in config.sets}


def _read(run: Path) -> dict[str, Any] | None:
    try:
        raw = json.loads((run / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return raw if isinstance(raw, dict) else None


def best_checkpoint(run: Path) -> Path | None:
    """The weights of the best validation during the run; None without a validation."""
    try:
        named = json.loads((run / "best.json").read_text(encoding="utf-8"))["weights"]
    except (OSError, ValueError, KeyError):
        return None
    file = run / "weights" / str(named)
    return file if file.is_file() else None


def last_weights(run: Path, config: TrainConfig) -> Path:
    """The weights of a run that has ended: those of the last step or, if it stopped early, those
    that validated best. Raises `TrainError` stage_failed without any.
    """
    last = run / "weights" / f"step-{config.passes // config.batch:05d}.safetensors"
    if last.is_file():
        return last
    best = best_checkpoint(run) if config.patience > 0 else None
    if best is None:
        raise TrainError("stage_failed", f"{run.name}: no weights of its last step")
    return best
