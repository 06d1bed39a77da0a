"""What a bundle says of its data: `[bundle]` and `[[provenance]]` of the run's TOML file, with the
number of questions that were trained on counted from the run itself.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from medadapter_train.bundle.export import ExportRequest
from medadapter_train.bundle.folder import check_name, check_version
from medadapter_train.errors import PublishError, TrainError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.fit.passes import trained_rows
from medadapter_train.fit.run_folder import stores_of

_FIELDS = ("name", "licence", "llms", "note")


def load_request(path: Path, settings: TrainConfig, run: Path | None) -> ExportRequest:
    """Raises `TrainError` bad_config naming the field, `ModelError` run_missing."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    request = parse_request(raw.get("bundle", {}))
    entries = parse_provenance(raw.get("provenance", []))
    counts = _counts(run, settings)
    return replace(
        request,
        base=settings.base,
        training=settings.to_json(),
        provenance=[{**entry, "questions": counts[entry["name"]]} for entry in entries],
    )


def parse_request(raw: Any) -> ExportRequest:
    """`[bundle]`: texts. Raises `TrainError` bad_config naming the field."""
    if not isinstance(raw, dict):
        raise TrainError("bad_config", "bundle: not a table")
    known = {f.name for f in fields(ExportRequest)} - {"base", "training", "provenance"}
    for name, value in raw.items():
        if name not in known:
            raise TrainError("bad_config", f"bundle.{name}: unknown field")
        if not isinstance(value, str):
            raise TrainError("bad_config", f"bundle.{name}: not text")
    request = ExportRequest(**raw)
    for name, check in (("name", check_name), ("version", check_version)):
        try:
            check(getattr(request, name))
        except PublishError as error:
            raise TrainError("bad_config", f"bundle.{name}: {error}") from None
    return request


def parse_provenance(raw: Any) -> list[dict[str, Any]]:
    """`[[provenance]]`. Raises `TrainError` bad_config naming the field."""
    if not isinstance(raw, list) or not all(isinstance(entry, dict) for entry in raw):
        raise TrainError("bad_config", "provenance: written with two brackets, one a set")
    for index, entry in enumerate(raw):
        missing = [f for f in _FIELDS if f not in entry and f != "note"]
        if missing:
            raise TrainError("bad_config", f"provenance[{index}].{missing[0]}: missing")
        if not isinstance(entry["llms"], list):
            raise TrainError("bad_config", f"provenance[{index}].llms: not a list")
    return [{"note": "", **{f: entry[f] for f in _FIELDS if f in entry}} for entry in raw]


def _counts(run: Path | None, settings: TrainConfig) -> Counter[str]:
    """Questions by set that a run of these settings trains on, from the run's token stores."""
    if run is None:
        return Counter()
    rows = trained_rows(stores_of(settings, run), settings)
    return Counter(store.sets[index] for store, index in rows)
