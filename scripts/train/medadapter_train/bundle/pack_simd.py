"""Writes `encoder.bin`: a BERT encoder with score head, packed for `src/adapter/engines/simd`.

Weights become int8 by output column (symmetric), in the order in which the engine's micro-kernel
reads them, or 4 bits in groups (`four_bits.py`); embeddings int8 by row, or 4 bits too; norms,
biases and the head's vectors stay float32. Two biases are moved where they cost no precision: the
key bias adds the same to every score of a query, which softmax takes away again, so it is left out;
the value bias passes through attention unchanged (its weights sum to one), so it goes through the
output projection into that layer's bias.

The order of sections is that of `assembly/model.ts`; both begin every section at 64 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medadapter_train.bundle import four_bits
from medadapter_train.bundle.pack_linear import (
    UnsupportedShapeError,
    floats,
    pack_linear,
    quantize_rows,
)

MAGIC = 0x4E45414D  # "MAEN" read as bytes
EIGHT_BITS = 1  # layouts: with the second the header also tells the embeddings' bits
ANY_BITS = 2
HEADER_BYTES = 128
Floats = npt.NDArray[np.float32]


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


@dataclass(frozen=True)
class Precision:
    """Bits, 8 or 4, of the linear layers' weights and of the token embeddings.

    Everything in 8 bits gives a file of layout 1, which every engine reads.
    """

    weights: int = 8
    words: int = 8


INT8 = Precision()


def pack_encoder(
    tensors: Mapping[str, Any], shape: EncoderShape, precision: Precision = INT8
) -> bytes:
    """The whole file from tensors with the names of HF's `BertModel` (an optional `bert.` in front)
    and `head.W1 [hidden, hidden]`, `head.b1 [hidden]`, `head.w2 [hidden]`, `head.b2 []`.

    Raises KeyError for a tensor that is missing, UnsupportedShapeError for a shape that the engine
    cannot run.
    """
    if shape.hidden % shape.heads or (shape.hidden // shape.heads) % 8 or shape.intermediate % 8:
        raise UnsupportedShapeError("head width and intermediate width must be multiples of 8")
    if precision.words == 4 and shape.hidden % four_bits.GROUP:
        raise UnsupportedShapeError("4-bit embeddings need a width that is a multiple of 32")
    bits = precision.weights

    def get(name: str) -> Floats:
        value = tensors[name] if name in tensors else tensors[f"bert.{name}"]
        return _array(value)

    out = bytearray(HEADER_BYTES)

    def section(data: bytes) -> None:
        out.extend(b"\0" * (-len(out) % 64))
        out.extend(data)

    for table in ("word", "position"):
        rows = get(f"embeddings.{table}_embeddings.weight")
        if table == "word" and precision.words == 4:
            for data in four_bits.pack_rows(rows):
                section(data)
            continue
        q, scale = quantize_rows(rows)
        section(q.tobytes())
        section(floats(scale))
    section(floats(get("embeddings.token_type_embeddings.weight")))
    section(_norm(get, "embeddings.LayerNorm"))
    for index in range(shape.layers):
        layer = f"encoder.layer.{index}"
        attention = f"{layer}.attention.self"
        no_bias = np.zeros(shape.hidden, np.float32)
        output = get(f"{layer}.attention.output.dense.weight")
        value_bias = get(f"{attention}.value.bias").astype(np.float64)
        output_bias = get(f"{layer}.attention.output.dense.bias") + output @ value_bias
        section(
            pack_linear(get(f"{attention}.query.weight"), get(f"{attention}.query.bias"), bits),
        )
        section(pack_linear(get(f"{attention}.key.weight"), no_bias, bits))
        section(pack_linear(get(f"{attention}.value.weight"), no_bias, bits))
        section(pack_linear(output, output_bias.astype(np.float32), bits))
        section(_norm(get, f"{layer}.attention.output.LayerNorm"))
        for name in ("intermediate.dense", "output.dense"):
            section(pack_linear(get(f"{layer}.{name}.weight"), get(f"{layer}.{name}.bias"), bits))
        section(_norm(get, f"{layer}.output.LayerNorm"))
    q, scale = quantize_rows(_array(tensors["head.W1"]))
    section(q.tobytes())
    section(floats(scale))
    for name in ("head.b1", "head.w2", "head.b2"):
        section(floats(_array(tensors[name]).reshape(-1)))
    section(b"")
    out[:HEADER_BYTES] = _header(shape, precision, len(out))
    return bytes(out)


def pack_ranker(ranker: Any, precision: Precision = INT8) -> bytes:
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
    return pack_encoder(tensors, shape, precision)


def _header(shape: EncoderShape, precision: Precision, size: int) -> bytes:
    plain = precision == INT8
    fields = struct.pack(
        "<10IfII",
        MAGIC,
        EIGHT_BITS if plain else ANY_BITS,
        shape.layers,
        shape.hidden,
        shape.heads,
        shape.intermediate,
        shape.vocabulary,
        shape.positions,
        shape.types,
        precision.weights,
        shape.layer_norm_eps,
        size,
        0 if plain else precision.words,
    )
    return fields.ljust(HEADER_BYTES, b"\0")


def _norm(get: Any, name: str) -> bytes:
    return floats(get(f"{name}.weight")) + floats(get(f"{name}.bias"))


def _array(value: Any) -> Floats:
    """A torch tensor or an array, as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().float().numpy()
    return np.asarray(value, dtype=np.float32)
