"""Packing by length: questions that go through the encoder together are scored as each alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from encoders import write_encoder
from tokenizers import Tokenizer

from medadapter_train.fit.config import SourceSet, TrainConfig
from medadapter_train.fit.train import Trainer
from medadapter_train.model.packed import Packed, micro_batches
from medadapter_train.model.rankers import make_ranker

QUESTIONS = [
    Packed.of([2, 10, 11, 12, 3], [[2, 5, 3, 20, 21, 3], [2, 6, 3, 40, 3]]),
    Packed.of([2, 30, 3, 31, 32, 33, 34, 35, 3], [[2, 7, 3, 3]]),
    Packed.of([2, 14, 3], [[2, 5, 3, 22, 3], [2, 6, 3, 23, 24, 3], [2, 7, 3, 25, 3]]),
]


@pytest.mark.parametrize(
    ("family", "attention"),
    [
        ("Bert", "prefix"),
        ("Roberta", "prefix"),
        ("Electra", "prefix"),
        ("Bert", "cross"),
        ("Longformer", "cross"),
        ("ModernBert", "cross"),
    ],
)
@torch.no_grad()
def test_questions_packed_together_are_scored_as_alone(
    family: str, attention: str, tiny_base: Path, tmp_path: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    base = write_encoder(tmp_path / "base", family, tokenizer)
    ranker = make_ranker(str(base), attention, 1).eval()
    together = ranker(*QUESTIONS)
    alone = torch.cat([ranker(question) for question in QUESTIONS])
    assert together.shape == (6,)
    assert alone.std() > 1e-3  # or any constant would pass
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_groups_hold_like_lengths_and_no_more_than_asked() -> None:
    passes = [(Packed.of([1] * size, [[2] * size]), torch.ones(1)) for size in (9, 2, 30, 3, 8, 2)]
    groups = [[packed.tokens for packed, _ in group] for group in micro_batches(passes, 20)]
    assert groups == [[4, 4, 6], [16], [18], [60]]
    one_by_one = [[packed.tokens for packed, _ in group] for group in micro_batches(passes, 0)]
    assert one_by_one == [[18], [4], [60], [6], [16], [4]]


def test_a_packed_run_learns_what_an_unpacked_one_learns(
    tiny_base: Path, candidate_file: Path, tmp_path: Path
) -> None:
    plain = TrainConfig(
        sets=[SourceSet(candidate_file.name)],
        data_folder=str(candidate_file.parent),
        base=str(tiny_base),
        passes=16,
        learning_rate=1e-3,
        warmup_steps=1,
        bf16=False,
        threads=1,
    )
    Trainer(plain, tmp_path / "plain").run()
    packed = Trainer(replace(plain, pack_tokens=600), tmp_path / "packed")
    before = {name: tensor.clone() for name, tensor in packed.model.state_dict().items()}
    packed.run()
    other = torch.load(tmp_path / "plain" / "checkpoint.pt", weights_only=True)["model"]
    moved = 0.0
    for name, tensor in packed.model.state_dict().items():
        torch.testing.assert_close(tensor, other[name], atol=2e-5, rtol=0, msg=name)
        moved = max(moved, float((tensor - before[name]).abs().max()))
    assert moved > 1e-4
