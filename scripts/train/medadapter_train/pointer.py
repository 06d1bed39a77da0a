"""Channels: the small mutable objects that name the version served, moved by conditional writes.

The serial only grows, for rollbacks too, so that a reader can refuse a pointer older than the one
it has seen. Each pointer is also kept under `channels/<name>/history/<channel>/<serial>.json`.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from medadapter_train.bundle_folder import (
    MANIFEST,
    MANIFEST_SIGNATURE,
    check_name,
    check_version,
    read_manifest,
)
from medadapter_train.object_store import PreconditionFailed, Store
from medadapter_train.publish import prefix_of
from medadapter_train.service_errors import PublishError
from medadapter_train.signing import Signer, manifest_message, pointer_message, verify

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a channel says. `share` is the part of the traffic, 0 to 1; `updatedAt` is ISO, UTC."""

    adapter: str
    version: str
    serial: int
    share: float
    updated_at: str

    def to_json(self) -> dict[str, Any]:
        share: float = int(self.share) if float(self.share).is_integer() else self.share
        return {
            "schema": SCHEMA,
            "adapter": self.adapter,
            "version": self.version,
            "serial": self.serial,
            "share": share,
            "updatedAt": self.updated_at,
        }


def pointer_key(adapter: str, channel: str) -> str:
    """`channels/<name>/<channel>.json`."""
    return f"channels/{check_name(adapter)}/{check_name(channel)}.json"


def history_prefix(adapter: str, channel: str) -> str:
    """Where earlier pointers of a channel are kept."""
    return f"channels/{check_name(adapter)}/history/{check_name(channel)}/"


def parse_pointer(body: bytes) -> Pointer:
    """Raises `PublishError` bad_pointer."""
    try:
        raw = json.loads(body)
        if raw["schema"] != SCHEMA or not isinstance(raw["serial"], int):
            raise ValueError("schema or serial")
        version, share = check_version(raw["version"]), float(raw["share"])
        return Pointer(raw["adapter"], version, raw["serial"], share, raw["updatedAt"])
    except (ValueError, KeyError, TypeError):
        raise PublishError("bad_pointer", "the channel's pointer is not one of schema 1") from None


def read_pointer(store: Store, adapter: str, channel: str) -> Pointer | None:
    """What the channel says now, None where it was never set."""
    stored = store.get(pointer_key(adapter, channel))
    return None if stored is None else parse_pointer(stored.body)


def promote(
    store: Store,
    adapter: str,
    version: str,
    channel: str = "stable",
    *,
    share: float = 1.0,
    signer: Signer | None = None,
    public: Ed25519PublicKey | None = None,
) -> Pointer:
    """Point the channel at a published version, with the next serial.

    With `public` (or a signer, whose own key is then used) the version's manifest must carry a
    valid signature. Raises `PublishError`: version_missing, unsigned, bad_signature, bad_share,
    key_mismatch, pointer_moved (another publisher moved the channel meanwhile: nothing was changed
    by this call).
    """
    if not 0 < share <= 1:
        raise PublishError("bad_share", "share is over 0 and at most 1")
    check_published(store, adapter, check_version(version), signer, public)
    key = pointer_key(adapter, channel)
    stored = store.get(key)
    serial = 1 if stored is None else parse_pointer(stored.body).serial + 1
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pointer = Pointer(adapter, version, serial, share, now)
    raw = pointer.to_json()
    if signer is not None:
        raw["signature"] = signer.sign(pointer_message(adapter, channel, raw))
    body = (json.dumps(raw) + "\n").encode()
    try:
        store.put(key, body, "application/json", if_match=None if stored is None else stored.etag)
    except PreconditionFailed:
        # A retry inside the client meets its own first write: then the channel says what we wrote.
        now_there = store.get(key)
        if now_there is None or now_there.body != body:
            message = f"{channel} was moved by another publisher meanwhile; look, then run again"
            raise PublishError("pointer_moved", message) from None
    # Kept before under this serial, by a run that was cut short: the channel itself is what counts.
    with contextlib.suppress(PreconditionFailed):
        store.put(f"{history_prefix(adapter, channel)}{serial:010d}.json", body, "application/json")
    return pointer


