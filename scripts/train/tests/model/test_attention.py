"""Prefix-shared attention: packed, cached and densely masked forms are the same arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from medadapter_train.bundle.onnx_graph import ServingGraph
from medadapter_train.model.base import load_base
from medadapter_train.model.packed import Packed
from medadapter_train.model.prefix import PrefixRanker

PREFIX = [2, 10, 11, 12, 30, 31, 3, 14, 15, 16, 3]
CANDIDATES = [
    [2, 5, 3, 20, 21, 22, 3],
    [2, 6, 3, 40, 3],
    [2, 7, 3, 3],
    [2, 5, 3, 33, 34, 35, 36, 3],
]


@pytest.fixture(scope="module")
def ranker(tiny_base: Path) -> PrefixRanker:
    model = PrefixRanker(load_base(str(tiny_base)))
    model.init_head(3)
    with torch.no_grad():
        model.out.weight.mul_(100)
    return model.eval()


def dense_reference(ranker: PrefixRanker) -> torch.Tensor:
    """Hugging Face's own forward over the packed sequence under one dense block mask."""
    p = len(PREFIX)
    ids, positions, owner, firsts = list(PREFIX), list(range(p)), [-1] * p, []
    for number, candidate in enumerate(CANDIDATES):
        firsts.append(len(ids))
        ids += candidate
        positions += range(p, p + len(candidate))
        owner += [number] * len(candidate)
    owners = torch.tensor(owner)
    allowed = (owners[None, :] == -1) | (owners[:, None] == owners[None, :])
    mask = torch.zeros(allowed.shape).masked_fill(~allowed, -1e9)[None, None]
    hidden = ranker.bert(
        input_ids=torch.tensor([ids]),
        token_type_ids=(owners[None] >= 0).long(),
        position_ids=torch.tensor([positions]),
        attention_mask=mask,
    ).last_hidden_state
    return ranker.score_head(hidden[0, firsts])


@torch.no_grad()
def test_packed_training_form_equals_a_dense_masked_encoder(ranker: PrefixRanker) -> None:
    packed = ranker(Packed.of(PREFIX, CANDIDATES))
    assert packed.std() > 0.05  # or any constant would pass
    torch.testing.assert_close(packed, dense_reference(ranker), atol=2e-5, rtol=0)


@torch.no_grad()
def test_prefix_encoded_once_gives_the_packed_logits(ranker: PrefixRanker) -> None:
    graph = ServingGraph(ranker)
    empty = torch.zeros(2, 2, 2, 0, 16)
    prefix = torch.tensor([PREFIX])
    _, past = graph(prefix, torch.zeros_like(prefix), empty)
    assert past.shape == (2, 2, 2, len(PREFIX), 16)
    cached = []
    for candidate in CANDIDATES:
        ids = torch.tensor([candidate])
        score, present = graph(ids, torch.ones_like(ids), past)
        assert present.shape[3] == len(candidate)
        cached.append(score)
    packed = ranker(Packed.of(PREFIX, CANDIDATES))
    torch.testing.assert_close(torch.cat(cached), packed, atol=2e-5, rtol=0)


@torch.no_grad()
def test_candidates_do_not_see_each_other_but_see_the_prefix(ranker: PrefixRanker) -> None:
    together = ranker(Packed.of(PREFIX, CANDIDATES))
    alone = torch.cat([ranker(Packed.of(PREFIX, [c])) for c in CANDIDATES])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)
    other = ranker(Packed.of([*PREFIX[:1], 50, *PREFIX[2:]], CANDIDATES))
    assert (other - together).abs().max() > 1e-3


def test_gradients_reach_every_trained_weight(ranker: PrefixRanker) -> None:
    ranker.zero_grad()
    ranker(Packed.of(PREFIX, CANDIDATES)).sum().backward()
    without = [n for n, p in ranker.named_parameters() if p.grad is None]
    assert without == []
    # The last layer's query sees first tokens alone; all else sees every token.
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in ranker.dense.parameters())
