"""BERT, RoBERTa and ELECTRA under prefix-shared attention: the arithmetic of their own forward.

The reference is Hugging Face's forward of each family over the packed sequence, under one dense
block mask, with the family's own positions and types.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from encoders import write_encoder
from tokenizers import Tokenizer

from medadapter_train.bundle.export import export_bundle
from medadapter_train.bundle.onnx_graph import ServingGraph
from medadapter_train.bundle.request import ExportRequest
from medadapter_train.errors import ModelError
from medadapter_train.model.base import load_base
from medadapter_train.model.packed import Packed
from medadapter_train.model.prefix import PrefixRanker

PREFIX = [2, 10, 11, 12, 30, 31, 3, 14, 15, 16, 3]
CANDIDATES = [[2, 5, 3, 20, 21, 22, 3], [2, 6, 3, 40, 3], [2, 7, 3, 3]]


@pytest.fixture(scope="module", params=["Bert", "Roberta", "Electra"])
def ranker(
    request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> PrefixRanker:
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    folder = tmp_path_factory.mktemp("family") / "encoder"
    model = PrefixRanker(load_base(str(write_encoder(folder, request.param, tokenizer))))
    model.init_head(3)
    with torch.no_grad():
        model.out.weight.mul_(300)
    return model.eval()


def dense_reference(ranker: PrefixRanker) -> torch.Tensor:
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
    config = ranker.bert.config
    offset = 2 if config.model_type == "roberta" else 0
    types = (owners[None] >= 0).long() * min(1, config.type_vocab_size - 1)
    hidden = ranker.bert(
        input_ids=torch.tensor([ids]),
        token_type_ids=types,
        position_ids=torch.tensor([positions]) + offset,
        attention_mask=mask,
    ).last_hidden_state
    return ranker.score_head(hidden[0, firsts])


@torch.no_grad()
def test_packed_form_equals_the_family_s_own_forward_under_the_mask(ranker: PrefixRanker) -> None:
    packed = ranker(Packed.of(PREFIX, CANDIDATES))
    assert packed.std() > 0.05  # or any constant would pass
    torch.testing.assert_close(packed, dense_reference(ranker), atol=5e-5, rtol=0)


@torch.no_grad()
def test_a_prefix_encoded_once_gives_the_packed_logits(ranker: PrefixRanker) -> None:
    graph = ServingGraph(ranker)
    prefix = torch.tensor([PREFIX])
    _, past = graph(prefix, torch.zeros_like(prefix), torch.zeros(2, 2, 2, 0, 16))
    cached = []
    for candidate in CANDIDATES:
        ids = torch.tensor([candidate])
        cached.append(graph(ids, torch.ones_like(ids), past)[0])
    packed = ranker(Packed.of(PREFIX, CANDIDATES))
    torch.testing.assert_close(torch.cat(cached), packed, atol=5e-5, rtol=0)


@pytest.mark.parametrize("family", ["Roberta", "Electra"])
def test_what_the_worker_cannot_run_becomes_no_bundle(
    family: str, tiny_base: Path, tmp_path: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    base = write_encoder(tmp_path / "base", family, tokenizer)
    with pytest.raises(ModelError) as caught:
        export_bundle(PrefixRanker(load_base(str(base))), ExportRequest(), tmp_path / "bundle")
    assert caught.value.kind == "not_served"
    assert not (tmp_path / "bundle").exists()


def test_another_encoder_is_refused_with_what_to_do(tiny_base: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    folder = write_encoder(tmp_path / "mpnet", "MPNet", tokenizer)
    with pytest.raises(ModelError, match=r"set train\.attention to cross") as caught:
        load_base(str(folder))
    assert caught.value.kind == "base_kind"
