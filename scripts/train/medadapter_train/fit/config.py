"""The training run's typed configuration, read from TOML and kept in the manifest."""

from __future__ import annotations

from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from medadapter_train.data.candidates import set_name_of
from medadapter_train.errors import TrainError
from medadapter_train.model.base import MINILM
from medadapter_train.system.settings import (
    STRICT,
    Amount,
    Count,
    CountOrNone,
    Flag,
    Number,
    Share,
    Text,
    Whole,
    parse,
    read_toml,
)

AboveNone = Annotated[Number, Field(gt=0)]
Attention = Literal["prefix", "cross"]


@dataclass(frozen=True, config=STRICT)
class SourceSet:
    """One candidate file. `per_round` is how often its questions come in a round (0.25: a
    quarter). `label_only` is the share of the passes of a question of a closed task in which the
    candidates are its bare labels, without any LLM's text: what is right can then only be told from
    question and context. `cross_fit`: the validation share is trained on as well, and what is
    fitted on held-out questions gets them from runs that left them out (crossfit.py).
    """

    file: Text
    per_round: AboveNone = 1.0
    candidates: Count = 6
    label_only: Share = 0.0
    cross_fit: Flag = False


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """Everything that decides a run. Two runs of equal configuration and thread count are equal.

    Counts are in passes (one question with its candidates, once) save `warmup_steps`. `patience`:
    validations without a new best before the run ends; 0 goes on to the end. `init_weights`: an
    earlier run's weights (safetensors) to go on from, in place of the base's with a random head.
    `pack_tokens`: questions of like length go through the encoder together up to so many tokens,
    for a GPU (0: one at a time); the gradients of a step's `batch` questions are accumulated.
    `attention`: `prefix`, or `cross` for any encoder (cross.py). `loss`: one of losses.py. `fold`:
    of the questions of cross-fitted sets, this one of `folds` is left out; -1 trains on all.
    `train_share`: so much of the questions, by their hash.
    """

    sets: list[SourceSet]
    data_folder: Text = ""
    base: Text = MINILM
    attention: Attention = "prefix"
    init_weights: Text = ""
    seed: CountOrNone = 1
    folds: Annotated[Whole, Field(ge=2)] = 3
    fold: Whole = -1
    train_share: Annotated[Share, Field(gt=0)] = 1.0
    passes: Count = 9600
    batch: Count = 8
    pack_tokens: CountOrNone = 0
    learning_rate: Amount = 5e-5
    head_learning_rate: Amount = 2.5e-4
    weight_decay: Amount = 0.01
    warmup_steps: CountOrNone = 50
    mask_share: Share = 0.05
    loss: Literal["", "cross_entropy", "bce", "listwise"] = ""
    bf16: Flag = True
    threads: Count = 2
    validate_every: Count = 1600
    patience: CountOrNone = 0
    checkpoint_every: Count = 400
    keep: Count = 8
    validate_per_set: CountOrNone = 40
    validate_sets: list[Text] = field(default_factory=list)

    @field_validator("sets")
    @classmethod
    def _names_differ(cls, sets: list[SourceSet]) -> list[SourceSet]:
        if not sets:
            raise ValueError("names no file")
        if len({set_name_of(Path(s.file)) for s in sets}) < len(sets):
            raise ValueError("two files are named alike")
        return sets

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if {s.file for s in self.sets if s.cross_fit} & {*self.validate_sets}:
            raise ValueError("validate_sets: names a set of cross_fit")
        if not -1 <= self.fold < self.folds:
            raise ValueError("fold: -1, or below train.folds")
        if self.passes < self.batch:
            raise ValueError("passes: at least one batch")
        return self

    def to_json(self) -> dict[str, Any]:
        """The configuration for the manifest: no folder of this machine in it."""
        raw = asdict(self)
        raw.pop("data_folder")
        raw["init_weights"] = Path(self.init_weights).name
        return raw


def load_config(path: Path) -> TrainConfig:
    """Read `[train]` of a TOML file. Raises `TrainError` config_missing, bad_config naming file and
    field."""
    raw = read_toml(path, TrainError)
    try:
        return parse_config(raw.get("train"))
    except TrainError as error:
        raise TrainError(error.kind, f"{path.name}: {error}") from None


def parse_config(raw: Any) -> TrainConfig:
    """Check a decoded `[train]` table. Raises `TrainError` bad_config naming the field."""
    if raw is None:
        raise TrainError("bad_config", "table [train] is missing")
    return parse(TrainConfig, raw, "train", TrainError)
