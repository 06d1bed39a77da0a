"""Channels: one winner of a race, serials that only grow, signatures that cover both objects."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from bundles import BUCKET, make_bundle, signer_at

from medadapter_train.bundle_folder import open_bundle
from medadapter_train.object_store import Store
from medadapter_train.pointer import list_adapters, promote, read_pointer, rollback
from medadapter_train.publish import publish
from medadapter_train.service_errors import PublishError
from medadapter_train.signing import manifest_message, parse_public, pointer_message, verify


def test_promote_and_rollback_only_raise_the_serial(store: Store, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish(store, open_bundle(make_bundle(tmp_path / version, version)))
        promote(store, "mini", version)
    back = rollback(store, "mini")
    assert (back.version, back.serial) == ("1.0.0", 3)
    assert read_pointer(store, "mini", "stable") == back
    with pytest.raises(PublishError) as caught:
        rollback(store, "mini")
    assert caught.value.kind == "no_earlier_version"
    forth = rollback(store, "mini", to="1.1.0")
    assert (forth.version, forth.serial) == ("1.1.0", 4)
    [listing] = list_adapters(store, "mini")
    assert listing.channels == (("stable", forth),)


def test_of_two_publishers_racing_for_a_channel_one_loses_with_a_clear_error(
    store: Store, endpoint: str, tmp_path: Path
) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish(store, open_bundle(make_bundle(tmp_path / version, version)))
    promote(store, "mini", "1.0.0")
    rival = Store(endpoint, BUCKET)
    put = store.put

    def beaten(key: str, body: bytes, kind: str, **more: str) -> None:
        store.put = put  # type: ignore[method-assign]
        promote(rival, "mini", "1.0.0", share=0.5)
        put(key, body, kind, **more)

    store.put = beaten  # type: ignore[method-assign, assignment]
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.1.0")
    assert caught.value.kind == "pointer_moved"
    now = read_pointer(store, "mini", "stable")
    assert now is not None
    assert (now.version, now.serial, now.share) == ("1.0.0", 2, 0.5)


def test_of_two_first_promotions_one_loses(store: Store, tmp_path: Path) -> None:
    publish(store, open_bundle(make_bundle(tmp_path)))
    get = store.get
    store.get = lambda key: None if key.startswith("channels/") else get(key)  # type: ignore[method-assign]
    promote(store, "mini", "1.0.0")
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.0.0", share=0.1)
    assert caught.value.kind == "pointer_moved"


def test_signatures_cover_manifest_and_pointer(store: Store, tmp_path: Path) -> None:
    signer = signer_at(tmp_path / "key.pem")
    bundle = open_bundle(make_bundle(tmp_path / "b"))
    publish(store, bundle, signer)
    promote(store, "mini", "1.0.0", signer=signer)
    public = parse_public(base64.b64encode(signer.public).decode())
    signature = store.get("adapters/mini/1.0.0/manifest.sig.json")
    pointer = store.get("channels/mini/stable.json")
    assert signature is not None
    assert pointer is not None
    verify(public, manifest_message(bundle.manifest), json.loads(signature.body))
    raw = json.loads(pointer.body)
    verify(public, pointer_message("mini", "stable", raw), raw["signature"])
    for message in (
        pointer_message("mini", "canary", raw),
        pointer_message("mini", "stable", {**raw, "serial": 9}),
        manifest_message(bundle.manifest + b" "),
    ):
        with pytest.raises(PublishError) as caught:
            verify(public, message, raw["signature"])
        assert caught.value.kind == "bad_signature"


def test_a_configured_key_refuses_an_unsigned_version(store: Store, tmp_path: Path) -> None:
    publish(store, open_bundle(make_bundle(tmp_path / "b")))
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.0.0", signer=signer_at(tmp_path / "key.pem"))
    assert caught.value.kind == "unsigned"


def test_signed_by_another_key_is_refused(store: Store, tmp_path: Path) -> None:
    publish(store, open_bundle(make_bundle(tmp_path / "b")), signer_at(tmp_path / "1.pem"))
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.0.0", signer=signer_at(tmp_path / "2.pem"))
    assert caught.value.kind == "bad_signature"
