"""The study's file: what is trained, what it is measured on, what things cost."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from medadapter_train.errors import ConfigError
from medadapter_train.fit.config import SourceSet, TrainConfig
from medadapter_train.study.config_tables import (
    CostTable,
    ModelsTable,
    RunTable,
    SetTable,
    StudyTable,
)
from medadapter_train.system.settings import STRICT, parse, read_toml

#: Fields that the study sets for each run; `[train]` holds what all runs share.
_OWN = ("sets", "data_folder", "attention", "train_share", "fold", "validate_sets")


@dataclass(frozen=True, config=STRICT)
class _File:
    """The tables of the study's file. `[train]` stays as it is written: each run adds its own."""

    train: dict[str, Any]
    study: StudyTable = dataclasses.field(default_factory=StudyTable)
    set: tuple[SetTable, ...] = ()
    run: tuple[RunTable, ...] = ()
    models: ModelsTable = dataclasses.field(default_factory=ModelsTable)
    cost: CostTable = dataclasses.field(default_factory=CostTable)


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """A whole study. `train` is what all runs share."""

    study: StudyTable
    train: TrainConfig
    sets: tuple[SetTable, ...]
    runs: tuple[RunTable, ...]
    models: ModelsTable
    cost: CostTable

    @property
    def reference(self) -> RunTable:
        return next(run for run in self.runs if run.kind == "reference")

    def trained_on(self, run: RunTable) -> list[SetTable]:
        """The sets that a run learns from."""
        if run.sets:
            return [s for s in self.sets if s.file in run.sets]
        known = [s for s in self.sets if s.role != "apart"]
        return [s for s in known if s.role == "main" and s.task == run.task] if run.task else known

    def measured(self, run: RunTable) -> list[SetTable]:
        """The sets that a run is measured on: a run of one LLM's set on all of its task, but for
        the small extra ones; the reference on all; every other run on the main ones."""
        if run.kind == "reference":
            return list(self.sets)
        if run.kind == "llm":
            tasks = {s.task for s in self.trained_on(run)}
            return [s for s in self.sets if s.task in tasks and s.role != "extra"]
        return [s for s in self.sets if s.role == "main"]

    def settings(self, run: RunTable) -> TrainConfig:
        """A run's training configuration; base and data folder are those of the study's file."""
        fields = [field.name for field in dataclasses.fields(SourceSet)]
        sets = [
            SourceSet(**{k: v for k, v in dataclasses.asdict(s).items() if k in fields})
            for s in self.trained_on(run)
        ]
        share, attention = run.share, run.attention
        shared = _with_own(self.train, run)
        return dataclasses.replace(shared, sets=sets, attention=attention, train_share=share)


def load_study(path: Path) -> StudyConfig:
    """Read and check a study's file. Raises `ConfigError` config_missing, bad_config naming file
    and field."""
    raw = read_toml(path)
    try:
        file = parse(_File, raw)
        config = StudyConfig(
            study=file.study,
            train=_shared(file.train, file.set),
            sets=file.set,
            runs=file.run,
            models=file.models,
            cost=file.cost,
        )
        _check(config)
    except ConfigError as error:
        raise ConfigError(error.kind, f"{path.name}: {error}") from None
    return config


def _shared(raw: dict[str, Any], sets: tuple[SetTable, ...]) -> TrainConfig:
    for name in _OWN:
        if name in raw:
            raise ConfigError("bad_config", f"train.{name}: the study's runs say it")
    return parse(TrainConfig, {**raw, "sets": [{"file": s.file} for s in sets]}, "train")


def _with_own(shared: TrainConfig, run: RunTable) -> TrainConfig:
    """The shared configuration with this run's own values."""
    for name in _OWN:
        if name in run.train:
            raise ConfigError("bad_config", f"run {run.name}: train.{name} is said otherwise")
    raw = {**dataclasses.asdict(shared), "sets": [{"file": s.file} for s in shared.sets]}
    return parse(TrainConfig, {**raw, **run.train}, f"run {run.name}: train")


def _check(config: StudyConfig) -> None:
    """Names are their own, one run is the reference, and every run has something to learn from."""
    for what, names in (
        ("set", [s.name for s in config.sets]),
        ("run", [run.name for run in config.runs]),
    ):
        if len(set(names)) < len(names):
            raise ConfigError("bad_config", f"[[{what}]]: a name stands there twice")
    if sum(run.kind == "reference" for run in config.runs) != 1:
        raise ConfigError("bad_config", "[[run]]: exactly one differs in nothing, the reference")
    for run in config.runs:
        if not run.name or not run.name.replace("-", "").replace(".", "").isalnum():
            raise ConfigError("bad_config", "run.name: letters, digits, dots and dashes")
        if not 0 < run.share <= 1:
            raise ConfigError("bad_config", f"run {run.name}: share is above 0, up to 1")
        if not config.trained_on(run):
            raise ConfigError("bad_config", f"run {run.name}: no set to train on")
        if set(run.sets) - {s.file for s in config.sets}:
            raise ConfigError("bad_config", f"run {run.name}: sets names no [[set]]")
        config.settings(run)
    if not any(s.role == "main" for s in config.sets):
        raise ConfigError("bad_config", "[[set]]: none is a main one")
