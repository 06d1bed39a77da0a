"""A tiny random encoder for the tests of `src/adapter/engines/simd`, and what torch says of it.

`python scripts/train/tests/simd_fixture.py` writes `test/fixtures/simd`: `encoder.bin`, the same in
4 bits, and `golden.json` with ids and float32 logits of the prefix-shared encoder (`model.py`).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel

from medadapter_train.bundle.four_bits import quantize_groups
from medadapter_train.bundle.pack_linear import quantize_columns_4
from medadapter_train.bundle.pack_simd import Precision, pack_ranker
from medadapter_train.model.packed import Packed
from medadapter_train.model.prefix import PrefixRanker

FOLDER = Path(__file__).parents[3] / "test" / "fixtures" / "simd"
SEED = 20261123
# Token counts around the panels of 4 and 8 rows and the blocks of 64.
PREFIXES = (1, 4, 7, 8, 30, 65, 96)
CANDIDATES = (1, 3, 5, 8, 12, 29, 32)


def tiny_ranker() -> PrefixRanker:
    """Two layers of width 128 with weights large enough that scores differ."""
    config = BertConfig(
        vocab_size=400,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        max_position_embeddings=128,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    generator = torch.Generator().manual_seed(SEED)
    ranker = PrefixRanker(BertModel(config, add_pooling_layer=False)).eval()
    with torch.no_grad():
        for name, parameter in ranker.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "LayerNorm.weight" in name:
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.dim() == 2:
                parameter.copy_(noise * 1.2 / parameter.shape[1] ** 0.5)
            else:
                parameter.copy_(noise * 0.2)
    return ranker


def in_four_bits(ranker: PrefixRanker) -> PrefixRanker:
    """A copy with the weights that the engine has after unpacking those of 4 bits."""
    rounded = copy.deepcopy(ranker)
    with torch.no_grad():
        table = rounded.bert.embeddings.word_embeddings.weight
        q, halves = quantize_groups(table.numpy())
        table.copy_(torch.from_numpy(q * np.repeat(halves.astype(np.float32), 32, axis=1)))
        for name, linear in rounded.bert.encoder.named_modules():
            if not isinstance(linear, torch.nn.Linear):
                continue
            _, _, q, scale = quantize_columns_4(linear.weight.numpy())
            exact = linear.weight.clone()
            linear.weight.copy_(torch.from_numpy(q * scale[:, None]))
            if name.endswith("attention.output.dense"):
                # The value bias goes through this layer before its weights are rounded.
                layer = rounded.bert.encoder.get_submodule(name.removesuffix(".output.dense"))
                linear.bias.add_((exact - linear.weight) @ layer.self.value.bias)
    return rounded


def golden(ranker: PrefixRanker) -> list[dict[str, object]]:
    """One entry a prefix: its ids, its candidates' ids and logits; and those of 4-bit weights."""
    rounded = in_four_bits(ranker)
    generator = torch.Generator().manual_seed(SEED + 1)

    def ids(count: int) -> list[int]:
        return torch.randint(0, 400, (count,), generator=generator).tolist()

    entries: list[dict[str, object]] = []
    for p in PREFIXES:
        prefix, candidates = ids(p), [ids(c) for c in CANDIDATES]
        with torch.no_grad():
            pack = Packed.of(prefix, candidates)
            logits, four = ranker(pack).tolist(), rounded(pack).tolist()
        entry = {"prefix": prefix, "candidates": candidates, "logits": logits}
        entries.append({**entry, "logitsOf4Bits": four})
    return entries


def main() -> None:
    """Writes the fixture."""
    ranker = tiny_ranker()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "encoder.bin").write_bytes(pack_ranker(ranker))
    (FOLDER / "encoder-4bit.bin").write_bytes(pack_ranker(ranker, Precision(4, 4)))
    (FOLDER / "golden.json").write_text(json.dumps(golden(ranker)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
