"""The study's file: what is trained, what it is measured on, what things cost."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapter_train.errors import ConfigError, TrainError
from medadapter_train.fit.config import SourceSet, TrainConfig, parse_config
from medadapter_train.study.config_tables import (
    CostTable,
    ModelsTable,
    PaperTable,
    RunTable,
    SetTable,
    StudyTable,
)
from medadapter_train.system.toml_tables import read_toml, table

#: What the study itself says of a run; `[train]` holds what all runs share.
_OWN = ("sets", "data_folder", "attention", "train_share", "fold", "validate_sets")


@dataclass(frozen=True)
class StudyConfig:
    """A whole study. `train` is what all runs share."""

    study: StudyTable
    train: TrainConfig
    sets: tuple[SetTable, ...]
    runs: tuple[RunTable, ...]
    models: ModelsTable
    paper: PaperTable
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
    """Read and check a study's file. Raises `ConfigError` config_missing, bad_config."""
    raw = read_toml(path)
    known = {"study", "train", "set", "run", "models", "paper", "cost"}
    for name in raw:
        if name not in known:
            raise ConfigError("bad_config", f"[{name}]: unknown table")
    sets = _tables(SetTable, raw, "set")
    config = StudyConfig(
        study=table(StudyTable, raw.get("study", {}), "study"),
        train=_shared(raw.get("train"), sets),
        sets=sets,
        runs=_tables(RunTable, raw, "run"),
        models=table(ModelsTable, raw.get("models", {}), "models"),
        paper=table(PaperTable, raw.get("paper", {}), "paper"),
        cost=table(CostTable, raw.get("cost", {}), "cost"),
    )
    _check(config)
    return config


def _tables(kind: Any, raw: dict[str, Any], name: str) -> tuple[Any, ...]:
    found = raw.get(name, [])
    if not isinstance(found, list):
        raise ConfigError("bad_config", f"[[{name}]]: written with two brackets")
    return tuple(table(kind, entry, f"{name}[{i}]") for i, entry in enumerate(found))


def _shared(raw: Any, sets: tuple[SetTable, ...]) -> TrainConfig:
    if isinstance(raw, dict):
        for name in _OWN:
            if name in raw:
                raise ConfigError("bad_config", f"train.{name}: the study's runs say it")
        raw = {**raw, "sets": [{"file": s.file} for s in sets]}
    try:
        return parse_config(raw)
    except TrainError as error:
        raise ConfigError(error.kind, str(error)) from None


def _with_own(shared: TrainConfig, run: RunTable) -> TrainConfig:
    """What all runs share, with the values that this one has of its own."""
    for name in _OWN:
        if name in run.train:
            raise ConfigError("bad_config", f"run {run.name}: train.{name} is said otherwise")
    raw = {**dataclasses.asdict(shared), "sets": [{"file": s.file} for s in shared.sets]}
    try:
        return parse_config({**raw, **run.train})
    except TrainError as error:
        raise ConfigError(error.kind, f"run {run.name}: {error}") from None


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
