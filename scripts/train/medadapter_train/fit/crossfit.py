"""Cross-fitting: scores of training questions by runs that never saw them.

A set of few questions has a validation share that is too small to fit a selector on. Each of
`folds` runs leaves out another part of the questions of the sets marked `cross_fit` and scores that
part; together they are out-of-fold scores of all those questions (Chernozhukov et al. 2018, section
1, call it so). The adapter that ships is trained on all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import read_records
from medadapter_train.data.split import fold_key, question_key, share_of
from medadapter_train.errors import StageError, TrainError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.fit.run_folder import last_weights
from medadapter_train.fit.train import train
from medadapter_train.model.rankers import load_encoder, make_ranker
from medadapter_train.model.torch_scorer import TorchScorer
from medadapter_train.model.weights import average_weights, load_weights, save_weights
from medadapter_train.system.files import write_atomic, write_jsonl
from medadapter_train.system.processes import run_process
from medadapter_train.system.settings import to_toml
from medadapter_train.system.stamps import make_stamp


def crossfit(config: TrainConfig, out: Path, launch: Sequence[str] = ()) -> int:
    """Train one run for each fold in a folder of `out`; write `out`/out-of-fold.jsonl, and the mean
    of the folds' weights as `out`/mean.safetensors. Returns the number of lines of scores.

    Each run trains in this process, or in processes of its own where `launch` names the words that
    start Python (`torchrun ...`). Resumes where it was stopped. Settings and data are part of the
    folders' names, so a run that left out other questions is never resumed. Raises `TrainError`
    bad_config, what `train` raises, and of a launched run stage_failed (with its exit code).
    """
    paths = cross_fitted(config)
    rows: list[dict[str, Any]] = []
    files: list[Path] = []
    for fold in range(config.folds):
        own = replace(config, fold=fold)
        run = out / fold_folder(own)
        toml = run.with_suffix(".toml")
        write_atomic(toml, [to_toml("train", asdict(own)).encode()])
        if not launch:
            train(own, run)
        elif code := run_process(launch, "train", toml, "--out", run):
            raise StageError(f"fold {fold}: see its own message above", code)
        files.append(last_weights(run, config))
        weights = load_weights(files[-1])
        ranker = make_ranker(config.base, config.attention, config.seed, weights)
        encoder = load_encoder(run / "tokenizer.json", config.attention)
        scorer = TorchScorer(ranker, encoder, bf16=config.bf16)
        rows += scored_rows(scorer, paths, config.folds, fold)
    save_weights(out / "mean.safetensors", average_weights(files))
    return write_jsonl(out / "out-of-fold.jsonl", rows)


def fold_folder(config: TrainConfig) -> str:
    """`fold-N-` and what decides that run: settings, data, the weights that it begins with."""
    settings = {k: v for k, v in asdict(config).items() if k != "data_folder"}
    inputs = [Path(config.data_folder) / s.file for s in config.sets]
    inputs += [Path(config.init_weights)] if config.init_weights else []
    return f"fold-{config.fold}-{make_stamp('fold', inputs, settings).value[:10]}"


def cross_fitted(config: TrainConfig) -> list[Path]:
    """The files of sets with `cross_fit`. Raises `TrainError` bad_config without any."""
    paths = [Path(config.data_folder) / s.file for s in config.sets if s.cross_fit]
    if not paths:
        raise TrainError("bad_config", "train.sets: none has cross_fit")
    return paths


def scored_rows(
    scorer: TorchScorer, paths: Sequence[Path], folds: int, fold: int
) -> Iterator[dict[str, Any]]:
    """A line for each question of a fold, and one more without its context where it is closed."""
    for path in paths:
        for record in read_records(path):
            key = question_key(record.identity)
            if share_of(record.identity) == "test" or fold_key(key) % folds != fold:
                continue
            for reduced in (False, True) if record.closed and record.context else (False,):
                scored = scorer.score(record.without_context() if reduced else record)
                if scored.logits is not None:
                    logits = [round(float(z), 5) for z in scored.logits]
                    name = {"set": record.set_name, "id": record.id, "reduced": reduced}
                    yield {**name, "logits": logits}
