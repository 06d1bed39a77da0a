"""Compares the logits of torch, ONNX and int8. An export where they disagree is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medadapter_train.errors import ParityError
from medadapter_train.model.onnx_scorer import OnnxEngine
from medadapter_train.model.packed import Packed
from medadapter_train.model.prefix import PrefixRanker
from medadapter_train.model.template import Encoder

Logits = NDArray[np.float64]
FLOAT_BOUND = 1e-3
INT8_MAX_BOUND = 0.5
INT8_RMS_BOUND = 0.15


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest and root-mean-square differences of logits to torch in float32."""

    probes: int
    float_max: float
    int8_max: float
    int8_rms: float


def self_test_questions() -> list[dict[str, Any]]:
    """The project's own texts that every bundle carries as self-test (selftest.json)."""
    text = files("medadapter_train.bundle").joinpath("selftest.json").read_text(encoding="utf-8")
    return list(json.loads(text))


def encode_vector(encoder: Encoder, vector: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Prefix and candidate ids of a self-test vector."""
    options = [(o["label"], o["text"]) for o in vector["options"]]
    prefix = encoder.prefix(vector["question"], options, vector["context"])
    return prefix.ids, encoder.candidate(options, vector["answer"], vector["text"]).ids


def torch_logits(ranker: PrefixRanker, pairs: Sequence[tuple[list[int], list[int]]]) -> Logits:
    """Float32 logits of (prefix, candidate) pairs."""
    with torch.no_grad():
        return np.array([float(ranker(Packed.of(p, [c]))[0]) for p, c in pairs])


def onnx_logits(engine: OnnxEngine, pairs: Sequence[tuple[list[int], list[int]]]) -> Logits:
    """Logits of the same pairs by a graph."""
    return np.array([engine.score(engine.encode_prefix(p), c) for p, c in pairs])


def check_parity(reference: Logits, graph: Logits, int8: Logits) -> Parity:
    """Raise `ParityError` when a copy is out of bounds, before anything is written."""
    parity = Parity(
        probes=len(reference),
        float_max=float(np.abs(graph - reference).max()),
        int8_max=float(np.abs(int8 - reference).max()),
        int8_rms=float(np.sqrt(np.mean((int8 - reference) ** 2))),
    )
    within = (
        parity.float_max <= FLOAT_BOUND
        and parity.int8_max <= INT8_MAX_BOUND
        and parity.int8_rms <= INT8_RMS_BOUND
    )
    if not within:
        raise ParityError("parity", f"copies of the model disagree: {asdict(parity)}")
    return parity
