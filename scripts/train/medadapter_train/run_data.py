"""What a run is trained on, kept in its folder: the files' hashes and the token stores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medadapter_train.config import TrainConfig
from medadapter_train.data import set_name_of
from medadapter_train.errors import ModelError
from medadapter_train.jsonl import write_json
from medadapter_train.stamps import hash_once
from medadapter_train.store import TokenStore

_FILE = "data.json"


def keep_data(config: TrainConfig, stores: Sequence[TokenStore], run: Path) -> None:
    """Write `run`/data.json."""
    write_json(run / _FILE, {"files": _hashes(config), "stores": [store.name for store in stores]})


def check_same_data(config: TrainConfig, run: Path) -> None:
    """A checkpoint of other data is not gone on with. Raises `ModelError` other_data, `DataError`
    file_missing."""
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
    """Those of a run of an earlier version, which kept no record: all that lie there, where that
    is not too many."""
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
