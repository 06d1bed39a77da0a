"""Signatures: the bytes they cover, fixed by a golden file that the Worker's tests read too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from medadapter_train.errors import PublishError
from medadapter_train.publish.signing import (
    Signer,
    canonical_json,
    manifest_message,
    parse_public,
    pointer_message,
    verify,
    write_key_pair,
)

GOLDEN = Path(__file__).resolve().parents[4] / "test" / "fixtures" / "signature.golden.json"


def test_the_golden_signatures_are_made_and_verified() -> None:
    """Ed25519 is deterministic: the same key and bytes give the same signature (RFC 8032)."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    public = parse_public(golden["publicKey"])
    manifest = manifest_message(golden["manifest"]["text"].encode())
    assert signer.sign(manifest) == golden["manifest"]["signature"]
    verify(public, manifest, golden["manifest"]["signature"])
    for entry in golden["pointers"]:
        message = pointer_message(entry["adapter"], entry["channel"], entry["pointer"])
        assert message.decode() == entry["message"]
        assert signer.sign(message) == entry["pointer"]["signature"]
        verify(public, message, entry["pointer"]["signature"])


def test_no_signature_and_a_malformed_one_are_told_apart() -> None:
    public = parse_public(json.loads(GOLDEN.read_text(encoding="utf-8"))["publicKey"])
    for signature, kind in ((None, "unsigned"), ({"value": "AAAA"}, "bad_signature")):
        with pytest.raises(PublishError) as caught:
            verify(public, b"", signature)
        assert caught.value.kind == kind


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\n"])
def test_an_unusable_key_is_a_named_failure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(PublishError) as caught:
        Signer.load(tmp_path / "key.pem")
    assert caught.value.kind == "key_unusable"


def test_a_private_key_is_never_overwritten(tmp_path: Path) -> None:
    write_key_pair(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(PublishError) as caught:
        write_key_pair(tmp_path / "key.pem")
    assert caught.value.kind == "key_exists"


def test_canonical_json_is_what_javascript_writes() -> None:
    value = {"b": 1.0, "a": [0.5, "\u00e9\n", None, True], "c": {"z": 1, "y": 2}}
    expected = '{"a":[0.5,"\u00e9\\n",null,true],"b":1,"c":{"y":2,"z":1}}'
    assert canonical_json(value) == expected.encode()
    with pytest.raises(ValueError, match="notation"):
        canonical_json({"tiny": 1e-9})
