"""Export: torch, ONNX and int8 agree, or nothing is written; the bundle is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from medadapter_train.bundle import export as stage
from medadapter_train.bundle.export import build_ranker, export_bundle
from medadapter_train.bundle.golden import recorded_rows
from medadapter_train.bundle.manifest import read_manifest
from medadapter_train.bundle.parity import encode_vector
from medadapter_train.bundle.request import ExportRequest
from medadapter_train.errors import ModelError, ParityError
from medadapter_train.model.onnx_scorer import OnnxEngine
from medadapter_train.model.prefix import PrefixRanker
from medadapter_train.model.template import TextEncoder

ROOT = Path(__file__).parents[4]
SHIPPED = ROOT / "models" / "mini"
FIXTURES = ROOT / "test" / "fixtures"


@pytest.fixture(scope="module")
def ranker(tiny_base: Path) -> PrefixRanker:
    model = build_ranker(str(tiny_base), None)
    with torch.no_grad():
        model.out.weight.mul_(20)
    return model


@pytest.fixture(scope="module")
def bundle(tiny_base: Path, ranker: PrefixRanker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    parity = export_bundle(ranker, ExportRequest(name="tiny", base=str(tiny_base)), out)
    assert parity.float_max < 1e-4
    return out


def test_a_bundle_holds_what_its_manifest_says(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert {f["role"] for f in manifest["files"]} == {"onnx", "tokenizer", "card", "simd"}
    for entry in manifest["files"]:
        body = (bundle / entry["path"]).read_bytes()
        assert (len(body), hashlib.sha256(body).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert 4 <= len(manifest["selfTest"]["vectors"]) <= 8
    assert sorted(p.name for p in bundle.iterdir()) == [
        "README.md",
        "adapter.ort",
        "encoder.bin",
        "manifest.json",
        "tokenizer.json",
    ]


def test_an_altered_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    body = bytearray((copy / "adapter.ort").read_bytes())
    body[len(body) // 2] ^= 1
    (copy / "adapter.ort").write_bytes(body)
    with pytest.raises(ModelError, match=r"adapter\.ort: missing or altered"):
        read_manifest(copy)


def _check_self_test(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    engine = OnnxEngine(bundle / "adapter.ort")
    encoder = TextEncoder.load(bundle / "tokenizer.json")
    for vector in manifest["selfTest"]["vectors"]:
        prefix, candidate = encode_vector(encoder, vector)
        logit = engine.score(engine.encode_prefix(prefix), candidate)
        # Other CPUs sum in another order: an activation may fall on the next of 256 steps.
        assert abs(logit - vector["logit"]) < 0.1


def test_the_self_test_holds_for_the_written_graph(bundle: Path) -> None:
    _check_self_test(bundle)


def test_parity_out_of_bounds_writes_nothing(
    tiny_base: Path, ranker: PrefixRanker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(source: Path, target: Path) -> None:
        model = onnx.load(source)
        for tensor in model.graph.initializer:
            if "out.weight" in tensor.name or tensor.dims == [32, 1]:
                values = numpy_helper.to_array(tensor)
                tensor.CopyFrom(numpy_helper.from_array(-values, tensor.name))
        onnx.save(model, target)

    monkeypatch.setattr(stage, "quantize", wrong)
    with torch.no_grad():
        louder = build_ranker(str(tiny_base), ranker.state_dict())
        louder.out.weight.mul_(50)
    out = tmp_path / "never"
    with pytest.raises(ParityError):
        export_bundle(louder, ExportRequest(name="tiny", base=str(tiny_base)), out)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_bundle_passes_its_own_self_test() -> None:
    _check_self_test(SHIPPED)


def test_the_shipped_bundle_ranks_recorded_questions_as_torch_did() -> None:
    rows = [json.loads(s) for s in (FIXTURES / "logits.golden.jsonl").read_text().splitlines()]
    assert len(rows) >= 50
    engine = OnnxEngine(SHIPPED / "adapter.ort")
    encoder = TextEncoder.load(SHIPPED / "tokenizer.json")
    recorded = {}
    for path in sorted((ROOT / "examples" / "recorded").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            recorded[json.loads(line)["id"]] = json.loads(line)
    differences = []
    for row in rows[::3]:
        raw = recorded[row["id"]]
        options = list((raw["options"] or {}).items())
        past = engine.encode_prefix(encoder.prefix(raw["question"], options, raw["context"]).ids)
        for entry in row["candidates"]:
            c = raw["candidates"][entry["index"]]
            logit = engine.score(past, encoder.candidate(options, c["answer"], c["text"]).ids)
            assert abs(logit - entry["int8"]) < 0.1
            differences.append(logit - entry["torch"])
    assert float(np.sqrt(np.mean(np.square(differences)))) < 0.1


def test_recorded_rows_follow_the_recorded_candidates(
    bundle: Path, ranker: PrefixRanker, tmp_path: Path
) -> None:
    raw = {
        "id": "r1",
        "task": "yesno",
        "question": "does the drug work?",
        "options": {"yes": "yes", "no": "no"},
        "context": None,
        "gold": "yes",
        "candidates": [{"text": f"text {i}", "answer": "yes", "correct": True} for i in range(12)],
    }
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(raw) + "\n")
    encoder = TextEncoder.load(bundle / "tokenizer.json")
    (row,) = recorded_rows([path], encoder, ranker, OnnxEngine(bundle / "adapter.ort"))
    assert [c["index"] for c in row["candidates"]] == list(range(8))
    assert all(abs(c["torch"] - c["int8"]) < 0.2 for c in row["candidates"])
