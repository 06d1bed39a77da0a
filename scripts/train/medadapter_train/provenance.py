"""What a bundle says of its data: `[bundle]` and `[[provenance]]` of the run's TOML file, with the
number of questions that were trained on counted from the run itself."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from datasets import Dataset

from medadapter_train.config import TrainConfig
from medadapter_train.data import set_name_of
from medadapter_train.errors import TrainError
from medadapter_train.export import ExportRequest

_FIELDS = ("name", "licence", "llms", "note")


def load_request(path: Path, settings: TrainConfig, run: Path | None) -> ExportRequest:
    """Raises `TrainError` bad_config naming the field."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    counts = _counts(run, {set_name_of(Path(s.file)) for s in settings.sets if s.cross_fit})
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


def _counts(run: Path | None, crossed: set[str]) -> Counter[str]:
    """Training questions by set, from the run's token stores; of cross-fitted sets those of the
    validation share as well."""
    counts: Counter[str] = Counter()
    for folder in sorted((run / "tokens").iterdir()) if run is not None else []:
        names = list(Dataset.load_from_disk(str(folder))["set"])
        trained = folder.name.startswith("train-")
        counts.update(name for name in names if trained or name in crossed)
    return counts
