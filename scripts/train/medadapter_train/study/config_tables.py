"""The tables of the study's file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medadapter_train.data.candidates import set_name_of
from medadapter_train.data.tasks import task_of
from medadapter_train.errors import ConfigError


@dataclass(frozen=True)
class StudyTable:
    """`most`: questions a set is measured on at most (0: all), of these `shares` of the split;
    `threads`: of torch while scoring; `timing`: questions a set that scoring is timed on; `k`:
    sizes of the K-curve."""

    most: int = 0
    shares: tuple[Literal["validation", "test"], ...] = ("validation", "test")
    threads: int = 2
    timing: int = 4
    k: tuple[int, ...] = (1, 2, 4, 8)


@dataclass(frozen=True)
class SetTable:
    """A candidate file, with the fields of `[train].sets`. `main`: trained on, and in the means.
    `extra`: trained on, measured by the reference alone, in no mean. `apart`: never trained on by
    the reference, in no mean."""

    file: str
    role: Literal["main", "extra", "apart"] = "main"
    per_round: float = 1.0
    candidates: int = 6
    label_only: float = 0.0

    @property
    def name(self) -> str:
        return set_name_of(Path(self.file))

    @property
    def task(self) -> str:
        return task_of(self.name) or self.name


@dataclass(frozen=True)
class RunTable:
    """A training run, all sets of the reference unless `task` or `sets` names some. `layers`: the
    base's first ones (0: all). `share`: so much of the training questions. `train`: other values
    of `[train]`, a loss or a seed."""

    name: str
    attention: Literal["prefix", "cross"] = "prefix"
    layers: int = 0
    share: float = 1.0
    task: str = ""
    sets: tuple[str, ...] = ()
    train: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What the run is compared for; `reference` differs in nothing."""
        kinds = {"cross": self.attention == "cross", "layers": self.layers, "task": self.task}
        kinds |= {"share": self.share != 1.0, "llm": self.sets, "train": self.train}
        found = [kind for kind, is_so in kinds.items() if is_so]
        if len(found) > 1:
            raise ConfigError("bad_config", f"run {self.name}: differs in more than one thing")
        return found[0] if found else "reference"


@dataclass(frozen=True)
class ModelsTable:
    """Parts of models' names that tell black-box LLMs from those with open weights."""

    black_box: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """The paper's own mean relative gains in percent, of its last and of its first version."""

    black_box: float = 10.96
    open: float = 18.24
    black_box_v1: float = 11.31
    open_v1: float = 25.48


@dataclass(frozen=True)
class MachineTable:
    """A machine's price by the hour, where it is from and when it was read."""

    name: str
    hour: float
    source: str
    date: str


@dataclass(frozen=True)
class LlmTable:
    """An LLM's prices for a million tokens, where they are from and when they were read.
    `training`: of one that is fine-tuned at its provider."""

    name: str
    prompt: float
    completion: float
    source: str
    date: str
    training: float = 0.0


@dataclass(frozen=True)
class CostTable:
    """Prices, and the answers that are priced: `k` candidates of `completion_tokens` each on a
    prompt of `prompt_tokens`."""

    currency: str = "USD"
    k: tuple[int, ...] = (1, 4, 8)
    prompt_tokens: int = 400
    completion_tokens: int = 250
    machine: tuple[MachineTable, ...] = ()
    llm: tuple[LlmTable, ...] = ()
