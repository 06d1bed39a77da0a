"""A linear layer's weights in the order in which the engine's micro-kernel reads them.

Layouts are described in `src/adapter/engines/simd/assembly/gemm.ts` and `unpack.ts`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medadapter_train.bundle import four_bits

COLUMNS = 8  # columns of a packed panel
DEPTH = 4  # inputs that one dot instruction sums
# Four products meet in one i16 sum of the engine's second kernel (`assembly/vectors.ts`).
# Activations go to 127: positive weights among the four may add up to 258, negative ones to -258.
FOUR_AT_MOST = 258
Floats = npt.NDArray[np.float32]
Bytes8 = npt.NDArray[np.int8]


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


def quantize_columns_4(weight: Floats) -> tuple[Bytes8, four_bits.Halves, Bytes8, Floats]:
    """4-bit weights and their groups' scales; the bytes that the engine makes of them and the
    columns' scales, larger where four bytes would else meet in one sum (see `FOUR_AT_MOST`)."""
    q4, groups = four_bits.quantize_groups(weight)
    scale = four_bits.column_scales(groups)
    while True:
        q = four_bits.unpacked(q4, groups, scale)
        excess = _largest_four(q) / FOUR_AT_MOST
        over = excess > 1
        if not over.any():
            return q4, groups, q, scale
        scale[over] *= np.maximum(excess[over], 1.002).astype(np.float32)


def pack_linear(weight: Floats, bias: Floats, bits: int = 8) -> bytes:
    """Packs a linear layer, `weight` `[outputs, inputs]` as torch keeps it.

    Per 8 outputs: `[inputs/4][8 outputs][4 inputs]` int8 (4 bits: see `four_bits.pack_panel`), then
    8 scales, 8 sums of the quantized inputs times their scale, 8 biases (float32).
    """
    outputs, inputs = weight.shape
    depth = COLUMNS if bits == 8 else four_bits.GROUP
    if outputs % COLUMNS or inputs % depth:
        raise UnsupportedShapeError(
            f"linear layer {outputs} x {inputs}: must be multiples of {COLUMNS} and {depth}"
        )
    if bits == 8:
        q, scale = quantize_columns(weight)
    else:
        q4, groups, q, scale = quantize_columns_4(weight)
    sums = (q.astype(np.int64).sum(axis=1) * scale.astype(np.float64)).astype(np.float32)
    panels = q.reshape(outputs // COLUMNS, COLUMNS, inputs // DEPTH, DEPTH).transpose(0, 2, 1, 3)
    parts: list[bytes] = []
    for index in range(outputs // COLUMNS):
        columns = slice(index * COLUMNS, (index + 1) * COLUMNS)
        if bits == 8:
            parts.append(np.ascontiguousarray(panels[index]).tobytes())
        else:
            parts.append(four_bits.pack_panel(q4[columns], groups[columns]))
        parts.extend(floats(a[columns]) for a in (scale, sums, bias))
    return b"".join(parts)


def floats(x: Floats) -> bytes:
    """Little-endian float32."""
    return np.ascontiguousarray(x, dtype="<f4").tobytes()
