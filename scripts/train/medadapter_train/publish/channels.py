"""Moves a channel by conditional writes: of two publishers at once, one fails with an error and
changes nothing.

The serial only grows, for rollbacks and ends too. Each pointer is also kept under
`channels/<name>/history/<channel>/<serial>.json`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from medadapter_train.bundle.folder import (
    MANIFEST,
    MANIFEST_SIGNATURE,
    Bundle,
    check_name,
    check_version,
    read_manifest,
)
from medadapter_train.errors import PublishError
from medadapter_train.publish.pointer import (
    STICKY,
    Bounds,
    Pointer,
    history_prefix,
    parse_pointer,
    pointer_key,
    read_pointer,
)
from medadapter_train.publish.publish import prefix_of, publish
from medadapter_train.publish.signing import Signer, manifest_message, pointer_message, verify
from medadapter_train.system.object_store import PreconditionFailed, Store, Stored

#: The channels, and the share that each has where none is given.
SHARES = {"stable": 1.0, "canary": 0.05, "shadow": 0.1}


def promote(
    store: Store,
    adapter: str,
    version: str,
    channel: str = "stable",
    *,
    share: float | None = None,
    sticky: str = "request",
    bounds: Bounds | None = None,
    signer: Signer | None = None,
    public: Ed25519PublicKey | None = None,
) -> Pointer:
    """Point the channel at a published version, with the next serial.

    `share` is by default that of `SHARES`; `sticky` and `bounds` are a canary's (`Bounds()`). With
    `public` (or a signer, whose own key is then used) the version's manifest must carry a valid
    signature. Raises `PublishError`: version_missing, unsigned, bad_signature, bad_channel,
    bad_share, bad_sticky, bad_bounds, key_mismatch, pointer_moved (another publisher moved the
    channel meanwhile: nothing was changed by this call).
    """
    if channel not in SHARES:
        raise PublishError("bad_channel", f"a channel is one of {', '.join(SHARES)}")
    if share is None:
        share = SHARES[channel]
    if not 1e-4 <= share <= 1:
        raise PublishError("bad_share", "share is 0.0001 to 1")
    if channel == "stable" and share != 1:
        raise PublishError("bad_share", "stable takes all that the canary does not")
    if sticky not in STICKY:
        raise PublishError("bad_sticky", f"sticky is one of {', '.join(STICKY)}")
    check_published(store, adapter, check_version(version), signer, public)
    canary = (sticky, (bounds or Bounds()).check()) if channel == "canary" else (None, None)
    return _move(store, adapter, channel, version, share, *canary, signer=signer)


def publish_to(
    channel: str,
    store: Store,
    bundle: Bundle,
    signer: Signer | None = None,
    *,
    replace_partial: bool = False,
    say: Callable[[str], None],
) -> None:
    """Publish a verified bundle, and point the channel at it (`""`: none). Tells of each in a line.

    Raises what `publish` and `promote` raise.
    """
    done = publish(store, bundle, signer, replace_partial=replace_partial, progress=say)
    state = "published" if done.new else "was published already"
    say(f"{done.prefix} {state} ({done.uploaded} uploaded, {done.kept} kept)")
    if channel:
        say(promote(store, bundle.name, bundle.version, channel, signer=signer).told(channel))


def end(store: Store, adapter: str, channel: str, *, signer: Signer | None = None) -> Pointer:
    """End a canary or a shadow: a pointer that names no version, so that the serial goes on.

    Raises `PublishError` bad_channel (`stable` never ends), nothing_to_end, pointer_moved.
    """
    if channel not in SHARES or channel == "stable":
        raise PublishError("bad_channel", "only canary and shadow can end")
    now = read_pointer(store, adapter, channel)
    if now is None or now.version is None:
        raise PublishError("nothing_to_end", f"{channel} names no version")
    return _move(store, adapter, channel, None, 0, None, None, signer=signer)


def _move(
    store: Store,
    adapter: str,
    channel: str,
    version: str | None,
    share: float,
    sticky: str | None,
    bounds: Bounds | None,
    *,
    signer: Signer | None,
) -> Pointer:
    """Write the pointer with the next serial, unless another publisher does so meanwhile."""
    key = pointer_key(adapter, channel)
    stored = store.get(key)
    # A deleted channel must not restart its serial: readers refuse a serial below one they have
    # seen.
    serials = [0 if stored is None else parse_pointer(stored.body).serial]
    if stored is None:
        serials += [parse_pointer(past.body).serial for past in _history(store, adapter, channel)]
    serial = max(serials) + 1
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pointer = Pointer(adapter, version, serial, share, now, sticky, bounds)
    raw = pointer.to_json()
    if signer is not None:
        raw["signature"] = signer.sign(pointer_message(adapter, channel, raw))
    body = (json.dumps(raw) + "\n").encode()
    try:
        store.put(key, body, "application/json", if_match=None if stored is None else stored.etag)
    except PreconditionFailed:
        # A retry inside the client can meet its own first write. Then the channel holds what we
        # wrote.
        now_there = store.get(key)
        if now_there is None or now_there.body != body:
            message = f"{channel} was moved by another publisher meanwhile; look, then run again"
            raise PublishError("pointer_moved", message) from None
    # An interrupted run kept it under this serial already. Only the channel itself counts.
    with contextlib.suppress(PreconditionFailed):
        store.put(f"{history_prefix(adapter, channel)}{serial:010d}.json", body, "application/json")
    return pointer


def _history(store: Store, adapter: str, channel: str) -> list[Stored]:
    """Every pointer that the channel has had, oldest first."""
    keys = store.keys(history_prefix(adapter, channel))
    return [stored for key in keys if (stored := store.get(key)) is not None]


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
    if now.version is None:
        raise PublishError("no_earlier_version", f"{channel} has ended: promote a version to it")
    if to is None:
        to = _earlier_version(store, adapter, channel, now)
    return promote(
        store,
        adapter,
        to,
        channel,
        # Older tools took a share for stable too, where it has no meaning.
        share=1 if channel == "stable" else now.share,
        sticky=now.sticky or STICKY[0],
        bounds=now.bounds,
        signer=signer,
        public=public,
    )


def _earlier_version(store: Store, adapter: str, channel: str, now: Pointer) -> str:
    """The version that was served before the present one was first promoted.

    In the history [1: a, 2: b, 3: a (a rollback)] the version before the present run of `a` is `b`.
    But going to `b` again would be no rollback. So we go back to before the present version's first
    appearance, which skips versions that a rollback left.
    """
    pointers = [parse_pointer(stored.body) for stored in _history(store, adapter, channel)]
    versions = [pointer.version for pointer in pointers if pointer.version is not None]
    first = versions.index(now.version) if now.version in versions else len(versions)
    if first == 0:
        raise PublishError("no_earlier_version", f"{channel} has served no other version before")
    return versions[first - 1]
