"""Weights of 4 bits for the Worker's own engine (`src/adapter/engines/simd/assembly/unpack.ts`).

Groups of 32 inputs share a float16 scale. The engine unpacks a linear layer's weights to bytes with
one more scale by output column, so its micro-kernel is that of int8 weights; the bytes are computed
here in the same way, to the bit, because their sums stand in the file.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GROUP = 32
COLUMNS = 8  # columns of a packed panel
DEPTH = 4  # inputs that one dot instruction sums
# The least scale: float16 below it is subnormal, which the engine does not read.
LEAST_SCALE = 6.104e-5
Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Bytes8 = npt.NDArray[np.int8]


def quantize_groups(x: Floats) -> tuple[Bytes8, Halves]:
    """`x` [rows, n], n a multiple of 32: `x ~ q * scale`, `q` in -8..7, `scale` [rows, n / 32].

    A group's value of the greatest magnitude decides the scale's sign, so that it may become -8;
    of some scales around its eighth that with the least squared error is taken.
    """
    groups = x.reshape(len(x), -1, GROUP)
    at = np.abs(groups).argmax(axis=2)[..., None]
    extreme = np.take_along_axis(groups, at, axis=2)
    best_q = np.zeros(groups.shape, np.int8)
    best_scale = np.full(extreme.shape, LEAST_SCALE, np.float16)
    best_error = np.full(extreme.shape, np.inf, np.float32)
    for levels in np.linspace(6.5, 9.5, 13, dtype=np.float32):
        scale = extreme / -levels
        sign = np.where(scale < 0, np.float32(-1), np.float32(1))
        scale = (np.maximum(np.abs(scale), LEAST_SCALE) * sign).astype(np.float16)
        exact = scale.astype(np.float32)
        q = np.clip(np.rint(groups / exact), -8, 7)
        error = ((q * exact - groups) ** 2).sum(axis=2, keepdims=True)
        better = error < best_error
        best_q = np.where(better, q.astype(np.int8), best_q)
        best_scale = np.where(better, scale, best_scale)
        best_error = np.where(better, error, best_error)
    return best_q.reshape(x.shape), best_scale[..., 0]


def column_scales(scale: Halves) -> Floats:
    """The least scale by column [rows] at which all groups' values fit a byte."""
    greatest = np.abs(scale.astype(np.float32)).max(axis=1)
    scales: Floats = (greatest * np.float32(8.0 / 127.0)).astype(np.float32)
    return scales


def unpacked(q: Bytes8, scale: Halves, column: Floats) -> Bytes8:
    """The bytes that the engine makes of `q`; times `column` they are about the weights."""
    inverse = np.float32(256) / column
    ratio = np.rint(scale.astype(np.float32) * inverse[:, None]).astype(np.int32)
    levels = q.astype(np.int32) * np.repeat(ratio, GROUP, axis=1)
    return ((levels + 128) >> 8).astype(np.int8)


def pack_panel(q: Bytes8, scale: Halves) -> bytes:
    """Eight columns, `q` [8, inputs]: nibbles in the kernel's order, then scales [groups][8]."""
    steps = (q + 8).astype(np.uint8).reshape(2, COLUMNS // 2, -1, DEPTH).transpose(0, 2, 1, 3)
    nibbles = steps[0] | (steps[1] << 4)
    return np.ascontiguousarray(nibbles).tobytes() + _halves(scale.T)


def pack_rows(x: Floats) -> tuple[bytes, bytes]:
    """An embedding table: nibbles (a group's 16 bytes hold values i and i + 16), and its scales."""
    q, scale = quantize_groups(x)
    halves = (q + 8).astype(np.uint8).reshape(len(x), -1, 2, GROUP // 2)
    return np.ascontiguousarray(halves[:, :, 0] | (halves[:, :, 1] << 4)).tobytes(), _halves(scale)


def _halves(x: Halves) -> bytes:
    return np.ascontiguousarray(x, dtype="<f2").tobytes()
