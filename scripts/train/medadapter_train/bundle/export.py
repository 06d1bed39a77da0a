"""From trained weights to a bundle: graph, int8, `.ort`, packed weights, tokenizer, card."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from medadapter_train.bundle.card import model_card
from medadapter_train.bundle.manifest import base_entry, contract_entries, write_manifest
from medadapter_train.bundle.onnx_graph import convert_to_ort, export_float, quantize
from medadapter_train.bundle.pack_linear import UnsupportedShapeError
from medadapter_train.bundle.pack_simd import pack_ranker
from medadapter_train.bundle.parity import (
    Parity,
    check_parity,
    encode_vector,
    onnx_logits,
    self_test_questions,
    torch_logits,
)
from medadapter_train.bundle.request import ExportRequest, load_request
from medadapter_train.errors import ModelError, TrainError
from medadapter_train.fit.config import load_config
from medadapter_train.model.base import load_base, load_tokenizer
from medadapter_train.model.onnx_scorer import OnnxEngine
from medadapter_train.model.prefix import PrefixRanker
from medadapter_train.model.template import TextEncoder
from medadapter_train.model.weights import load_weights
from medadapter_train.system.files import whole_folder

#: The largest error of an engine on the self-test. Our own int8 arithmetic (7-bit activations) has
#: errors of 0.03 (standard deviation); a broken engine is off by much more.
SELF_TEST_TOLERANCE = 0.25
LABEL_SETS = {
    "pubmedqa": ["yes", "no", "maybe"],
    "bioasq": ["yes", "no"],
    "yesno": ["yes", "no"],
    "mednli": ["entailment", "contradiction", "neutral"],
}


def export(
    config: Path,
    out: Path,
    *,
    run: Path | None = None,
    weights: Path | None = None,
    version: str = "",
    untrained: bool = False,
) -> str:
    """Export a run's weights: a bundle at `out`, or the folder of a cross-encoder. Returns one line
    for the console.

    `weights` replaces the run's chosen ones, `version` the file's; `untrained`: a random head, for
    tests. Raises `TrainError` no_weights, bad_config; `ModelError`; `ParityError`.
    """
    settings = load_config(config)
    if weights is None and run is not None:
        weights = run / "best.safetensors"
    if weights is None and not untrained:
        raise TrainError("no_weights", "give --run or --weights")
    request = load_request(config, settings, run)
    if version:
        request = replace(request, version=version)
    tensors = None if weights is None else load_weights(weights)
    if settings.attention == "cross":
        from medadapter_train.bundle.export_cross import export_cross

        export_cross(settings, request, tensors, out)
        return f"{out.name}: a cross-encoder for a /rerank server"
    parity = export_bundle(build_ranker(settings.base, tensors, settings.seed), request, out)
    return f"{out.name}: {parity}"


def build_ranker(base: str, weights: dict[str, Tensor] | None, seed: int = 1) -> PrefixRanker:
    """A ranker over a base with trained weights, or with a random head where there are none."""
    ranker = PrefixRanker(load_base(base))
    ranker.init_head(seed)
    if weights is not None:
        ranker.load_state_dict(weights)
    return ranker.float().eval()


def export_bundle(ranker: PrefixRanker, request: ExportRequest, out: Path) -> Parity:
    """Write the bundle to `out`, replacing an older one; nothing is written unless parity holds.

    Raises `ParityError` parity, `ModelError` not_served.
    """
    if ranker.bert.config.model_type == "roberta" or hasattr(ranker.bert, "embeddings_project"):
        # The Worker's template needs WordPiece, and its engines have one embedding size.
        raise ModelError("not_served", "the Worker serves encoders of BERT's layout alone")
    with whole_folder(out) as scratch:
        tokenizer = load_tokenizer(request.base)
        tokenizer.save(str(scratch / "tokenizer.json"))
        parity, vectors = _write_graph(ranker, tokenizer, scratch)
        _write_packed(ranker, scratch)
        manifest = _manifest(ranker, request, tokenizer, parity, vectors)
        (scratch / "README.md").write_text(model_card(manifest), encoding="utf-8")
        write_manifest(scratch, manifest)
    return parity


def _write_graph(
    ranker: PrefixRanker, tokenizer: Tokenizer, folder: Path
) -> tuple[Parity, list[dict[str, Any]]]:
    """`adapter.ort`, and the self-test vectors with its logits."""
    vectors = self_test_questions()
    encoder = TextEncoder(tokenizer)
    pairs = [encode_vector(encoder, v) for v in vectors]
    with tempfile.TemporaryDirectory() as scratch:
        graph, int8 = Path(scratch) / "float.onnx", Path(scratch) / "int8.onnx"
        export_float(ranker, graph)
        quantize(graph, int8)
        convert_to_ort(int8, folder / "adapter.ort")
        logits = onnx_logits(OnnxEngine(folder / "adapter.ort"), pairs)
        parity = check_parity(
            torch_logits(ranker, pairs), onnx_logits(OnnxEngine(graph), pairs), logits
        )
    for vector, logit in zip(vectors, logits, strict=True):
        vector["logit"] = round(float(logit), 6)
    return parity, vectors


def _write_packed(ranker: PrefixRanker, folder: Path) -> None:
    """`encoder.bin` for the Worker's own engine, where its kernels can run the encoder's shape."""
    with contextlib.suppress(UnsupportedShapeError):
        (folder / "encoder.bin").write_bytes(pack_ranker(ranker))


def _manifest(
    ranker: PrefixRanker,
    request: ExportRequest,
    tokenizer: Tokenizer,
    parity: Parity,
    vectors: list[dict[str, Any]],
) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    base = base_entry(
        ranker.bert.config, request.base_model, request.base_source, request.base_licence
    )
    return {
        "schema": 1,
        "name": request.name,
        "version": request.version,
        "createdAt": now.isoformat().replace("+00:00", "Z"),
        "base": base,
        **contract_entries(TextEncoder(tokenizer).budget),
        "files": [],
        "calibration": None,
        "selector": None,
        "abstention": [],
        "adaptiveK": None,
        "validatedOn": [],
        "labelSets": LABEL_SETS,
        "metrics": [],
        "provenance": request.provenance,
        "training": {**request.training, "parity": asdict(parity), "torch": torch.__version__},
        "selfTest": {"tolerance": SELF_TEST_TOLERANCE, "vectors": vectors},
    }