def check_published(
    store: Store,
    adapter: str,
    version: str,
    signer: Signer | None,
    public: Ed25519PublicKey | None,
) -> None:
    """The manifest is there, is this version's, and is signed where a key is given."""
    prefix = prefix_of(check_name(adapter), version)
    manifest = store.get(prefix + MANIFEST)
    if manifest is None:
        raise PublishError("version_missing", f"{prefix} is not published")
    name, found, _files = read_manifest(manifest.body)
    if (name, found) != (adapter, version):
        raise PublishError("bad_manifest", f"{prefix} holds the manifest of another version")
    if signer is not None:
        own = Ed25519PublicKey.from_public_bytes(signer.public)
        if public is not None and own.public_bytes_raw() != public.public_bytes_raw():
            message = "the private key is not that of the public key given: readers would refuse it"
            raise PublishError("key_mismatch", message)
        public = own
    if public is not None:
        stored = store.get(prefix + MANIFEST_SIGNATURE)
        signature = None if stored is None else json.loads(stored.body)
        verify(public, manifest_message(manifest.body), signature)


def rollback(
    store: Store,
    adapter: str,
    channel: str = "stable",
    *,
    to: str | None = None,
    signer: Signer | None = None,
    public: Ed25519PublicKey | None = None,
) -> Pointer:
    """Point the channel at an older version with a newer serial: `to`, or the version before the
    present one in the channel's history.

    Raises `PublishError` no_earlier_version and those of `promote`.
    """
    now = read_pointer(store, adapter, channel)
    if now is None:
        raise PublishError("no_earlier_version", f"{channel} was never set")
    if to is None:
        to = _earlier_version(store, adapter, channel, now)
    return promote(store, adapter, to, channel, share=now.share, signer=signer, public=public)


def _earlier_version(store: Store, adapter: str, channel: str, now: Pointer) -> str:
    """The version that was served before the present one was first promoted.

    Of history [1: a, 2: b, 3: a (a rollback)] the version before the present run of `a` is `b`, but
    rolling forth again is no rollback: versions that a rollback left are skipped by going back to
    before the present version's first appearance.
    """
    versions = [
        parse_pointer(stored.body).version
        for key in store.keys(history_prefix(adapter, channel))
        if (stored := store.get(key)) is not None
    ]
    first = versions.index(now.version) if now.version in versions else len(versions)
    if first == 0:
        raise PublishError("no_earlier_version", f"{channel} has served no other version before")
    return versions[first - 1]


@dataclass(frozen=True, slots=True)
class Listing:
    """An adapter in the store. `partial` versions have no manifest and are invisible to readers."""

    adapter: str
    versions: tuple[str, ...]
    partial: tuple[str, ...]
    channels: tuple[tuple[str, Pointer], ...]


def list_adapters(store: Store, adapter: str | None = None) -> list[Listing]:
    """What is published, and where the channels point."""
    seen: dict[str, dict[str, bool]] = {}
    prefix = "adapters/" if adapter is None else f"adapters/{check_name(adapter)}/"
    for key in store.keys(prefix):
        parts = key.split("/")
        if len(parts) == 4:
            versions = seen.setdefault(parts[1], {})
            versions[parts[2]] = versions.get(parts[2], False) or parts[3] == MANIFEST
    listings = []
    for name, versions in sorted(seen.items()):
        channels = []
        for key in store.keys(f"channels/{name}/"):
            parts = key.split("/")
            if len(parts) == 3 and (stored := store.get(key)) is not None:
                channels.append((parts[2].removesuffix(".json"), parse_pointer(stored.body)))
        whole = tuple(sorted(v for v, done in versions.items() if done))
        partial = tuple(sorted(v for v, done in versions.items() if not done))
        listings.append(Listing(name, whole, partial, tuple(channels)))
    return listings
