"""Commands around the object store: publish, promote, end, rollback, list, keygen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from medadapter_train.bounds import Bounds
from medadapter_train.service_errors import PublishError

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
_BOUNDS = Bounds()


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(publish)
    app.command()(promote)
    app.command()(end)
    app.command()(rollback)
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
    store, signer = _store(endpoint, bucket), _signer(key)
    done = upload(store, opened, signer, replace_partial=replace_partial, progress=console.print)
    state = "published" if done.new else "was published already"
    console.print(f"{done.prefix} {state} ({done.uploaded} uploaded, {done.kept} kept)")
    if channel:
        _show(channel, move(store, opened.name, opened.version, channel, signer=signer))


def promote(
    adapter: Annotated[str, typer.Argument()],
    version: Annotated[str, typer.Argument(help="a version, or with --from none")] = "",
    channel: Channel = "stable",
    source: Annotated[
        str, typer.Option("--from", help="the version of this channel (canary), which then ends")
    ] = "",
    share: Annotated[
        float | None,
        typer.Option(
            help="part of the traffic (canary: 0.05), of the answers compared (shadow: 0.1)"
        ),
    ] = None,
    sticky: Annotated[
        str, typer.Option(help="canary: what decides who is of the share: request, tenant")
    ] = "request",
    min_requests: Annotated[
        int, typer.Option(help="canary: requests behind a rate before it is judged")
    ] = _BOUNDS.min_requests,
    max_failure_rate: Annotated[
        float, typer.Option(help="canary: requests that it could not score")
    ] = _BOUNDS.max_failure_rate,
    max_abstention_difference: Annotated[
        float, typer.Option(help="canary: between the shares of answers withheld by it and stable")
    ] = _BOUNDS.max_abstention_difference,
    min_agreement: Annotated[
        float, typer.Option(help="canary: same choices, of the answers that stable scored too")
    ] = _BOUNDS.min_agreement,
    compare_share: Annotated[
        float, typer.Option(help="canary: part of its answers that stable scores too")
    ] = _BOUNDS.compare_share,
    endpoint: Endpoint = "",
    bucket: Bucket = "",
    key: Key = None,
    public_key: PublicKey = "",
) -> None:
    """Point a channel at a published version."""
    from medadapter_train.channels import end as finish
    from medadapter_train.channels import promote as move

    store, signer = _store(endpoint, bucket), _signer(key)
    rates = (max_failure_rate, max_abstention_difference, min_agreement, compare_share)
    pointer = move(
        store,
        adapter,
        _version(store, adapter, version, source, channel),
        channel,
        share=share,
        sticky=sticky,
        bounds=Bounds(min_requests, *rates),
        signer=signer,
        public=_public(public_key),
    )
    _show(channel, pointer)
    if source:
        # Cut short before this, the channel names what stable serves: the Worker takes it for none.
        _show(source, finish(store, adapter, source, signer=signer))


def end(
    adapter: Annotated[str, typer.Argument()],
    channel: Annotated[str, typer.Option(help="canary, shadow")],
    endpoint: Endpoint = "",
    bucket: Bucket = "",
    key: Key = None,
) -> None:
    """End a canary or a shadow: its pointer names no version any more."""
    from medadapter_train.channels import end as finish

    _show(channel, finish(_store(endpoint, bucket), adapter, channel, signer=_signer(key)))


def rollback(
    adapter: Annotated[str, typer.Argument()],
    channel: Channel = "stable",
    to: Annotated[str, typer.Option(help="version; default: the one served before")] = "",
    endpoint: Endpoint = "",
    bucket: Bucket = "",
    key: Key = None,
    public_key: PublicKey = "",
) -> None:
    """Point a channel at an older version; the serial grows all the same."""
    from medadapter_train.channels import rollback as move_back

    pointer = move_back(
        _store(endpoint, bucket),
        adapter,
        channel,
        to=to or None,
        signer=_signer(key),
        public=_public(public_key),
    )
    _show(channel, pointer)


def list_command(
    adapter: Annotated[str, typer.Argument(help="one adapter; default: all")] = "",
    endpoint: Endpoint = "",
    bucket: Bucket = "",
) -> None:
    """Show versions and channels."""
    from medadapter_train.listing import list_adapters

    table = Table("adapter", "version", "state", "channels")
    for listing in list_adapters(_store(endpoint, bucket), adapter or None):
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


def _show(channel: str, pointer: Pointer) -> None:
    version = pointer.version or "none"
    console.print(f"{pointer.adapter} {channel} -> {version}, serial {pointer.serial}")


def _version(store: Store, adapter: str, version: str, source: str, channel: str) -> str:
    """The version named, or that of the channel `source`."""
    from medadapter_train.pointer import read_pointer

    if bool(version) == bool(source) or source == channel:
        raise PublishError("bad_version", "name a version, or with --from another channel")
    if version:
        return version
    pointer = read_pointer(store, adapter, source)
    if pointer is None or pointer.version is None:
        raise PublishError("version_missing", f"{source} names no version")
    return pointer.version


def _store(endpoint: str, bucket: str) -> Store:
    from medadapter_train.object_store import Store

    return Store.from_environment(endpoint or None, bucket or None)


def _signer(key: Path | None) -> Signer | None:
    from medadapter_train.signing import Signer

    named = key or os.environ.get(KEY_VARIABLE)
    return Signer.load(Path(named)) if named else None


def _public(text: str) -> Ed25519PublicKey | None:
    from medadapter_train.signing import parse_public

    named = text or os.environ.get(PUBLIC_KEY_VARIABLE, "")
    return parse_public(named) if named else None
