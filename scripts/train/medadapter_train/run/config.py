"""The one file of a whole run: which stages there are and with which settings.

`[train]`, `[bundle]` and `[[provenance]]` are those of `medadapter-train train` and `export`; the
tables here are what `run` adds. `medadapter-train init` writes a commented example. What a later
stage would refuse of the file is refused here; what it would refuse of what it reads: `inputs.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapter_train.errors import ConfigError, TrainError
from medadapter_train.fit.config import parse_config
from medadapter_train.generate.llm_settings import LlmSettings
from medadapter_train.system.toml_tables import read_toml, table


def check_run(config: RunConfig) -> None:
    """Raises `ConfigError` bad_config naming the field."""
    from medadapter_train.bundle.provenance import parse_provenance, parse_request
    from medadapter_train.data.split import SPLITS
    from medadapter_train.fit.calibrate import METHODS

    for index, generated in enumerate(config.generate):
        if generated.k < 1:
            raise ConfigError("bad_config", f"generate[{index}].k: 1 or more")
    if config.label.min_kappa is not None and not config.label.human:
        raise ConfigError("bad_config", "label.min_kappa: needs people's labels, label.human")
    # What a run makes itself, or is given by option, needs no mention.
    sets = config.train.get("sets") or [{"file": "made"}]
    try:
        parse_config({**config.train, "sets": sets})
        parse_request(config.bundle)
        parse_provenance(config.provenance)
    except TrainError as error:
        raise ConfigError("bad_config", str(error)) from None
    fits = {"calibrate": config.calibrate.split, "evaluate": config.evaluate.split}
    for name, split in fits.items():
        if split not in SPLITS:
            raise ConfigError("bad_config", f"{name}.split: one of {', '.join(SPLITS)}")
    crossed = {str(s.get("file")) for s in sets if isinstance(s, dict) and s.get("cross_fit")}
    if config.calibrate.sets and crossed - {*config.calibrate.sets}:
        raise ConfigError("bad_config", "calibrate.sets: lacks a set of cross_fit")
    if config.calibrate.method not in METHODS:
        raise ConfigError("bad_config", f"calibrate.method: one of {', '.join(METHODS)}")


_TABLES = frozenset(
    {
        "run",
        "generate",
        "label",
        "feedback",
        "train",
        "bundle",
        "provenance",
        "calibrate",
        "evaluate",
        "publish",
    }
)


@dataclass(frozen=True)
class RunTable:
    """`folder` holds everything the run makes; `candidates` the candidate files there are already.

    `launch`: words before the training command, e.g. `["accelerate", "launch", "--multi_gpu"]`.
    `choose`: choose the checkpoint on validation questions (40 are needed); without, the one that
    `validate_sets` liked best during the run, or the newest.
    """

    folder: str
    candidates: str = ""
    choose: bool = True
    launch: tuple[str, ...] = ()


@dataclass(frozen=True)
class GenerateTable:
    """One set to generate: a question file in, a candidate file `set` out."""

    questions: str
    set: str
    llm: LlmSettings
    k: int = 8
    task: str = ""
    min_candidates: int | None = None


@dataclass(frozen=True)
class LabelTable:
    """How generated candidates are labelled. `judge` is needed for free text only."""

    judge: LlmSettings | None = None
    human: str = ""
    min_kappa: float | None = None


@dataclass(frozen=True)
class FeedbackTable:
    """Feedback as one more set. `place` is a file, a folder or `s3://bucket/prefix`."""

    place: str
    tenant: str = ""
    all_tenants: bool = False
    set: str = "feedback.jsonl.gz"
    per_round: float = 1.0


@dataclass(frozen=True)
class FitTable:
    """Share of the questions that a stage works on, and the sets (default: those of `[train]`)."""

    split: str
    sets: tuple[str, ...] = ()


@dataclass(frozen=True)
class CalibrateTable(FitTable):
    """`method`: `platt` or `temperature`, how logits become candidate probabilities."""

    method: str = "platt"


@dataclass(frozen=True)
class PublishTable:
    """Where the bundle goes. Without this table nothing is published."""

    channel: str = ""
    endpoint: str = ""
    bucket: str = ""
    key: str = ""


@dataclass(frozen=True)
class RunConfig:
    """A whole run. `base` is the folder that relative paths of the file start from."""

    run: RunTable
    generate: tuple[GenerateTable, ...]
    label: LabelTable
    feedback: FeedbackTable | None
    train: dict[str, Any]
    bundle: dict[str, Any]
    provenance: list[Any]
    calibrate: CalibrateTable
    evaluate: FitTable
    publish: PublishTable | None
    base: Path

    @property
    def attention(self) -> str:
        """`prefix`, or `cross`: then there is no bundle, and the run ends with the export."""
        return str(self.train.get("attention", "prefix"))

    def path(self, name: str) -> Path:
        """A path of the file, from the file's own folder."""
        return self.base / name


def load_run(path: Path) -> RunConfig:
    """Read and check a run's file. Raises `ConfigError` config_missing, bad_config."""
    raw = read_toml(path)
    for name in raw:
        if name not in _TABLES:
            raise ConfigError("bad_config", f"[{name}]: unknown table")
    if "run" not in raw or "train" not in raw:
        raise ConfigError("bad_config", f"{path.name}: the tables [run] and [train] are needed")
    if not isinstance(raw["train"], dict):
        raise ConfigError("bad_config", "[train]: not a table")
    sets = raw.get("generate", [])
    if not isinstance(sets, list):
        raise ConfigError("bad_config", "[[generate]]: written with two brackets, one a set")
    if raw["train"].get("attention") == "cross" and "publish" in raw:
        message = "[publish]: the Worker cannot serve attention = cross; a /rerank server does"
        raise ConfigError("bad_config", message)
    feedback, publish = raw.get("feedback"), raw.get("publish")
    config = RunConfig(
        run=table(RunTable, raw["run"], "run"),
        generate=tuple(table(GenerateTable, t, f"generate[{i}]") for i, t in enumerate(sets)),
        label=table(LabelTable, raw.get("label", {}), "label"),
        feedback=None if feedback is None else table(FeedbackTable, feedback, "feedback"),
        train=raw["train"],
        bundle=raw.get("bundle", {}),
        provenance=raw.get("provenance", []),
        calibrate=table(CalibrateTable, _with_split(raw, "calibrate", "validation"), "calibrate"),
        evaluate=table(FitTable, _with_split(raw, "evaluate", "test"), "evaluate"),
        publish=None if publish is None else table(PublishTable, publish, "publish"),
        base=path.resolve().parent,
    )
    check_run(config)
    return config


def _with_split(raw: dict[str, Any], name: str, split: str) -> dict[str, Any]:
    """The table of that name; the share of the questions where it names none."""
    return {"split": split, **raw.get(name, {})}
