"""Ed25519 signatures of manifest and pointer (RFC 8032), and the exact bytes they cover.

The Worker verifies the same bytes with WebCrypto; `docs/publishing.md` and the golden file
`test/fixtures/signature.golden.json` fix them. Each message starts with a line of its own kind, so
that a signature of one kind of object never passes for another.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from medadapter_train.errors import PublishError

#: Environment variables beside those of the store (`object_store.py`).
KEY_VARIABLE = "MEDADAPTER_SIGNING_KEY_FILE"
PUBLIC_KEY_VARIABLE = "MEDADAPTER_PUBLIC_KEY"

_MANIFEST_KIND = "medadapter-manifest-v1"
_POINTER_KIND = "medadapter-pointer-v1"


def canonical_json(value: Any) -> bytes:
    """RFC 8785 for what pointers hold: ASCII keys sorted, no spaces, UTF-8, numbers as JavaScript
    writes them. Raises `ValueError` for what it cannot write the same as JavaScript would."""
    return json.dumps(
        _plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if not all(isinstance(k, str) and k.isascii() for k in value):
            raise ValueError("keys must be ASCII texts")
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
            value = int(value)
        if isinstance(value, int):
            if abs(value) > 2**53:
                raise ValueError("an integer over 2^53")
            return value
        if not 1e-4 <= abs(value) < 1e16:
            raise ValueError("a number whose notation differs between languages")
        return value
    raise ValueError("not JSON")


def manifest_message(manifest: bytes) -> bytes:
    """What a manifest's signature covers: the kind's line, then the file's raw bytes."""
    return f"{_MANIFEST_KIND}\n".encode() + manifest


def pointer_message(adapter: str, channel: str, pointer: dict[str, Any]) -> bytes:
    """What a pointer's signature covers: kind and channel, each a line, then its canonical JSON
    without the member `signature`. The channel is covered so that a canary's pointer cannot be
    replayed as the stable one."""
    body = {k: v for k, v in pointer.items() if k != "signature"}
    return f"{_POINTER_KIND}\n{adapter}/{channel}\n".encode() + canonical_json(body)


class Signer:
    """Signs with a private key. `key_id` is the first 16 hex digits of the public key's SHA-256."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = raw_public(key.public_key())
        self.key_id = hashlib.sha256(self.public).hexdigest()[:16]

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a private key: PKCS#8 PEM without password. Raises `PublishError` key_unusable."""
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            raise PublishError("key_unusable", f"{path.name}: not a readable PEM key") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise PublishError("key_unusable", f"{path.name}: not an Ed25519 key")
        return cls(key)

    @classmethod
    def from_environment(cls, named: Path | None = None) -> Signer | None:
        """With the key file `named`, or else the environment's; None without either."""
        file = named or os.environ.get(KEY_VARIABLE)
        return cls.load(Path(file)) if file else None

    def sign(self, message: bytes) -> dict[str, str]:
        """The signature object: `{"alg": "Ed25519", "key": key id, "value": base64}`."""
        value = base64.b64encode(self._key.sign(message)).decode()
        return {"alg": "Ed25519", "key": self.key_id, "value": value}


def raw_public(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key, as WebCrypto's `importKey("raw", ...)` takes them."""
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return key.public_bytes(*raw)


def parse_public(text: str) -> Ed25519PublicKey:
    """A public key from base64 of its 32 bytes. Raises `PublishError` key_unusable."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except ValueError:
        raise PublishError("key_unusable", "the public key is not base64 of 32 bytes") from None


def public_from_environment(text: str = "") -> Ed25519PublicKey | None:
    """The public key of base64 `text`, else of the environment; None without either."""
    named = text or os.environ.get(PUBLIC_KEY_VARIABLE, "")
    return parse_public(named) if named else None


def verify(public: Ed25519PublicKey, message: bytes, signature: object) -> None:
    """Raise `PublishError` unsigned (no signature object) or bad_signature."""
    if not isinstance(signature, dict) or not isinstance(signature.get("value"), str):
        raise PublishError("unsigned", "there is no signature")
    if not re.fullmatch(r"[A-Za-z0-9+/]{86}==", signature["value"]):
        raise PublishError("bad_signature", "the signature is not base64 of 64 bytes")
    try:
        public.verify(base64.b64decode(signature["value"]), message)
    except InvalidSignature:
        raise PublishError("bad_signature", "the signature does not fit") from None


def write_key_pair(private: Path) -> str:
    """Make a new key, write it to `private` (mode 600, never over an existing file), and return the
    public key in base64. Raises `PublishError` key_exists."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        private.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise PublishError("key_exists", f"{private.name}: there already") from None
    private.write_bytes(pem)
    return base64.b64encode(raw_public(key.public_key())).decode()
