"""Scores by a run's trained weights themselves: before there is a bundle, or without one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from medadapter_train.data.candidates import Record
from medadapter_train.errors import ModelError, TrainError
from medadapter_train.model.packed import Packed
from medadapter_train.model.rankers import Ranker, load_encoder, make_ranker
from medadapter_train.model.scoring import Scored, scored_of
from medadapter_train.model.template import Encoder
from medadapter_train.model.weights import load_weights


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What of a run's configuration its weights need."""

    base: str
    attention: str
    bf16: bool

    @classmethod
    def of(cls, run: Path) -> RunSettings:
        """Raises `ModelError` run_missing."""
        file = run / "config.json"
        if not file.is_file():
            raise ModelError("run_missing", f"{run.name}: no config.json of a run")
        raw = json.loads(file.read_text(encoding="utf-8"))
        bf16 = raw.get("bf16", True) is not False
        return cls(str(raw["base"]), str(raw.get("attention", "prefix")), bf16)


class TorchScorer:
    """Scores with the trained weights themselves, in `bf16` or not as they were trained; on a GPU
    where there is one."""

    def __init__(self, ranker: Ranker, encoder: Encoder, *, bf16: bool) -> None:
        self.bf16 = bf16
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.ranker, self.encoder = ranker.to(self.device).eval(), encoder

    @torch.no_grad()
    def score(self, record: Record) -> Scored:
        encoder, options = self.encoder, record.options
        try:
            prefix = encoder.prefix(record.question, options, record.context).ids
        except TrainError:
            return scored_of(record, None)
        texts = [encoder.candidate(options, c.answer, c.text).ids for c in record.candidates]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.ranker(Packed.of(prefix, texts).to(self.device))
        return scored_of(record, np.asarray(logits.float().cpu().numpy(), dtype=np.float64))


def scorer_of(run: Path) -> TorchScorer:
    """The scorer of a run's chosen weights (`best.safetensors`). Raises `ModelError`."""
    settings = RunSettings.of(run)
    weights = load_weights(run / "best.safetensors")
    ranker = make_ranker(settings.base, settings.attention, 1, weights)
    encoder = load_encoder(run / "tokenizer.json", settings.attention)
    return TorchScorer(ranker, encoder, bf16=settings.bf16)
