"""Scores by the trained weights of a run: before there is a bundle, or without one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from medadapter_train.data.candidates import Record
from medadapter_train.errors import ModelError, TrainError
from medadapter_train.model.packed import Packed
from medadapter_train.model.rankers import Ranker
from medadapter_train.model.scoring import Scored, scored_of
from medadapter_train.model.template import Encoder


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The part of a run's configuration that scoring needs."""

    base: str
    attention: str
    bf16: bool
    threads: int = 2

    @classmethod
    def of(cls, run: Path) -> RunSettings:
        """Raises `ModelError` run_missing."""
        file = run / "config.json"
        if not file.is_file():
            raise ModelError("run_missing", f"{run.name}: no config.json of a run")
        raw = json.loads(file.read_text(encoding="utf-8"))
        bf16 = raw.get("bf16", True) is not False
        threads = int(raw.get("threads", 2))
        return cls(str(raw["base"]), str(raw.get("attention", "prefix")), bf16, threads)


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
