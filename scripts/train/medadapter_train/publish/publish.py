"""Uploads a bundle so that it appears whole or not at all: files first, signature, manifest last.

A version without a manifest does not exist for any reader. Every write is a create-only write
(If-None-Match: *); what an interrupted run left is checked and kept, and the run goes on from
there. Another publisher may remove what it takes for leftovers. So all files are read once more
just before the manifest is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from medadapter_train.bundle.folder import MANIFEST, MANIFEST_SIGNATURE, Bundle
from medadapter_train.errors import PublishError
from medadapter_train.publish.signing import Signer, canonical_json, manifest_message
from medadapter_train.system.object_store import PreconditionFailed, Store

_TYPES = {".json": "application/json", ".md": "text/markdown; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did. `uploaded` and `kept` count objects; `new` is False for a repeat."""

    prefix: str
    uploaded: int
    kept: int
    new: bool


def prefix_of(name: str, version: str) -> str:
    """Where a version lives: `adapters/<name>/<version>/`."""
    return f"adapters/{name}/{version}/"


def publish(
    store: Store,
    bundle: Bundle,
    signer: Signer | None = None,
    *,
    replace_partial: bool = False,
    progress: Callable[[str], None] = lambda _path: None,
) -> Published:
    """Upload a verified bundle; repeat after an interruption as often as needed.

    `replace_partial` first removes what another, unfinished upload left under the version. Raises
    `PublishError`: version_exists (the version is published with another content), partial_differs
    (another upload left files, or replaced ours meanwhile), hash_mismatch (what came back is not
    what was sent; it was removed), and those of `Store`.
    """
    prefix = prefix_of(bundle.name, bundle.version)
    present = store.get(prefix + MANIFEST)
    if present is not None and present.body != bundle.manifest:
        raise PublishError("version_exists", f"{prefix} is published with another content")
    if present is None and replace_partial:
        _remove(store, prefix)
    uploaded = kept = 0
    for file in bundle.files:
        body = (bundle.folder / file.path).read_bytes()
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise PublishError("hash_mismatch", f"{file.path}: changed while it was published")
        if _create(store, prefix + file.path, body):
            uploaded += 1
        else:
            kept += 1
        progress(file.path)
    wanted = {prefix + file.path: file.sha256 for file in bundle.files}
    if signer is not None:
        signature = canonical_json(signer.sign(manifest_message(bundle.manifest))) + b"\n"
        _create(store, prefix + MANIFEST_SIGNATURE, signature)
        wanted[prefix + MANIFEST_SIGNATURE] = hashlib.sha256(signature).hexdigest()
    if present is None:
        _check(store, wanted)
    try:
        new = _create(store, prefix + MANIFEST, bundle.manifest)
    except PublishError as error:
        if error.kind == "partial_differs":
            message = f"{prefix}: another publisher was first, with another content"
            raise PublishError("version_exists", message) from None
        raise
    return Published(prefix, uploaded, kept, new)


def _remove(store: Store, prefix: str) -> None:
    """The files of an unfinished upload. Raises `PublishError` version_exists: it is finished."""
    keys = list(store.keys(prefix))
    if prefix + MANIFEST in keys:
        raise PublishError("version_exists", f"{prefix} is published, a moment ago")
    for key in keys:
        store.delete(key)


def _check(store: Store, wanted: Mapping[str, str]) -> None:
    """Every object still has its SHA-256. Raises `PublishError` partial_differs."""
    for key, sha256 in wanted.items():
        stored = store.get(key)
        if stored is None or hashlib.sha256(stored.body).hexdigest() != sha256:
            message = f"{key}: another publisher has removed or replaced it meanwhile; no manifest"
            raise PublishError("partial_differs", f"{message} was written")


def _create(store: Store, key: str, body: bytes) -> bool:
    """Upload and read back. False when the same bytes were there before."""
    digest = hashlib.sha256(body).hexdigest()
    created = True
    suffix = key[key.rfind(".") :]
    try:
        store.put(key, body, _TYPES.get(suffix, "application/octet-stream"))
    except PreconditionFailed:
        created = False
    stored = store.get(key)
    if stored is not None and hashlib.sha256(stored.body).hexdigest() == digest:
        return created
    if not created:
        message = f"{key} is there with another content and no manifest; see --replace-partial"
        raise PublishError("partial_differs", message)
    store.delete(key)
    raise PublishError("hash_mismatch", f"{key}: what came back is not what was sent; removed")
