"""Scores by the weights themselves: in the numbers that the run was trained in."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from medadapter_train.data.candidates import Record, read_records
from medadapter_train.fit.config import SourceSet, TrainConfig
from medadapter_train.model.packed import Packed
from medadapter_train.model.rankers import make_encoder, make_ranker
from medadapter_train.model.torch_scorer import RunSettings, TorchScorer


def plain_logits(base: str, record: Record) -> list[float]:
    """In float32, without autocast."""
    encoder = make_encoder(base, "prefix")
    prefix = encoder.prefix(record.question, record.options, record.context).ids
    texts = [encoder.candidate(record.options, c.answer, c.text).ids for c in record.candidates]
    with torch.no_grad():
        return make_ranker(base, "prefix", 1).eval()(Packed.of(prefix, texts)).tolist()


@pytest.mark.parametrize("bf16", [True, False])
def test_a_run_is_scored_in_the_numbers_that_it_was_trained_in(
    bf16: bool, tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    base = str(tiny_base)
    config = TrainConfig([SourceSet(candidate_file.name)], base=base, bf16=bf16)
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    run = RunSettings.of(tmp_path)
    ranker, encoder = make_ranker(run.base, run.attention, 1), make_encoder(base, "prefix")
    record = next(read_records(candidate_file))
    scored = TorchScorer(ranker, encoder, bf16=run.bf16).score(record).logits
    assert scored is not None
    expected = plain_logits(base, record)
    off = max(abs(a - b) for a, b in zip(scored, expected, strict=True))
    assert off < 0.05
    assert (off > 1e-6) == bf16


def test_a_run_of_an_earlier_version_was_trained_in_bf16(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"base": "b"}')
    assert RunSettings.of(tmp_path) == RunSettings("b", "prefix", True)
