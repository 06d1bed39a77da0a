"""The training run's typed configuration, read from TOML and kept in the manifest."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import set_name_of
from medadapter_train.errors import TrainError
from medadapter_train.fit.losses import PRESETS, LossWeights
from medadapter_train.model.base import MINILM

#: What a number must not be under.
_LEAST: dict[str, float] = {
    **dict.fromkeys(("passes", "batch", "threads", "validate_every", "checkpoint_every"), 1),
    **dict.fromkeys(("keep", "candidates"), 1),
    "folds": 2,
    **dict.fromkeys(("seed", "pack_tokens", "warmup_steps", "patience", "validate_per_set"), 0),
    **dict.fromkeys(("learning_rate", "head_learning_rate", "weight_decay", "clip_norm"), 0),
    **dict.fromkeys(("bce", "listwise", "pure"), 0),
}


@dataclass(frozen=True)
class SourceSet:
    """One candidate file. `per_round` is how often its questions come in a round (0.25: a
    quarter). `label_only` is the share of the passes of a question of a closed task in which the
    candidates are its bare labels, without any LLM's text: what is right can then only be told from
    question and context. `cross_fit`: the validation share is trained on as well, and what is
    fitted on held-out questions gets them from runs that left them out (crossfit.py).
    """

    file: str
    per_round: float = 1.0
    candidates: int = 6
    label_only: float = 0.0
    cross_fit: bool = False


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run. Two runs of equal configuration and thread count are equal.

    Counts are in passes (one question with its candidates, once) save `warmup_steps`. `patience`:
    validations without a new best before the run ends; 0 goes on to the end. `init_weights`: an
    earlier run's weights (safetensors) to go on from, in place of the base's with a random head.
    `pack_tokens`: questions of like length go through the encoder together up to so many tokens,
    for a GPU (0: one at a time); the gradients of a step's `batch` questions are accumulated.
    `attention`: `prefix`, or `cross` for any encoder (cross.py). `loss` names a preset of losses.py
    in place of the weights `bce`, `listwise` and `pure`; `soft` is a teacher's share of the target
    where a candidate has a soft label. `fold`: of the questions of cross-fitted sets, this one of
    `folds` is left out; -1 trains on all. `train_share`: so much of the questions, by their hash.
    """

    sets: list[SourceSet]
    data_folder: str = ""
    base: str = MINILM
    attention: str = "prefix"
    init_weights: str = ""
    seed: int = 1
    folds: int = 3
    fold: int = -1
    train_share: float = 1.0
    passes: int = 9600
    batch: int = 8
    pack_tokens: int = 0
    learning_rate: float = 5e-5
    head_learning_rate: float = 2.5e-4
    weight_decay: float = 0.01
    warmup_steps: int = 50
    decay_share: float = 0.35
    clip_norm: float = 1.0
    mask_share: float = 0.05
    bce: float = 1.0
    listwise: float = 0.5
    pure: float = 0.4
    loss: str = ""
    soft: float = 0.5
    bf16: bool = True
    threads: int = 2
    validate_every: int = 1600
    patience: int = 0
    checkpoint_every: int = 400
    keep: int = 8
    validate_per_set: int = 40
    validate_sets: list[str] = field(default_factory=list)

    @property
    def loss_weights(self) -> LossWeights:
        """The preset's weights, or those given one by one."""
        return PRESETS.get(self.loss, LossWeights(self.bce, self.listwise, self.pure))

    def to_json(self) -> dict[str, Any]:
        """The configuration for the manifest: no folder of this machine in it."""
        raw = asdict(self)
        raw.pop("data_folder")
        raw["init_weights"] = Path(self.init_weights).name
        return raw


def load_config(path: Path) -> TrainConfig:
    """Read `[train]` of a TOML file. Raises `TrainError` bad_config naming the field."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TrainError("config_missing", f"{path.name}: no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainError("bad_config", f"{path.name}: not a TOML file") from error
    return parse_config(raw.get("train"))


def parse_config(raw: Any) -> TrainConfig:
    """Check a decoded `[train]` table."""
    if not isinstance(raw, dict):
        raise TrainError("bad_config", "table [train] is missing")
    known = {f.name: f for f in fields(TrainConfig)}
    for name, value in raw.items():
        if name not in known:
            raise TrainError("bad_config", f"train.{name}: unknown field")
        default = known[name].default
        if isinstance(default, bool | int | float | str) and not _like(value, default):
            raise TrainError("bad_config", f"train.{name}: wrong type")
    names = raw.get("validate_sets", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TrainError("bad_config", "train.validate_sets: a list of file names")
    _check_range(raw, "train", _LEAST)
    sets = _sets(raw.get("sets", []))
    seen = {s.file for s in sets if s.cross_fit} & {*raw.get("validate_sets", [])}
    if seen:
        raise TrainError("bad_config", "train.validate_sets: names a set of cross_fit")
    if not -1 <= raw.get("fold", -1) < raw.get("folds", 3):
        raise TrainError("bad_config", "train.fold: -1, or below train.folds")
    for choice, allowed in (("attention", ("prefix", "cross")), ("loss", ("", *PRESETS))):
        if raw.get(choice, allowed[0]) not in allowed:
            names = ", ".join(filter(None, allowed))
            raise TrainError("bad_config", f"train.{choice}: one of {names}")
    for name in ("soft", "mask_share", "decay_share"):
        if not 0 <= raw.get(name, 0.0) <= 1:
            raise TrainError("bad_config", f"train.{name}: a share from 0 to 1")
    if not 0 < raw.get("train_share", 1.0) <= 1:
        raise TrainError("bad_config", "train.train_share: a share above 0, up to 1")
    config = TrainConfig(**{**raw, "sets": sets})
    if config.passes < config.batch:
        raise TrainError("bad_config", "train.passes: at least one batch")
    return config


def _sets(raw: Any) -> list[SourceSet]:
    """`train.sets`, each a table with the fields of `SourceSet`."""
    if not isinstance(raw, list) or not raw:
        raise TrainError("bad_config", "train.sets: names no file")
    kinds: dict[str, Any] = {"file": "", **{f.name: f.default for f in fields(SourceSet)[1:]}}
    for index, entry in enumerate(raw):
        where = f"train.sets[{index}]"
        if not isinstance(entry, dict) or "file" not in entry:
            raise TrainError("bad_config", f"{where}: a table that names its file")
        for name, value in entry.items():
            if name not in kinds:
                raise TrainError("bad_config", f"{where}.{name}: unknown field")
            if not _like(value, kinds[name]):
                raise TrainError("bad_config", f"{where}.{name}: wrong type")
        _check_range(entry, where, _LEAST)
        if not 0 < entry.get("per_round", 1.0) < math.inf:
            raise TrainError("bad_config", f"{where}.per_round: above 0")
        if not 0 <= entry.get("label_only", 0.0) <= 1:
            raise TrainError("bad_config", f"{where}.label_only: a share from 0 to 1")
    sets = [SourceSet(**entry) for entry in raw]
    if len({set_name_of(Path(s.file)) for s in sets}) < len(sets):
        raise TrainError("bad_config", "train.sets: two files are named alike")
    return sets


def _check_range(raw: dict[str, Any], where: str, least: dict[str, float]) -> None:
    for name, bound in least.items():
        if not bound <= raw.get(name, bound) < math.inf:
            raise TrainError("bad_config", f"{where}.{name}: {bound:g} or more")


def _like(value: Any, default: bool | int | float | str) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
