"""The study's training runs: each in a folder named after its settings and its data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from transformers import PreTrainedModel

from medadapter_train.errors import ModelError, StageError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.model.base import load_base, tokenizer_json
from medadapter_train.model.rankers import load_encoder, make_ranker
from medadapter_train.model.torch_scorer import TorchScorer
from medadapter_train.model.weights import load_weights
from medadapter_train.study.config import StudyConfig
from medadapter_train.study.config_tables import RunTable
from medadapter_train.study.questions import Questions, write_scores
from medadapter_train.system.files import whole_folder, write_atomic
from medadapter_train.system.processes import one_at_a_time, run_process
from medadapter_train.system.settings import to_toml
from medadapter_train.system.stamps import Stamp, make_stamp

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """Where a run of the study lies. `id`: its name and what decides its weights."""

    table: RunTable
    config: TrainConfig
    id: str
    folder: Path
    scores: Path

    @property
    def weights(self) -> Path:
        steps = self.config.passes // self.config.batch
        return self.folder / "weights" / f"step-{steps:05d}.safetensors"

    def scorer(self) -> TorchScorer:
        """By the weights of the last step. Raises `ModelError`."""
        config = self.config
        weights = load_weights(self.weights)
        ranker = make_ranker(config.base, config.attention, config.seed, weights)
        encoder = load_encoder(self.folder / "tokenizer.json", config.attention)
        return TorchScorer(ranker, encoder, bf16=config.bf16)

    def seconds(self) -> float | None:
        """Seconds of training, by the last speed in its log; None if the log has none."""
        try:
            lines = (self.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        speeds = [json.loads(line).get("questions_per_second") for line in lines]
        known = [float(speed) for speed in speeds if speed]
        return self.config.passes / known[-1] if known else None


def plan(config: StudyConfig, questions: dict[str, Questions], data: Path, out: Path) -> list[Run]:
    """All runs of the study. Settings and data are part of their folders' names."""
    runs = []
    for table in config.runs:
        settings = config.settings(table)
        kept = {k: v for k, v in asdict(settings).items() if k != "data_folder"}
        trained = [questions[s.name].path for s in config.trained_on(table)]
        stamp = make_stamp("study-train", trained, {**kept, "layers": table.layers})
        name = f"{table.name}-{stamp.value[:10]}"
        measured = [questions[s.name] for s in config.measured(table)]
        asked = {"run": stamp.value, "keys": [[q.name, q.keys] for q in measured]}
        scores = make_stamp("study-scores", [q.path for q in measured], asked)
        base = str(_base(out, settings.base, table.layers)) if table.layers else settings.base
        full = replace(settings, base=base, data_folder=str(data.resolve()))
        runs.append(Run(table, full, name, out / "runs" / name, scores_file(out, table, scores)))
    return runs


def scores_file(out: Path, table: RunTable, stamp: Stamp) -> Path:
    """Where a run's scores lie."""
    return out / "scores" / f"{table.name}-{stamp.value[:10]}.jsonl"


def do_run(
    run: Run,
    sets: Sequence[Questions],
    original: str,
    launch: Sequence[str],
    report: Callable[[str], None],
    *,
    bars: bool = True,
) -> None:
    """Train and score what is not done. Raises `TrainError` stage_failed; `original`: the base that
    a smaller one is cut from."""
    if run.scores.is_file() and run.weights.is_file():
        report(f"{run.table.name}: done before")
        return
    if not run.weights.is_file():
        report(f"{run.table.name}: training")
        if run.table.layers:
            _cut(original, run.table.layers, Path(run.config.base))
        _train(run, launch, report)
    # The optimizer's state is no longer needed.
    (run.folder / "checkpoint.pt").unlink(missing_ok=True)
    report(f"{run.table.name}: scoring")
    joint = run.config.attention == "prefix"
    write_scores(run.scores, run.scorer(), sets, joint=joint, bars=bars)
    report(f"{run.table.name}: done")


def side_by_side(do: Callable[[T], None], items: Sequence[T], jobs: int) -> None:
    """Do all, `jobs` at a time: training is a process each, and torch scores without the
    interpreter's lock. After a failure or Ctrl-C, no new item begins and those under way end; then
    it is raised.
    """
    failed = Event()

    def one(item: T) -> None:
        if failed.is_set():
            return
        try:
            do(item)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(one, item) for item in items]
        try:
            wait(futures)
        except BaseException:
            failed.set()
            raise
    for future in futures:
        future.result()


def _train(run: Run, launch: Sequence[str], report: Callable[[str], None]) -> None:
    shared = run.folder.parents[1] / "tokens"
    shared.mkdir(parents=True, exist_ok=True)
    run.folder.mkdir(parents=True, exist_ok=True)
    tokens = run.folder / "tokens"
    if not tokens.is_symlink():
        # Runs on the same files have the same tokens.
        tokens.symlink_to(Path("..", "..", "tokens"))
    toml = run.folder / "train.toml"
    write_atomic(toml, [to_toml("train", asdict(run.config)).encode()])
    with one_at_a_time(run.folder, report):
        # A training process that a killed study left behind has ended now.
        pass
    code = run_process(launch, "train", toml, "--out", run.folder)
    if code or not run.weights.is_file():
        raise StageError(f"run {run.table.name}: see its own message above", code)


def _base(out: Path, base: str, layers: int) -> Path:
    stamp = Stamp("study-base", {}, {"base": base, "layers": layers})
    return (out / "bases" / f"{Path(base).name}-layers-{layers}-{stamp.value[:10]}").resolve()


def _cut(base: str, layers: int, folder: Path) -> None:
    """The base's embeddings and first layers as a base of their own. Raises `ModelError`."""
    if folder.is_dir():
        return
    model: Any = load_base(base)
    if layers >= len(model.encoder.layer):
        raise ModelError("base_kind", f"layers: the base has no more than {layers}")
    model.encoder.layer = model.encoder.layer[:layers]
    model.config.num_hidden_layers = layers
    assert isinstance(model, PreTrainedModel)
    with whole_folder(folder) as scratch:
        model.save_pretrained(scratch)
        (scratch / "tokenizer.json").write_text(tokenizer_json(base), encoding="utf-8")
