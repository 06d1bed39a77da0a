"""The plan file: which candidates of the data each stage's LLMs wrote.

Data files are named by their base names alone, so that one plan is fitted on one folder and
measured on another. `examples/plans` has plans with every field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from medadapter_train.errors import ConfigError, DataError
from medadapter_train.system.settings import (
    STRICT,
    Amount,
    Count,
    Share,
    Text,
    Texts,
    parse,
    read_toml,
)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,56}$")]
LlmName = Annotated[str, Field(min_length=1, max_length=128)]


@dataclass(frozen=True, config=STRICT)
class PriceTable:
    """Money for a million tokens, in whatever currency."""

    prompt: Amount
    completion: Amount


@dataclass(frozen=True, config=STRICT)
class PlanLlm:
    """One source: an LLM with its prompt.

    `name` is the LLM's name in the service (`LLMS`). `model` and `method` say which candidates of
    the data are its own (no method: all of the model); `candidates` how many of them it writes, the
    first in the file (0: all).
    """

    name: LlmName
    model: Text
    method: Texts = ()
    candidates: Annotated[int, Field(ge=0, le=32)] = 0
    price: PriceTable | None = None

    def wrote(self, source: str) -> bool:
        """Whether a candidate of this `model|method` is its own."""
        model, _, method = source.partition("|")
        return model == self.model and (not self.method or method in self.method)


@dataclass(frozen=True, config=STRICT)
class PlanStage:
    """LLMs that are asked together."""

    llm: Annotated[tuple[PlanLlm, ...], Field(min_length=1, max_length=64)]


@dataclass(frozen=True, config=STRICT)
class PlanConfig:
    """A whole plan.

    `name` is that of `fit` in the service's `PLANS`. `shares`, `errors`, `prices`: for which wishes
    thresholds are chosen. `least`: fewer questions are not fitted on.
    """

    name: Name
    data: Annotated[tuple[Text, ...], Field(min_length=1)]
    stage: Annotated[tuple[PlanStage, ...], Field(min_length=1, max_length=8)]
    shares: tuple[Share, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75)
    errors: tuple[Share, ...] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
    prices: tuple[Amount, ...] = ()
    least: Count = 40

    @property
    def sources(self) -> list[list[str]]:
        """Names of the sources, by stage."""
        return [[llm.name for llm in stage.llm] for stage in self.stage]


def load_plan(path: Path) -> PlanConfig:
    """Raises `ConfigError`: config_missing, bad_config."""
    return checked(read_toml(path))


def plan_of(fit: dict[str, Any]) -> PlanConfig:
    """The plan file that a fitted plan carries. Raises `ConfigError` bad_config."""
    return checked(fit.get("training"))


def checked(raw: Any) -> PlanConfig:
    """A plan file, decoded. Raises `ConfigError` bad_config."""
    plan = parse(PlanConfig, raw)
    names = [name for stage in plan.sources for name in stage]
    if len(set(names)) < len(names):
        raise ConfigError("bad_config", "stage.llm.name: two have the same name")
    if any("/" in name or "\\" in name for name in plan.data):
        raise ConfigError("bad_config", "data: base names of files only, no folders")
    return plan


def files_of(plan: PlanConfig, given: list[Path]) -> list[Path]:
    """The plan's data files among those given, each a file or a folder that has it.

    Raises `DataError` file_missing.
    """
    found = []
    for name in plan.data:
        here = [
            path / name if path.is_dir() else path
            for path in given
            if path.is_dir() or path.name == name
        ]
        there = [path for path in here if path.is_file()]
        if not there:
            raise DataError("file_missing", f"{name}: not among the data given")
        found.append(there[0])
    return found
