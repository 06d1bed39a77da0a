"""One ONNX graph for both halves of prefix sharing, its int8 form and the `.ort` file.

Inputs `ids [1,t]`, `type_ids [1,t]` (int64), `past [layers,2,heads,p,d]` (float32); outputs `score
[1]`, `present [layers,2,heads,t,d]`: keys and values of the new tokens alone. p = 0 encodes a
prefix. In the last layer only the first token's query is computed: its output is all that is
pooled.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import cast

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.tools.convert_onnx_models_to_ort import (
    OptimizationStyle,
    convert_onnx_models_to_ort,
)
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.bert.modeling_bert import BertLayer

from medadapter_train.model.prefix import PrefixRanker

OPSET = 17


class ServingGraph(nn.Module):
    """The ranker's weights in the form that is served: one sequence on cached keys and values."""

    def __init__(self, ranker: PrefixRanker) -> None:
        super().__init__()
        self.ranker = ranker

    def forward(self, ids: Tensor, type_ids: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        r = self.ranker
        positions = torch.arange(ids.shape[1], device=ids.device) + past.shape[3]
        x = r.embed(ids, type_ids, positions[None])
        layers = r.bert.encoder.layer
        presents = []
        for i, layer in enumerate(layers):
            x, present = self._layer(cast(BertLayer, layer), x, past[i], last=i == len(layers) - 1)
            presents.append(present)
        return r.score_head(x[:, 0]), torch.stack(presents)

    def _layer(
        self, layer: BertLayer, x: Tensor, past: Tensor, *, last: bool
    ) -> tuple[Tensor, Tensor]:
        own = layer.attention.self
        k, v = self._heads(own.key(x)), self._heads(own.value(x))
        x = x[:, :1] if last else x
        q = self._heads(own.query(x)) * self.ranker.scale
        keys, values = torch.cat([past[0], k], 1), torch.cat([past[1], v], 1)
        attended = (q @ keys.transpose(-1, -2)).softmax(-1) @ values
        attended = attended.transpose(0, 1).reshape(
            1, -1, self.ranker.heads * self.ranker.head_size
        )
        joined = layer.attention.output
        x = joined.LayerNorm(x + joined.dense(attended))
        inner = F.gelu(layer.intermediate.dense(x))
        return layer.output.LayerNorm(x + layer.output.dense(inner)), torch.stack([k, v])

    def _heads(self, x: Tensor) -> Tensor:
        """[1, n, hidden] -> [heads, n, head_size]."""
        return x.view(-1, self.ranker.heads, self.ranker.head_size).transpose(0, 1)


def export_float(ranker: PrefixRanker, path: Path) -> None:
    """Write the float32 graph."""
    ranker = ranker.float().eval()
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    past = torch.zeros(len(ranker.bert.encoder.layer), 2, ranker.heads, 7, ranker.head_size)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ServingGraph(ranker),
            (ids, torch.zeros_like(ids), past),
            str(path),
            input_names=["ids", "type_ids", "past"],
            output_names=["score", "present"],
            dynamic_axes={
                "ids": {1: "t"},
                "type_ids": {1: "t"},
                "past": {3: "p"},
                "present": {3: "t"},
            },
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(path))


def quantize(source: Path, target: Path) -> None:
    """Dynamic int8: weights of MatMul by output channel, embedding tables of Gather."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.root.setLevel(level)


def convert_to_ort(source: Path, target: Path) -> None:
    """The `.ort` file, graph optimizations applied, which loads without a copy of the weights."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(source, Path(folder) / "adapter.onnx")
        convert_onnx_models_to_ort(
            Path(folder),
            output_dir=Path(folder) / "out",
            optimization_styles=[OptimizationStyle.Fixed],
        )
        shutil.move(Path(folder) / "out" / "adapter.ort", target)
