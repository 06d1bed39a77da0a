"""Commands around the object store: publish, list, keygen. For channels: cli_channels.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from medadapter_train.cli_store import (
    Bucket,
    Endpoint,
    Key,
    console,
    show,
    signer_of,
    store_of,
)


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
    from medadapter_train.bundle_folder import open_bundle
    from medadapter_train.channels import promote as move
    from medadapter_train.publish import publish as upload

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
    from medadapter_train.listing import list_adapters

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
    from medadapter_train.signing import write_key_pair

    # Not by rich: the key must come out unwrapped, for a shell to read.
    print(write_key_pair(private))
