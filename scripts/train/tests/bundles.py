"""Small bundles and a real S3 server (moto's, over HTTP) for the tests of publishing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from medadapter_train.publish.signing import Signer, write_key_pair

BUCKET = "medadapter"


SHIPPED = Path(__file__).parents[3] / "models" / "mini" / "manifest.json"


def a_manifest(**changes: Any) -> dict[str, Any]:
    """The shipped adapter's manifest with other values in some fields; what is None goes."""
    gone = {name for name, value in changes.items() if value is None}
    whole = {**json.loads(SHIPPED.read_text()), **changes}
    return {name: value for name, value in whole.items() if name not in gone}


def make_bundle(folder: Path, version: str = "1.0.0", weights: bytes = b"weights") -> Path:
    """A bundle whose files are as small as publishing needs them."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "adapter.ort": ("onnx", weights),
        "tokenizer.json": ("tokenizer", b"{}"),
        "README.md": ("card", b"# mini\n"),
    }
    files = []
    for path, (role, body) in contents.items():
        (folder / path).write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        files.append({"path": path, "role": role, "bytes": len(body), "sha256": digest})
    manifest = a_manifest(version=version, files=files)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def signer_at(path: Path) -> Signer:
    """A new key at `path`."""
    write_key_pair(path)
    return Signer.load(path)
