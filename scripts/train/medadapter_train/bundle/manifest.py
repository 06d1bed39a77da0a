"""A bundle's folder and manifest, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from transformers import BertConfig

from medadapter_train.bundle.schema import faulty_field
from medadapter_train.errors import ModelError
from medadapter_train.model.template import NO_ANSWER, TEMPLATE_ID, Budget
from medadapter_train.system.files import write_atomic

ROLES = {
    "adapter.ort": "onnx",
    "tokenizer.json": "tokenizer",
    "README.md": "card",
    "encoder.bin": "simd",
}


def file_entries(folder: Path) -> list[dict[str, Any]]:
    """Path, role, size and SHA-256 of every file that a bundle may hold and this one does."""
    return [
        {
            "path": name,
            "role": role,
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name, role in ROLES.items()
        if (folder / name).is_file()
    ]


def base_entry(config: BertConfig, model: str, source: str, licence: str) -> dict[str, Any]:
    """The manifest's `base`."""
    return {
        "model": model,
        "source": source,
        "licence": licence,
        "architecture": "bert",
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "intermediate": config.intermediate_size,
        "maxPositions": config.max_position_embeddings,
        "vocabulary": config.vocab_size,
        "layerNormEps": config.layer_norm_eps,
    }


def contract_entries(budget: Budget) -> dict[str, Any]:
    """The fields that say how texts become tokens and tensors."""
    return {
        "attention": "prefix",
        "template": {"id": TEMPLATE_ID, "noAnswer": NO_ANSWER},
        "budget": {
            "maxTokens": budget.max_tokens,
            "prefixTokens": budget.prefix_tokens,
            "candidateTokens": budget.candidate_tokens,
            "answerTokens": budget.answer_tokens,
        },
        "truncation": {"context": "middle", "candidate": "middle"},
        "pooling": "first",
        "tensors": {
            "ids": "ids",
            "typeIds": "type_ids",
            "past": "past",
            "score": "score",
            "present": "present",
        },
    }


def read_manifest(folder: Path, *, new_card: bool = False) -> dict[str, Any]:
    """Read a bundle's manifest and check its files. With `new_card` the card is not checked,
    because the caller writes it anew: a process that was killed between card and manifest can be
    resumed. Raises `ModelError` bundle_missing, bundle_damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise ModelError("bundle_missing", f"{folder.name}: no manifest.json")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ModelError("bundle_damaged", "manifest.json: not JSON") from None
    if not isinstance(raw, dict) or raw.get("schema") != 1:
        raise ModelError("bundle_damaged", "manifest.json: unknown schema")
    if (field := faulty_field(raw)) is not None:
        raise ModelError("bundle_damaged", f"manifest.json: field {field} is none the Worker reads")
    for entry in raw["files"]:
        file = folder / entry["path"]
        if new_card and entry["role"] == "card":
            continue
        if not file.is_file() or (hashlib.sha256(file.read_bytes()).hexdigest() != entry["sha256"]):
            raise ModelError("bundle_damaged", f"{entry['path']}: missing or altered")
    return raw


def write_card(folder: Path, card: str) -> None:
    """Write `README.md`, by rename: never half of it."""
    write_atomic(folder / "README.md", [card.encode()])


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `manifest.json` with fresh file entries, by rename: never half of it.

    Raises `ModelError` bad_manifest for one that the Worker would refuse.
    """
    whole = {**manifest, "files": file_entries(folder)}
    if (field := faulty_field(whole)) is not None:
        raise ModelError("bad_manifest", f"manifest.json: field {field} is none the Worker reads")
    text = json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False)
    write_atomic(folder / "manifest.json", [f"{text}\n".encode()])
