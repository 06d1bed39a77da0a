"""4-bit weights: what the engine makes of them, their error, and the file that holds them."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
import pytest
from simd_fixture import FOLDER, tiny_ranker

from medadapter_train.bundle.four_bits import (
    column_scales,
    pack_panel,
    pack_rows,
    quantize_groups,
    unpacked,
)
from medadapter_train.bundle.pack_linear import (
    FOUR_AT_MOST,
    UnsupportedShapeError,
    pack_linear,
    quantize_columns_4,
)
from medadapter_train.bundle.pack_simd import Precision, pack_ranker


def weights(rows: int, inputs: int, seed: int = 5) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, inputs)).astype(np.float32)


def test_groups_keep_their_values_to_about_half_a_step() -> None:
    x = weights(6, 96)
    x[3, :32] = 0
    x[4] *= 50
    q, scale = quantize_groups(x)
    assert q.min() == -8
    assert q.max() <= 7
    back = q.astype(np.float32) * np.repeat(scale.astype(np.float32), 32, axis=1)
    error = np.sqrt(((back - x) ** 2).mean(axis=1) / (x**2).mean(axis=1))
    # A uniform quantizer of 16 steps over a normal group of 32: about 0.08 of its spread.
    assert error.max() < 0.1
    assert not back[3, :32].any()


def test_one_large_weight_costs_its_own_group_alone() -> None:
    x = weights(1, 64)
    before = quantize_groups(x)[0][0, 32:]
    x[0, 0] = 40
    q, scale = quantize_groups(x)
    np.testing.assert_array_equal(q[0, 32:], before)
    assert q[0, 0] == -8
    assert float(scale[0, 0]) == pytest.approx(-5, rel=0.25)


def test_bytes_of_the_engine_are_close_to_the_4_bit_values_and_meet_its_bounds() -> None:
    x = weights(16, 128)
    x[0, [8, 9, 12, 13]] = 9.0  # four that meet in one sum
    q, groups, inner, scale = quantize_columns_4(x)
    exact = q * np.repeat(groups.astype(np.float32), 32, axis=1)
    assert np.abs(inner * scale[:, None] - exact).max() < scale.max() * 0.6
    assert inner[0, [8, 9, 12, 13]].sum() <= FOUR_AT_MOST
    plain = unpacked(q, groups, column_scales(groups))
    assert np.abs(plain[1:].astype(int)).max() == 127


def test_a_panel_reads_back() -> None:
    q, scale = quantize_groups(weights(8, 64))
    data = pack_panel(q, scale)
    assert len(data) == 8 * 64 // 2 + 2 * 8 * 2
    nibbles = np.frombuffer(data, np.uint8, 256).reshape(16, 4, 4)
    back = np.stack([nibbles & 15, nibbles >> 4]).astype(int) - 8
    np.testing.assert_array_equal(back.transpose(0, 2, 1, 3).reshape(8, 64), q)
    np.testing.assert_array_equal(np.frombuffer(data, "<f2", 16, 256).reshape(2, 8), scale.T)


def test_an_embedding_row_reads_back() -> None:
    x = weights(3, 64)
    q, scale = quantize_groups(x)
    nibbles, halves = pack_rows(x)
    byte = np.frombuffer(nibbles, np.uint8).reshape(3, 2, 16)
    back = np.concatenate([byte & 15, byte >> 4], axis=2).astype(int) - 8
    np.testing.assert_array_equal(back.reshape(3, 64), q)
    np.testing.assert_array_equal(np.frombuffer(halves, "<f2").reshape(3, 2), scale)


def test_the_file_says_its_bits_and_is_little_more_than_half_as_large() -> None:
    ranker = tiny_ranker()
    whole, small = pack_ranker(ranker), pack_ranker(ranker, Precision(4, 4))
    assert struct.unpack_from("<I", whole, 4) == (1,)
    assert struct.unpack_from("<I", small, 4) == (2,)
    assert struct.unpack_from("<I", small, 36) == (4,)
    assert struct.unpack_from("<2I", small, 44) == (len(small), 4)
    assert struct.unpack_from("<2I", pack_ranker(ranker, Precision(8, 4)), 36)[0] == 8
    assert len(small) < 0.68 * len(whole)


def test_the_committed_4_bit_fixture_is_what_we_write() -> None:
    written = (FOLDER / "encoder-4bit.bin").read_bytes()
    assert written == pack_ranker(tiny_ranker(), Precision(4, 4))


def test_refuses_widths_that_are_no_whole_groups() -> None:
    with pytest.raises(UnsupportedShapeError, match="32"):
        pack_linear(weights(8, 40), np.zeros(8, np.float32), 4)
