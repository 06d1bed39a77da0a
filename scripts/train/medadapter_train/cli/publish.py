"""Commands around the object store: publish, list, keygen; with the options and keys they share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from medadapter_train.publish.pointer import Pointer
    from medadapter_train.publish.signing import Signer
    from medadapter_train.system.object_store import Store


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(publish)
    app.command("list")(list_command)
    app.command()(keygen)


def publish(
    bundle: Annotated[Path, typer.Argument(help="folder of the bundle")],
    endpoint: Endpoint = "",
    bucket: Bucket = "",
    key: Key = None,
    channel: Annotated[str, typer.Option(help="also promote it to this channel")] = "",
    replace_partial: Annotated[
        bool, typer.Option(help="remove what another, unfinished upload of the version left")
    ] = False,
) -> None:
    """Upload a bundle: files first, manifest last; nothing is visible until it is whole."""
    from medadapter_train.bundle.folder import open_bundle
    from medadapter_train.publish.channels import promote as move
    from medadapter_train.publish.publish import publish as upload

    opened = open_bundle(bundle)
    store, signer = store_of(endpoint, bucket), signer_of(key)
    done = upload(store, opened, signer, replace_partial=replace_partial, progress=console.print)
    state = "published" if done.new else "was published already"
    console.print(f"{done.prefix} {state} ({done.uploaded} uploaded, {done.kept} kept)")
    if channel:
        show(channel, move(store, opened.name, opened.version, channel, signer=signer))


def list_command(
    adapter: Annotated[str, typer.Argument(help="one adapter; default: all")] = "",
    endpoint: Endpoint = "",
    bucket: Bucket = "",
) -> None:
    """Show versions and channels."""
    from medadapter_train.publish.listing import list_adapters

    table = Table("adapter", "version", "state", "channels")
    for listing in list_adapters(store_of(endpoint, bucket), adapter or None):
        for version in sorted((*listing.versions, *listing.partial)):
            state = "published" if version in listing.versions else "unfinished"
            channels = [
                f"{name} (serial {pointer.serial}, share {pointer.share:g})"
                for name, pointer in listing.channels
                if pointer.version == version
            ]
            table.add_row(listing.adapter, version, state, ", ".join(channels))
    console.print(table)


def keygen(
    private: Annotated[Path, typer.Argument(help="file for the private key; must not exist")],
) -> None:
    """Make an Ed25519 key pair; prints the public key that a Worker is given."""
    from medadapter_train.publish.signing import write_key_pair

    # Not by rich: the key must come out unwrapped, for a shell to read.
    print(write_key_pair(private))


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
    from medadapter_train.system.object_store import Store

    return Store.from_environment(endpoint or None, bucket or None)


def signer_of(key: Path | None) -> Signer | None:
    """The private key named, if any."""
    from medadapter_train.publish.signing import Signer

    named = key or os.environ.get(KEY_VARIABLE)
    return Signer.load(Path(named)) if named else None


def public_of(text: str) -> Ed25519PublicKey | None:
    """The public key named, if any."""
    from medadapter_train.publish.signing import parse_public

    named = text or os.environ.get(PUBLIC_KEY_VARIABLE, "")
    return parse_public(named) if named else None
