"""Publishing against a real S3 server: whole or invisible, repeatable, one winner of a race."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import BUCKET, a_manifest, make_bundle, signer_at

from medadapter_train.bundle.folder import open_bundle
from medadapter_train.bundle.manifest import read_manifest, write_manifest
from medadapter_train.data.feedback import feedback_files
from medadapter_train.errors import ModelError, PublishError
from medadapter_train.publish.channels import promote
from medadapter_train.publish.listing import list_adapters
from medadapter_train.publish.publish import publish
from medadapter_train.system.object_store import PreconditionFailed, Store


def test_publishes_files_first_and_the_manifest_last(store: Store, tmp_path: Path) -> None:
    order: list[str] = []
    put = store.put

    def recording(key: str, body: bytes, kind: str, **more: str) -> None:
        order.append(key)
        put(key, body, kind, **more)

    store.put = recording  # type: ignore[method-assign, assignment]
    done = publish(store, open_bundle(make_bundle(tmp_path)), signer_at(tmp_path / "key.pem"))
    assert (done.uploaded, done.kept, done.new) == (3, 0, True)
    assert order[-2:] == [
        "adapters/mini/1.0.0/manifest.sig.json",
        "adapters/mini/1.0.0/manifest.json",
    ]
    stored = store.get("adapters/mini/1.0.0/adapter.ort")
    assert stored is not None
    assert stored.body == b"weights"


def test_publishing_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    bundle = open_bundle(make_bundle(tmp_path))
    publish(store, bundle)
    again = publish(store, bundle)
    assert (again.uploaded, again.kept, again.new) == (0, 3, False)


def test_a_version_is_immutable(store: Store, tmp_path: Path) -> None:
    publish(store, open_bundle(make_bundle(tmp_path / "a")))
    other = open_bundle(make_bundle(tmp_path / "b", weights=b"others"))
    with pytest.raises(PublishError) as caught:
        publish(store, other)
    assert caught.value.kind == "version_exists"
    with pytest.raises(PublishError):
        publish(store, other, replace_partial=True)
    stored = store.get("adapters/mini/1.0.0/adapter.ort")
    assert stored is not None
    assert stored.body == b"weights"


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda d: (d / "adapter.ort").write_bytes(b"weightz"), "hash_mismatch"),
        (lambda d: (d / "adapter.ort").write_bytes(b"more weights"), "size_mismatch"),
        (lambda d: (d / "tokenizer.json").unlink(), "file_missing"),
        (lambda d: (d / "manifest.json").unlink(), "bundle_missing"),
        (lambda d: (d / "manifest.json").write_text("{"), "bad_manifest"),
        (lambda d: (d / "manifest.json").write_text('{"schema": 2}'), "bad_manifest"),
    ],
)
def test_a_damaged_bundle_is_refused_before_anything_is_sent(
    tmp_path: Path, damage: object, kind: str
) -> None:
    folder = make_bundle(tmp_path)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(PublishError) as caught:
        open_bundle(folder)
    assert caught.value.kind == kind


def test_a_manifest_cannot_name_files_outside_the_bundle(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0]["path"] = "../adapter.ort"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PublishError) as caught:
        open_bundle(folder)
    assert caught.value.kind == "bad_manifest"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"calibration": {"kind": "platt", "a": 1.0}}, "calibration.b"),
        ({"adaptiveK": {"threshold": 2, "first": 3, "step": 2}}, "adaptiveK.threshold"),
        ({"canary": "a patient's words"}, "(the whole)"),
        ({"selector": {"features": ["vote_share"], "groups": []}}, "selector.groups"),
        ({"budget": None}, "budget"),
    ],
)
def test_a_manifest_that_no_worker_would_read_is_refused_by_its_field(
    tmp_path: Path, change: dict[str, object], field: str
) -> None:
    folder = make_bundle(tmp_path)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    (folder / "manifest.json").write_text(json.dumps(a_manifest(files=files, **change)))
    with pytest.raises(PublishError) as caught:
        open_bundle(folder)
    assert caught.value.kind == "bad_manifest"
    assert f"field {field}:" in str(caught.value)
    assert "patient" not in str(caught.value)
    with pytest.raises(ModelError) as damaged:
        read_manifest(folder)
    assert damaged.value.kind == "bundle_damaged"
    manifest = a_manifest(**change)
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ModelError) as refused:
        write_manifest(folder, manifest)
    assert refused.value.kind == "bad_manifest"
    assert (folder / "manifest.json").read_bytes() == before


def test_a_bundle_for_an_engine_elsewhere_needs_no_files(store: Store, tmp_path: Path) -> None:
    manifest = a_manifest(name="big", version="1.0.0", files=[])
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**manifest, "engine": {"kind": "http"}}))
    done = publish(store, open_bundle(tmp_path))
    assert (done.uploaded, done.new) == (0, True)
    assert store.get("adapters/big/1.0.0/manifest.json") is not None
    for engine in ({"kind": "ssh"}, "http", None, {}):
        path.write_text(json.dumps({**manifest, "engine": engine}))
        with pytest.raises(PublishError) as caught:
            open_bundle(tmp_path)
        assert caught.value.kind == "bad_manifest"


def test_a_killed_upload_leaves_nothing_visible_and_the_next_run_finishes(
    store: Store, endpoint: str, tmp_path: Path
) -> None:
    folder = make_bundle(tmp_path)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from medadapter_train.bundle.folder import open_bundle
        from medadapter_train.publish.publish import publish
        from medadapter_train.system.object_store import Store

        def die(path):
            if path == "tokenizer.json":
                os.kill(os.getpid(), signal.SIGKILL)

        publish(Store(sys.argv[1], sys.argv[2]), open_bundle(Path(sys.argv[3])), progress=die)
        """
    )
    command = [sys.executable, "-c", script, endpoint, BUCKET, str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    [listing] = list_adapters(store)
    assert (listing.versions, listing.partial) == ((), ("1.0.0",))
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.0.0")
    assert caught.value.kind == "version_missing"
    done = publish(store, open_bundle(folder))
    assert (done.uploaded, done.kept, done.new) == (1, 2, True)
    assert list_adapters(store)[0].versions == ("1.0.0",)


def test_what_another_unfinished_upload_left_is_replaced_only_on_demand(
    store: Store, tmp_path: Path
) -> None:
    store.put("adapters/mini/1.0.0/adapter.ort", b"of another build", "application/octet-stream")
    bundle = open_bundle(make_bundle(tmp_path))
    with pytest.raises(PublishError) as caught:
        publish(store, bundle)
    assert caught.value.kind == "partial_differs"
    assert publish(store, bundle, replace_partial=True).new


def test_a_manifest_is_not_written_over_files_that_another_publisher_replaced(
    store: Store, endpoint: str, tmp_path: Path
) -> None:
    other = open_bundle(make_bundle(tmp_path / "a", weights=b"others"))
    elsewhere = Store(endpoint, BUCKET)
    put = elsewhere.put

    def all_but_the_manifest(key: str, body: bytes, kind: str, **more: str) -> None:
        if key.endswith("manifest.json"):
            raise PublishError("store_unreachable", "killed")
        put(key, body, kind, **more)

    elsewhere.put = all_but_the_manifest  # type: ignore[method-assign, assignment]

    def replaced(path: str) -> None:
        if path == bundle.files[-1].path:
            with pytest.raises(PublishError, match="killed"):
                publish(elsewhere, other, replace_partial=True)

    bundle = open_bundle(make_bundle(tmp_path / "b"))
    with pytest.raises(PublishError) as caught:
        publish(store, bundle, progress=replaced)
    assert caught.value.kind == "partial_differs"
    assert store.get("adapters/mini/1.0.0/manifest.json") is None
    assert publish(store, other).new


def test_a_version_that_is_published_meanwhile_is_not_removed(
    store: Store, endpoint: str, tmp_path: Path
) -> None:
    mine = open_bundle(make_bundle(tmp_path / "a", weights=b"others"))
    theirs = open_bundle(make_bundle(tmp_path / "b"))
    keys = store.keys

    def late(prefix: str) -> Iterator[str]:
        publish(Store(endpoint, BUCKET), theirs)
        return keys(prefix)

    store.keys = late  # type: ignore[method-assign, assignment]
    with pytest.raises(PublishError) as caught:
        publish(store, mine, replace_partial=True)
    assert caught.value.kind == "version_exists"
    assert publish(Store(endpoint, BUCKET), theirs).new is False


def test_bytes_damaged_on_the_way_are_found_and_removed(store: Store, tmp_path: Path) -> None:
    put = store.put

    def damaging(key: str, body: bytes, kind: str, **more: str) -> None:
        put(key, b"damaged" if key.endswith(".ort") else body, kind, **more)

    store.put = damaging  # type: ignore[method-assign, assignment]
    with pytest.raises(PublishError) as caught:
        publish(store, open_bundle(make_bundle(tmp_path)))
    assert caught.value.kind == "hash_mismatch"
    assert list(store.keys("adapters/")) == []


def test_an_unreachable_store_is_a_named_failure(tmp_path: Path) -> None:
    store = Store("http://127.0.0.1:9", BUCKET, attempts=1)
    with pytest.raises(PublishError) as caught:
        publish(store, open_bundle(make_bundle(tmp_path)))
    assert caught.value.kind == "store_unreachable"


def test_a_create_only_write_never_replaces(store: Store) -> None:
    store.put("a", b"1", "text/plain")
    with pytest.raises(PreconditionFailed):
        store.put("a", b"2", "text/plain")
    stored = store.get("a")
    assert stored is not None
    store.put("a", b"2", "text/plain", if_match=stored.etag)
    with pytest.raises(PreconditionFailed):
        store.put("a", b"3", "text/plain", if_match=stored.etag)


def test_feedback_is_read_from_a_bucket_as_it_is(
    store: Store, endpoint: str, tmp_path: Path
) -> None:
    packed = gzip.compress(b'{"id": "1"}\n')
    store.put("feedback/2026/a.jsonl", b'{"id": "0"}\n', "application/json")
    store.put("feedback/2026/b.jsonl.gz", packed, "application/gzip")
    store.put("feedback/2026/notes.txt", b"not read", "text/plain")
    paths = feedback_files(f"s3://{BUCKET}/feedback/", tmp_path, endpoint)
    assert [path.read_bytes() for path in paths] == [b'{"id": "0"}\n', packed]
