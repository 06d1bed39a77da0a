"""Writes `encoder.bin`: a BERT encoder with score head, packed for `src/adapter/engines/simd`.

Weights become int8 by output column (symmetric), in the order in which the engine's micro-kernel
reads them; embeddings int8 by row; norms, biases and the head's vectors stay float32. Two biases
are moved where they cost no precision: the key bias adds the same to every score of a query, which
softmax takes away again, so it is left out; the value bias passes through attention unchanged
(its weights sum to one), so it goes through the output projection into that layer's bias.

The order of sections is that of `assembly/model.ts`; both begin every section at 64 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = 0x4E45414D  # "MAEN" read as bytes
LAYOUT = 1
HEADER_BYTES = 128
COLUMNS = 8  # columns of a packed panel
DEPTH = 4  # inputs that one dot instruction sums
# Four products meet in one i16 sum of the engine's second kernel (`assembly/dot.ts`), activations
# go to 127: positive weights among the four may add up to 258, negative ones to -258.
FOUR_AT_MOST = 258

Floats = npt.NDArray[np.float32]
Bytes8 = npt.NDArray[np.int8]


@dataclass(frozen=True)
class EncoderShape:
    """Dimensions of the encoder; `positions` and `types` are rows of their embedding tables."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    layer_norm_eps: float


class UnsupportedShapeError(ValueError):
    """The engine's kernels cannot run an encoder of this shape."""


def quantize_rows(x: Floats) -> tuple[Bytes8, Floats]:
    """Symmetric int8 by row: `x[i] ~ q[i] * scale[i]`, `q` in -127..127."""
    scale = np.maximum(np.abs(x).max(axis=1), 1e-12) / 127.0
    q = np.clip(np.rint(x / scale[:, None]), -127, 127).astype(np.int8)
    return q, scale.astype(np.float32)


def quantize_columns(weight: Floats) -> tuple[Bytes8, Floats]:
    """Like `quantize_rows` for `weight` `[outputs, inputs]`, with larger steps for the few outputs
    (13 % of MiniLM's, by 9 % on average) in which four large weights would meet in one sum."""
    q, scale = quantize_rows(weight)
    while True:
        excess = _largest_four(q) / FOUR_AT_MOST
        over = excess > 1
        if not over.any():
            return q, scale
        scale[over] *= np.maximum(excess[over], 1.002).astype(np.float32)
        q[over] = np.rint(weight[over] / scale[over, None]).astype(np.int8)


def _largest_four(q: Bytes8) -> Floats:
    """By output, the greatest sum of one sign among inputs {0,1,4,5} or {2,3,6,7} of any eight."""
    fours = q.astype(np.float32).reshape(len(q), -1, 2, 2, 2)  # [output, eight, step, pair, inputs]
    positive = np.maximum(fours, 0).sum(axis=(2, 4)).reshape(len(q), -1).max(axis=1)
    negative = np.maximum(-fours, 0).sum(axis=(2, 4)).reshape(len(q), -1).max(axis=1)
    largest: Floats = np.maximum(positive, negative)
    return largest


