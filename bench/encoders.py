"""Encoders for `npm run bench` that no bundle holds, written to a folder.

    python bench/encoders.py cross OUT    # transformers.js's folder: MiniLM-L6, one logit, int8
    python bench/encoders.py sizes OUT    # OUT/<name>.bin for our engine, and OUT/sizes.json

`sizes.json`: `[{name, parameters, weightBits, embeddingBits, bytes, pairs: [{prefix, candidate}],
logits}]`, a pair being seeds of `tokenIds` (bench/rows.ts), the logits float32 torch's. The weights
are random, of the usual spread: they show time, memory and arithmetic, not quality.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from medadapter_train.bundle.pack_simd import Precision, pack_ranker
from medadapter_train.model.base import base_folder
from medadapter_train.model.packed import Packed
from medadapter_train.model.prefix import PrefixRanker
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import BertConfig, BertForSequenceClassification, BertModel

from native import token_ids

PREFIX, CANDIDATE = 330, 120
SIZES = (
    ("L6-H384 int8", 6, 384, Precision()),
    ("L12-H384 int8", 12, 384, Precision()),
    ("L6-H768 int8", 6, 768, Precision()),
    ("L12-H768 4-bit, embeddings int8", 12, 768, Precision(4, 8)),
    ("L12-H768 4-bit", 12, 768, Precision(4, 4)),
)


def random_ranker(layers: int, hidden: int) -> PrefixRanker:
    """Weights that keep the size of what goes through them, so that logits differ."""
    config = BertConfig(
        vocab_size=30522,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=12,
        intermediate_size=4 * hidden,
    )
    generator = torch.Generator().manual_seed(layers * hidden)
    ranker = PrefixRanker(BertModel(config, add_pooling_layer=False)).eval()
    with torch.no_grad():
        for name, parameter in ranker.named_parameters():
            if parameter.dim() == 2:
                spread = 1.0 if "embeddings" in name else parameter.shape[1] ** -0.5
                parameter.normal_(0.0, spread, generator=generator)
            elif "LayerNorm.weight" not in name:
                parameter.normal_(0.0, 0.02, generator=generator)
    return ranker


@torch.inference_mode()
def exact_logits(ranker: PrefixRanker, pairs: list[dict[str, int]]) -> list[float]:
    return [
        float(ranker(Packed.of(ids(PREFIX, p["prefix"]), [ids(CANDIDATE, p["candidate"])])))
        for p in pairs
    ]


def ids(count: int, seed: int) -> list[int]:
    return [int(i) for i in token_ids(count, seed)[0]]


def write_sizes(out: Path) -> None:
    pairs = [{"prefix": p, "candidate": c} for p in (0, 100, 200, 300) for c in (1, 2, 3, 4)]
    entries = []
    rankers: dict[tuple[int, int], tuple[PrefixRanker, list[float]]] = {}
    for name, layers, hidden, precision in SIZES:
        if (layers, hidden) not in rankers:
            ranker = random_ranker(layers, hidden)
            rankers = {(layers, hidden): (ranker, exact_logits(ranker, pairs))}
        ranker, logits = rankers[layers, hidden]
        packed = pack_ranker(ranker, precision)
        (out / f"{name}.bin").write_bytes(packed)
        entries.append(
            {
                "name": name,
                "parameters": sum(p.numel() for p in ranker.parameters()),
                "weightBits": precision.weights,
                "embeddingBits": precision.words,
                "bytes": len(packed),
                "pairs": pairs,
                "logits": logits,
            }
        )
    (out / "sizes.json").write_text(json.dumps(entries))


class OneLogit(torch.nn.Module):
    """The inputs that transformers.js feeds, by position."""

    def __init__(self, model: BertForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.model(*inputs).logits


def write_cross(out: Path) -> None:
    folder = Path(base_folder("minilm-l6"))
    model = BertForSequenceClassification.from_pretrained(
        folder, num_labels=1, attn_implementation="eager"
    ).eval()
    (out / "onnx").mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (out / name).write_bytes((folder / name).read_bytes())
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones(2, 16, dtype=torch.long) for _ in names)
    exact = out / "onnx" / "model.onnx"
    axes = {name: {0: "batch", 1: "tokens"} for name in names}
    torch.onnx.export(
        OneLogit(model),
        example,
        str(exact),
        input_names=names,
        output_names=["logits"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(
        exact, out / "onnx" / "model_quantized.onnx", per_channel=True, weight_type=QuantType.QInt8
    )
    exact.unlink()


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    (write_cross if what == "cross" else write_sizes)(folder)
