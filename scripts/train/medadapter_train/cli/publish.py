"""Commands around the object store: publish, list, keygen; with the options that they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from medadapter_train.system.object_store import Store

Endpoint = Annotated[str, typer.Option(help="S3 endpoint URL (else MEDADAPTER_S3_ENDPOINT)")]
Bucket = Annotated[str, typer.Option(help="bucket (else MEDADAPTER_S3_BUCKET)")]
Key = Annotated[
    Path | None, typer.Option(help="Ed25519 private key, PEM (else MEDADAPTER_SIGNING_KEY_FILE)")
]
PublicKey = Annotated[
    str,
    typer.Option(help="public key, base64: refuse what it did not sign (MEDADAPTER_PUBLIC_KEY)"),
]
Channel = Annotated[str, typer.Option(help="stable, canary, shadow")]
console = Console(soft_wrap=True)


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
    from medadapter_train.publish.channels import publish_to
    from medadapter_train.publish.signing import Signer

    opened = open_bundle(bundle)
    store, signer = store_of(endpoint, bucket), Signer.from_environment(key)
    publish_to(channel, store, opened, signer, replace_partial=replace_partial, say=console.print)


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


def store_of(endpoint: str, bucket: str) -> Store:
    """The store by options, else by the environment."""
    from medadapter_train.system.object_store import Store

    return Store.from_environment(endpoint or None, bucket or None)
