"""A bundle on the local disk: read and verified before a byte of it is uploaded."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from medadapter_train.bundle.schema import faulty_field
from medadapter_train.core import ask
from medadapter_train.errors import PublishError

MANIFEST = "manifest.json"
MANIFEST_SIGNATURE = "manifest.sig.json"
SCHEMA = 1
#: Of the name of a fitted plan in the store; no adapter's name has a dot.
PLAN_PREFIX = "plan."
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_REQUIRED_ROLES = frozenset({"onnx", "tokenizer", "card"})


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file that the manifest lists. `sha256` is lower-case hex."""

    path: str
    role: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle: every listed file was there with the size and hash listed."""

    folder: Path
    name: str
    version: str
    manifest: bytes
    files: tuple[BundleFile, ...]


def check_name(name: str) -> str:
    """The adapter or channel name itself. Raises `PublishError` bad_name."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise PublishError("bad_name", "names are lower-case letters, digits, dots, - and _")
    return name


def check_version(version: str) -> str:
    """The version itself. Raises `PublishError` bad_version."""
    if not _VERSION.fullmatch(version) or ".." in version:
        raise PublishError("bad_version", "a version is letters, digits, dots, - and _")
    return version


def read_manifest(data: bytes) -> tuple[str, str, tuple[BundleFile, ...]]:
    """Name, version and files of a manifest. Raises `PublishError` bad_manifest.

    A manifest that names a remote engine (`engine`) needs no files: texts are sent there. A fitted
    plan (`plan.NAME`) has none, and is checked by the service's own reader.
    """
    try:
        raw = json.loads(data)
    except ValueError:
        raise PublishError("bad_manifest", "the manifest is not JSON") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise PublishError("bad_manifest", f"the manifest's schema is not {SCHEMA}")
    is_plan = str(raw.get("name", "")).startswith(PLAN_PREFIX)
    if (field := faulty_plan_field(data) if is_plan else faulty_field(raw)) is not None:
        raise PublishError("bad_manifest", f"the manifest's field {field}: no Worker would read it")
    if is_plan:
        return check_name(raw["name"]), check_version(raw["version"]), ()
    files = tuple(BundleFile(**entry) for entry in raw["files"])
    paths = {file.path for file in files}
    if len(paths) != len(files) or paths & {MANIFEST, MANIFEST_SIGNATURE}:
        raise PublishError("bad_manifest", "a file is listed twice, or is the manifest itself")
    needed = frozenset() if "engine" in raw else _REQUIRED_ROLES
    missing = sorted(needed - {file.role for file in files})
    if missing:
        raise PublishError("bad_manifest", f"no file has the role {missing[0]}")
    return check_name(raw["name"]), check_version(raw["version"]), files


def faulty_plan_field(data: bytes) -> str | None:
    """The field of a fitted plan that no Worker would read; None: it is whole."""
    answer = ask("plan_read", text=data.decode("utf-8", "replace"))
    return None if answer["field"] is None else str(answer["field"])


def open_plan(path: Path) -> Bundle:
    """A fitted plan: a bundle whose manifest is all. Raises `PublishError` file_missing,
    bad_manifest."""
    try:
        data = path.read_bytes()
    except OSError:
        raise PublishError("file_missing", f"{path.name}: cannot be read") from None
    name, version, files = read_manifest(data)
    return Bundle(path.parent, name, version, data, files)


def open_bundle(folder: Path) -> Bundle:
    """Read the manifest and check every file that it lists.

    Raises `PublishError`: bundle_missing, not_served, bad_manifest, file_missing, size_mismatch,
    hash_mismatch.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError:
        if (folder / "model.safetensors").is_file():
            message = f"{folder.name}: a cross-encoder, which a /rerank server loads; no Worker can"
            raise PublishError("not_served", message) from None
        raise PublishError("bundle_missing", f"{folder.name}: no manifest.json") from None
    name, version, files = read_manifest(manifest)
    for file in files:
        path = folder / file.path
        if not path.is_file():
            raise PublishError("file_missing", f"{file.path}: listed, but not in the bundle")
        if path.stat().st_size != file.bytes:
            raise PublishError("size_mismatch", f"{file.path}: not the size in the manifest")
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                raise PublishError("hash_mismatch", f"{file.path}: not the hash in the manifest")
    return Bundle(folder, name, version, manifest, files)
