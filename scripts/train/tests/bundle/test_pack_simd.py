"""The packed file: what it holds, that it is the committed fixture's, and what it refuses."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from simd_fixture import FOLDER, golden, tiny_ranker

from medadapter_train.bundle.pack_linear import pack_linear, quantize_columns, quantize_rows
from medadapter_train.bundle.pack_simd import HEADER_BYTES, EncoderShape, pack_encoder, pack_ranker


def test_rows_keep_their_values_to_half_a_step() -> None:
    x = np.random.default_rng(1).normal(size=(5, 32)).astype(np.float32)
    x[2] = 0
    q, scale = quantize_rows(x)
    assert np.abs(q).max() == 127
    assert np.all(np.abs(q * scale[:, None] - x) <= scale[:, None] * 0.5001)


def test_linear_layer_reads_back_from_its_panels() -> None:
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(24, 16)).astype(np.float32)
    bias = rng.normal(size=24).astype(np.float32)
    packed = pack_linear(weight, bias)
    panel_bytes = 8 * 16 + 96
    assert len(packed) == 3 * panel_bytes
    for panel in range(3):
        data = packed[panel * panel_bytes :]
        q = np.frombuffer(data, np.int8, 128).reshape(4, 8, 4).transpose(1, 0, 2).reshape(8, 16)
        scale, sums, biases = np.frombuffer(data, "<f4", 24, 128).reshape(3, 8)
        columns = slice(panel * 8, panel * 8 + 8)
        np.testing.assert_allclose(q * scale[:, None], weight[columns], atol=scale.max() * 0.501)
        np.testing.assert_allclose(sums, q.sum(axis=1) * scale, rtol=1e-6)
        np.testing.assert_array_equal(biases, bias[columns])


def test_no_four_weights_overflow_the_sum_in_which_they_meet() -> None:
    weight = np.random.default_rng(3).normal(size=(8, 64)).astype(np.float32)
    weight[0, [8, 9, 12, 13]] = 9.0  # all four in one sum
    weight[1, [10, 11, 14, 15]] = -9.0
    weight[2] = 0
    weight[2, [8, 9, 10, 11]] = 9.0  # two in each of two sums: no reason to give up precision
    q, scale = quantize_columns(weight)
    assert q[0, [8, 9, 12, 13]].sum() <= 258
    assert q[0, 8] == 64
    assert q[1, [10, 11, 14, 15]].sum() >= -258
    assert q[2, 8] == 127
    np.testing.assert_allclose(q * scale[:, None], weight, atol=scale.max() * 0.501)


def test_header_says_the_dimensions_and_the_size() -> None:
    data = pack_ranker(tiny_ranker())
    fields = struct.unpack_from("<10IfI", data)
    assert data[:4] == b"MAEN"
    assert fields[1:10] == (1, 2, 128, 4, 256, 400, 128, 2, 8)
    assert fields[10] == pytest.approx(1e-12)
    assert fields[11] == len(data)
    words = np.frombuffer(data, np.int8, 400 * 128, HEADER_BYTES)
    assert np.abs(words.reshape(400, 128)).max(axis=1).min() == 127


def test_the_committed_fixture_is_what_we_write() -> None:
    ranker = tiny_ranker()
    assert (FOLDER / "encoder.bin").read_bytes() == pack_ranker(ranker)
    written = json.loads((FOLDER / "golden.json").read_text(encoding="utf-8"))
    for entry, again in zip(written, golden(ranker), strict=True):
        assert entry["candidates"] == again["candidates"]
        for name in ("logits", "logitsOf4Bits"):
            written_logits, logits = np.array(entry[name]), np.array(again[name])
            np.testing.assert_allclose(written_logits, logits, atol=1e-4)


def test_refuses_shapes_that_the_engine_cannot_run() -> None:
    shape = EncoderShape(1, 20, 2, 32, 10, 8, 2, 1e-12)
    with pytest.raises(ValueError, match="multiples of 8"):
        pack_encoder({}, shape)
    with pytest.raises(ValueError, match="multiples of 8"):
        pack_linear(np.zeros((12, 16), np.float32), np.zeros(12, np.float32))


def test_names_a_missing_tensor() -> None:
    with pytest.raises(KeyError, match="word_embeddings"):
        pack_encoder({}, EncoderShape(1, 32, 2, 32, 10, 8, 2, 1e-12))


def test_fixture_is_small_enough_for_the_repository() -> None:
    assert sum(path.stat().st_size for path in Path(FOLDER).iterdir()) < 1_000_000
