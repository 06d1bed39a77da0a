"""What the commands around the object store share: their options, the store, the keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from medadapter_train.object_store import Store
    from medadapter_train.pointer import Pointer
    from medadapter_train.signing import Signer

#: Environment variables beside those of the store (`object_store.py`).
KEY_VARIABLE = "MEDADAPTER_SIGNING_KEY_FILE"
PUBLIC_KEY_VARIABLE = "MEDADAPTER_PUBLIC_KEY"

Endpoint = Annotated[str, typer.Option(help="S3 endpoint URL (else MEDADAPTER_S3_ENDPOINT)")]
Bucket = Annotated[str, typer.Option(help="bucket (else MEDADAPTER_S3_BUCKET)")]
Key = Annotated[
    Path | None, typer.Option(help=f"Ed25519 private key, PEM: sign with it (else {KEY_VARIABLE})")
]
PublicKey = Annotated[
    str,
    typer.Option(help=f"public key, base64: refuse what it did not sign ({PUBLIC_KEY_VARIABLE})"),
]
Channel = Annotated[str, typer.Option(help="stable, canary, shadow")]

console = Console(soft_wrap=True)


def show(channel: str, pointer: Pointer) -> None:
    """Print where the channel points."""
    version = pointer.version or "none"
    console.print(f"{pointer.adapter} {channel} -> {version}, serial {pointer.serial}")


def store_of(endpoint: str, bucket: str) -> Store:
    """The store by options, else by the environment."""
    from medadapter_train.object_store import Store

    return Store.from_environment(endpoint or None, bucket or None)


def signer_of(key: Path | None) -> Signer | None:
    """The private key named, if any."""
    from medadapter_train.signing import Signer

    named = key or os.environ.get(KEY_VARIABLE)
    return Signer.load(Path(named)) if named else None


def public_of(text: str) -> Ed25519PublicKey | None:
    """The public key named, if any."""
    from medadapter_train.signing import parse_public

    named = text or os.environ.get(PUBLIC_KEY_VARIABLE, "")
    return parse_public(named) if named else None
