"""What a bundle says of its data: `[bundle]` and `[[provenance]]` of the run's TOML file, with the
number of questions that were trained on counted from the run itself."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from medadapter_train.config import TrainConfig
from medadapter_train.data import set_name_of
from medadapter_train.errors import ModelError, TrainError
from medadapter_train.export import ExportRequest
from medadapter_train.passes import trained_rows
from medadapter_train.store import TokenStore

_FIELDS = ("name", "licence", "llms", "note")


def load_request(path: Path, settings: TrainConfig, run: Path | None) -> ExportRequest:
    """Raises `TrainError` bad_config naming the field, `ModelError` run_missing."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    counts = _counts(run, settings)
    entries: list[dict[str, Any]] = []
    for index, entry in enumerate(raw.get("provenance", [])):
        missing = [f for f in _FIELDS if f not in entry]
        if missing:
            raise TrainError("bad_config", f"provenance[{index}].{missing[0]}: missing")
        entries.append({**{f: entry[f] for f in _FIELDS}, "questions": counts[entry["name"]]})
    try:
        request = ExportRequest(**raw.get("bundle", {}))
    except TypeError as error:
        raise TrainError("bad_config", "bundle: wrong fields") from error
    return ExportRequest(
        **{
            **request.__dict__,
            "base": settings.base,
            "training": settings.to_json(),
            "provenance": entries,
        }
    )


def _counts(run: Path | None, settings: TrainConfig) -> Counter[str]:
    """Questions by set that a run of these settings trains on, from the run's token stores."""
    if run is None:
        return Counter()
    if not (run / "tokens").is_dir():
        raise ModelError("run_missing", f"{run.name}: no tokens/ of a run")
    crossed = {set_name_of(Path(s.file)) for s in settings.sets if s.cross_fit}
    stores = []
    for folder in sorted((run / "tokens").iterdir()):
        store = TokenStore.open(folder)
        if folder.name.startswith("train-") or crossed.issuperset(store.sets):
            stores.append(store)
    return Counter(store.sets[index] for store, index in trained_rows(stores, settings))
