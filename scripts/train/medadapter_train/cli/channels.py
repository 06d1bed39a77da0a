"""Commands that move a channel: promote, end, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from medadapter_train.cli.publish import (
    Bucket,
    Channel,
    Endpoint,
    Key,
    PublicKey,
    console,
    store_of,
)
from medadapter_train.errors import PublishError
from medadapter_train.publish.pointer import Bounds

if TYPE_CHECKING:
    from medadapter_train.system.object_store import Store

_BOUNDS = Bounds()


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(promote)
    app.command()(end)
    app.command()(rollback)


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
    from medadapter_train.publish.channels import end as finish
    from medadapter_train.publish.channels import promote as move
    from medadapter_train.publish.signing import Signer, public_from_environment

    store, signer = store_of(endpoint, bucket), Signer.from_environment(key)
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
        public=public_from_environment(public_key),
    )
    console.print(pointer.told(channel))
    if source:
        # If we are killed before this, canary still names stable's version. The Worker then ignores
        # it.
        console.print(finish(store, adapter, source, signer=signer).told(source))


def end(
    adapter: Annotated[str, typer.Argument()],
    channel: Annotated[str, typer.Option(help="canary, shadow")],
    endpoint: Endpoint = "",
    bucket: Bucket = "",
    key: Key = None,
) -> None:
    """End a canary or a shadow: its pointer names no version any more."""
    from medadapter_train.publish.channels import end as finish
    from medadapter_train.publish.signing import Signer

    signer = Signer.from_environment(key)
    ended = finish(store_of(endpoint, bucket), adapter, channel, signer=signer)
    console.print(ended.told(channel))


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
    from medadapter_train.publish.channels import rollback as move_back
    from medadapter_train.publish.signing import Signer, public_from_environment

    pointer = move_back(
        store_of(endpoint, bucket),
        adapter,
        channel,
        to=to or None,
        signer=Signer.from_environment(key),
        public=public_from_environment(public_key),
    )
    console.print(pointer.told(channel))


def _version(store: Store, adapter: str, version: str, source: str, channel: str) -> str:
    """The version named, or that of the channel `source`."""
    from medadapter_train.publish.pointer import read_pointer

    if bool(version) == bool(source) or source == channel:
        raise PublishError("bad_version", "name a version, or with --from another channel")
    if version:
        return version
    pointer = read_pointer(store, adapter, source)
    if pointer is None or pointer.version is None:
        raise PublishError("version_missing", f"{source} names no version")
    return pointer.version