def pack_linear(weight: Floats, bias: Floats) -> bytes:
    """Packs a linear layer, `weight` `[outputs, inputs]` as torch keeps it.

    Per 8 outputs: `[inputs/4][8 outputs][4 inputs]` int8, then 8 scales, 8 sums of the quantized
    inputs times their scale, 8 biases (float32).
    """
    outputs, inputs = weight.shape
    if outputs % COLUMNS or inputs % COLUMNS:
        raise UnsupportedShapeError(
            f"linear layer {outputs} x {inputs}: both must be multiples of {COLUMNS}"
        )
    q, scale = quantize_columns(weight)
    sums = (q.astype(np.int64).sum(axis=1) * scale.astype(np.float64)).astype(np.float32)
    panels = q.reshape(outputs // COLUMNS, COLUMNS, inputs // DEPTH, DEPTH).transpose(0, 2, 1, 3)
    parts: list[bytes] = []
    for index in range(outputs // COLUMNS):
        columns = slice(index * COLUMNS, (index + 1) * COLUMNS)
        parts.append(np.ascontiguousarray(panels[index]).tobytes())
        parts.extend(_floats(a[columns]) for a in (scale, sums, bias))
    return b"".join(parts)


def pack_encoder(tensors: Mapping[str, Any], shape: EncoderShape) -> bytes:
    """The whole file from tensors with the names of HF's `BertModel` (an optional `bert.` in front)
    and `head.W1 [hidden, hidden]`, `head.b1 [hidden]`, `head.w2 [hidden]`, `head.b2 []`.

    Raises KeyError for a tensor that is missing, UnsupportedShapeError for a shape that the engine
    cannot run.
    """
    if shape.hidden % shape.heads or (shape.hidden // shape.heads) % 8 or shape.intermediate % 8:
        raise UnsupportedShapeError("head width and intermediate width must be multiples of 8")

    def get(name: str) -> Floats:
        value = tensors[name] if name in tensors else tensors[f"bert.{name}"]
        return _array(value)

    out = bytearray(HEADER_BYTES)

    def section(data: bytes) -> None:
        out.extend(b"\0" * (-len(out) % 64))
        out.extend(data)

    for table in ("word", "position"):
        q, scale = quantize_rows(get(f"embeddings.{table}_embeddings.weight"))
        section(q.tobytes())
        section(_floats(scale))
    section(_floats(get("embeddings.token_type_embeddings.weight")))
    section(_norm(get, "embeddings.LayerNorm"))
    for index in range(shape.layers):
        layer = f"encoder.layer.{index}"
        attention = f"{layer}.attention.self"
        no_bias = np.zeros(shape.hidden, np.float32)
        output = get(f"{layer}.attention.output.dense.weight")
        value_bias = get(f"{attention}.value.bias").astype(np.float64)
        output_bias = get(f"{layer}.attention.output.dense.bias") + output @ value_bias
        section(
            pack_linear(get(f"{attention}.query.weight"), get(f"{attention}.query.bias")),
        )
        section(pack_linear(get(f"{attention}.key.weight"), no_bias))
        section(pack_linear(get(f"{attention}.value.weight"), no_bias))
        section(pack_linear(output, output_bias.astype(np.float32)))
        section(_norm(get, f"{layer}.attention.output.LayerNorm"))
        for name in ("intermediate.dense", "output.dense"):
            section(pack_linear(get(f"{layer}.{name}.weight"), get(f"{layer}.{name}.bias")))
        section(_norm(get, f"{layer}.output.LayerNorm"))
    q, scale = quantize_rows(_array(tensors["head.W1"]))
    section(q.tobytes())
    section(_floats(scale))
    for name in ("head.b1", "head.w2", "head.b2"):
        section(_floats(_array(tensors[name]).reshape(-1)))
    section(b"")
    out[:HEADER_BYTES] = _header(shape, len(out))
    return bytes(out)


def pack_ranker(ranker: Any) -> bytes:
    """`encoder.bin` of a `PrefixRanker` (see `model.py`): its BERT, `dense` and `out`."""
    config = ranker.bert.config
    state = ranker.state_dict()
    tensors = {name: value for name, value in state.items() if name.startswith("bert.")}
    tensors["head.W1"], tensors["head.b1"] = state["dense.weight"], state["dense.bias"]
    tensors["head.w2"], tensors["head.b2"] = state["out.weight"], state["out.bias"]
    shape = EncoderShape(
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        intermediate=config.intermediate_size,
        vocabulary=config.vocab_size,
        positions=config.max_position_embeddings,
        types=config.type_vocab_size,
        layer_norm_eps=config.layer_norm_eps,
    )
    return pack_encoder(tensors, shape)


def _header(shape: EncoderShape, size: int) -> bytes:
    fields = struct.pack(
        "<10IfI",
        MAGIC,
        LAYOUT,
        shape.layers,
        shape.hidden,
        shape.heads,
        shape.intermediate,
        shape.vocabulary,
        shape.positions,
        shape.types,
        8,  # bits of a weight
        shape.layer_norm_eps,
        size,
    )
    return fields.ljust(HEADER_BYTES, b"\0")


def _norm(get: Any, name: str) -> bytes:
    return _floats(get(f"{name}.weight")) + _floats(get(f"{name}.bias"))


def _array(value: Any) -> Floats:
    """A torch tensor or an array, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy()
    return np.asarray(value, dtype=np.float32)


def _floats(x: Floats) -> bytes:
    return np.ascontiguousarray(x, dtype="<f4").tobytes()
