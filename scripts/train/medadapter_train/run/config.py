"""The one file of a whole run: which stages there are and with which settings.

`[train]`, `[bundle]` and `[[provenance]]` are those of `medadapter-train train` and `export`; the
tables here are what `run` adds. `medadapter-train init` writes a commented example. What a later
stage would refuse of the file is refused here; what it would refuse of what it reads: `inputs.py`.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from medadapter_train.bundle.request import BundleTable, ProvenanceTable
from medadapter_train.data.split import Split
from medadapter_train.errors import ConfigError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.generate.llm_settings import LlmSettings
from medadapter_train.system.settings import (
    STRICT,
    Amount,
    Count,
    Flag,
    Number,
    Text,
    Texts,
    Whole,
    parse,
    read_toml,
)

#: The candidate file that feedback becomes.
FEEDBACK_SET = "feedback.jsonl.gz"


@dataclass(frozen=True, config=STRICT)
class RunTable:
    """`folder` holds everything the run makes; `candidates` the candidate files there are already.

    `launch`: words before the training command, e.g. `["accelerate", "launch", "--multi_gpu"]`.
    `choose`: choose the checkpoint on validation questions (40 are needed); otherwise it is the one
    that validated best during the run (`validate_sets`), or the newest.
    """

    folder: Text
    candidates: Text = ""
    choose: Flag = True
    launch: Texts = ()


@dataclass(frozen=True, config=STRICT)
class GenerateTable:
    """One set to generate: a question file in, a candidate file `set` out."""

    questions: Text
    set: Text
    llm: LlmSettings
    k: Count = 8
    task: Text = ""
    min_candidates: Whole | None = None


@dataclass(frozen=True, config=STRICT)
class LabelTable:
    """How generated candidates are labelled. `judge` is needed for free text only."""

    judge: LlmSettings | None = None
    human: Text = ""
    min_kappa: Number | None = None


@dataclass(frozen=True, config=STRICT)
class FeedbackTable:
    """Feedback as one more set, `FEEDBACK_SET`. `place` is a file, a folder or `s3://bucket/prefix`."""

    place: Text
    tenant: Text = ""
    all_tenants: Flag = False
    per_round: Amount = 1.0


@dataclass(frozen=True, config=STRICT)
class FitTable:
    """Share of the questions that a stage works on, and the sets (default: those of `[train]`)."""

    split: Split = "test"
    sets: Texts = ()


@dataclass(frozen=True, config=STRICT)
class CalibrateTable(FitTable):
    """`method`: `platt` or `temperature`, how logits become candidate probabilities."""

    split: Split = "validation"
    method: Literal["platt", "temperature"] = "platt"


@dataclass(frozen=True, config=STRICT)
class PlanTable:
    """A plan that the run fits: its plan file, whose data are candidate files of the run."""

    file: Text


@dataclass(frozen=True, config=STRICT)
class PublishTable:
    """Where the bundle goes. Without this table nothing is published."""

    channel: Text = ""
    endpoint: Text = ""
    bucket: Text = ""
    key: Text = ""


@dataclass(frozen=True, config=STRICT)
class _File:
    """The tables of the file. `train`, `bundle` and `provenance` stay as they are written: they are
    hashed, and handed on to other stages.
    """

    run: RunTable
    train: dict[str, Any]
    generate: tuple[GenerateTable, ...] = ()
    label: LabelTable = field(default_factory=LabelTable)
    feedback: FeedbackTable | None = None
    bundle: dict[str, Any] = field(default_factory=dict)
    provenance: list[dict[str, Any]] = field(default_factory=list)
    calibrate: CalibrateTable = field(default_factory=CalibrateTable)
    evaluate: FitTable = field(default_factory=FitTable)
    plan: tuple[PlanTable, ...] = ()
    publish: PublishTable | None = None


@dataclass(frozen=True, config=STRICT)
class RunConfig(_File):
    """A whole run. `base` is the folder that relative paths of the file start from."""

    base: Path = Path()

    @property
    def attention(self) -> str:
        """`prefix`, or `cross`: then there is no bundle, and the run ends with the export."""
        return str(self.train.get("attention", "prefix"))

    def path(self, name: str) -> Path:
        """A path of the file, from the file's own folder."""
        return self.base / name


def load_run(path: Path) -> RunConfig:
    """Read and check a run's file. Raises `ConfigError` config_missing, bad_config naming file and
    field."""
    raw = read_toml(path)
    try:
        tables = parse(_File, raw)
        _check(tables)
    except ConfigError as error:
        raise ConfigError(error.kind, f"{path.name}: {error}") from None
    return RunConfig(**vars(tables), base=path.resolve().parent)


def _check(tables: _File) -> None:
    """What later stages would refuse of the file. Raises `ConfigError` bad_config."""
    if tables.train.get("attention") == "cross" and tables.publish is not None:
        message = "[publish]: the Worker cannot serve attention = cross; a /rerank server does"
        raise ConfigError("bad_config", message)
    if tables.label.min_kappa is not None and not tables.label.human:
        raise ConfigError("bad_config", "label.min_kappa: needs people's labels, label.human")
    # A set that the run makes, or that an option gives, need not be named.
    sets = tables.train.get("sets") or [{"file": "made"}]
    config = parse(TrainConfig, {**tables.train, "sets": sets}, "train")
    parse(BundleTable, tables.bundle, "bundle")
    parse(list[ProvenanceTable], tables.provenance, "provenance")
    crossed = {s.file for s in config.sets if s.cross_fit}
    if tables.calibrate.sets and crossed - {*tables.calibrate.sets}:
        raise ConfigError("bad_config", "calibrate.sets: lacks a set of cross_fit")
