"""The tables of the study's file."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from medadapter_train.data.candidates import set_name_of
from medadapter_train.data.tasks import task_of
from medadapter_train.errors import ConfigError
from medadapter_train.fit.config import AboveNone, Attention
from medadapter_train.system.settings import STRICT, Count, Number, Share, Text, Texts, Whole


@dataclass(frozen=True, config=STRICT)
class StudyTable:
    """`most`: questions a set is measured on at most (0: all), of these `shares` of the split;
    `threads`: of torch while scoring; `timing`: questions a set that scoring is timed on; `k`:
    sizes of the K-curve."""

    most: Whole = 0
    shares: tuple[Literal["validation", "test"], ...] = ("validation", "test")
    threads: Whole = 2
    timing: Whole = 4
    k: tuple[Whole, ...] = (1, 2, 4, 8)


@dataclass(frozen=True, config=STRICT)
class SetTable:
    """A candidate file, with the fields of `[train].sets`. `main`: trained on, and in the means.
    `extra`: trained on, measured by the reference alone, in no mean. `apart`: never trained on by
    the reference, in no mean."""

    file: Text
    role: Literal["main", "extra", "apart"] = "main"
    per_round: AboveNone = 1.0
    candidates: Count = 6
    label_only: Share = 0.0

    @property
    def name(self) -> str:
        return set_name_of(Path(self.file))

    @property
    def task(self) -> str:
        return task_of(self.name) or self.name


@dataclass(frozen=True, config=STRICT)
class RunTable:
    """A training run, all sets of the reference unless `task` or `sets` names some. `layers`: the
    base's first ones (0: all). `share`: so much of the training questions. `train`: other values
    of `[train]`, a loss or a seed."""

    name: Text
    attention: Attention = "prefix"
    layers: Whole = 0
    share: Number = 1.0
    task: Text = ""
    sets: Texts = ()
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


@dataclass(frozen=True, config=STRICT)
class ModelsTable:
    """Parts of models' names that tell black-box LLMs from those with open weights."""

    black_box: Texts = ()
    open: Texts = ()


@dataclass(frozen=True, config=STRICT)
class MachineTable:
    """A machine's price by the hour, where it is from and when it was read."""

    name: Text
    hour: Number
    source: Text
    date: Text


@dataclass(frozen=True, config=STRICT)
class LlmTable:
    """An LLM's prices for a million tokens, where they are from and when they were read.
    `training`: of one that is fine-tuned at its provider."""

    name: Text
    prompt: Number
    completion: Number
    source: Text
    date: Text
    training: Number = 0.0


@dataclass(frozen=True, config=STRICT)
class CostTable:
    """Prices, and the answers that are priced: `k` candidates of `completion_tokens` each on a
    prompt of `prompt_tokens`."""

    currency: Text = "USD"
    k: tuple[Whole, ...] = (1, 4, 8)
    prompt_tokens: Whole = 400
    completion_tokens: Whole = 250
    machine: tuple[MachineTable, ...] = ()
    llm: tuple[LlmTable, ...] = ()
