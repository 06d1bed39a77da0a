"""Which of a run's checkpoints ships: the one that gains most over self-consistency on validation
questions, with the selector cross-validated. Candidates: the last one, the one that validated best
during the run, an average of the last ones.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medadapter_train.errors import ModelError
from medadapter_train.fit.calibrate import calibrate
from medadapter_train.fit.held_out import held_out_questions, training_votes
from medadapter_train.fit.run_folder import best_checkpoint
from medadapter_train.model.rankers import load_encoder, make_ranker
from medadapter_train.model.torch_scorer import RunSettings, TorchScorer
from medadapter_train.model.weights import average_weights, load_weights, save_weights
from medadapter_train.system.files import write_atomic

#: How many of the last checkpoints are averaged.
LAST = 4
log = logging.getLogger("medadapter")


def candidates_of(run: Path) -> dict[str, dict[str, Tensor]]:
    """By name: the last checkpoint's weights, those that validated best during the run (the newest
    are worse if it stopped early), and the average of the last ones.
    """
    files = sorted((run / "weights").glob("step-*.safetensors"))
    if not files:
        raise ModelError("weights_missing", f"{run.name}: no checkpoint in weights/")
    found = {files[-1].stem: load_weights(files[-1])}
    best = best_checkpoint(run)
    if best is not None and best != files[-1]:
        found[f"best-validated-{best.stem}"] = load_weights(best)
    if min(LAST, len(files)) > 1:
        found[f"average-of-last-{min(LAST, len(files))}"] = average_weights(files[-LAST:])
    return found


def choose(run: Path, data: Sequence[Path]) -> dict[str, Any]:
    """Score every candidate on the validation share; write `best.safetensors` and `choice.json`.

    Returns the name of the `best` and its `macro_gain`. Raises `ModelError` run_missing,
    weights_missing; `DataError`.
    """
    settings = RunSettings.of(run)
    torch.set_num_threads(settings.threads)
    base, attention = settings.base, settings.attention
    encoder = load_encoder(run / "tokenizer.json", attention)
    best: tuple[float, str] = (float("-inf"), "")
    report: dict[str, Any] = {}
    chosen: dict[str, Tensor] = {}
    votes = training_votes(data)
    for name, weights in candidates_of(run).items():
        scorer = TorchScorer(make_ranker(base, attention, 1, weights), encoder, bf16=settings.bf16)
        held_out = held_out_questions(scorer, data, "validation", reduced=False)
        result = calibrate(held_out, votes=votes).report
        gains = {set_name: row["diff"] for set_name, row in result["out_of_fold"].items()}
        gain = float(np.mean(list(gains.values())))
        report[name] = {"macro_gain": gain, **result}
        log.info("%s: macro gain %+.4f %s", name, gain, gains)
        if gain > best[0]:
            best, chosen = (gain, name), weights
    if attention == "prefix":
        save_weights(run / "best" / "model.safetensors", simd_names(chosen))
    save_weights(run / "best.safetensors", chosen)
    text = json.dumps({"best": best[1], "candidates": report}, indent=1)
    write_atomic(run / "choice.json", [text.encode()])
    return {"best": best[1], "macro_gain": best[0]}


def simd_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names that `pack_simd.pack_encoder` reads: HF's, and `head.W1 b1 w2 b2`."""
    named = {k: v for k, v in weights.items() if k.startswith("bert.")}
    named["head.W1"], named["head.b1"] = weights["dense.weight"], weights["dense.bias"]
    named["head.w2"], named["head.b2"] = weights["out.weight"][0], weights["out.bias"][0]
    return named
