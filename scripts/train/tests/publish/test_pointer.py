"""Channels: one winner of a race, serials that only grow, signatures that cover both objects."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from bundles import BUCKET, make_bundle, signer_at

from medadapter_train.bundle.folder import open_bundle
from medadapter_train.errors import PublishError
from medadapter_train.publish.channels import end, promote, rollback
from medadapter_train.publish.listing import list_adapters
from medadapter_train.publish.pointer import Bounds, read_pointer
from medadapter_train.publish.publish import publish
from medadapter_train.publish.signing import manifest_message, parse_public, pointer_message, verify
from medadapter_train.system.object_store import Store


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
    promote(store, "mini", "1.0.0", "canary")
    rival = Store(endpoint, BUCKET)
    put = store.put

    def beaten(key: str, body: bytes, kind: str, **more: str) -> None:
        store.put = put  # type: ignore[method-assign]
        promote(rival, "mini", "1.0.0", "canary", share=0.5)
        put(key, body, kind, **more)

    store.put = beaten  # type: ignore[method-assign, assignment]
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.1.0", "canary")
    assert caught.value.kind == "pointer_moved"
    now = read_pointer(store, "mini", "canary")
    assert now is not None
    assert (now.version, now.serial, now.share) == ("1.0.0", 2, 0.5)


def test_of_two_first_promotions_one_loses(store: Store, tmp_path: Path) -> None:
    publish(store, open_bundle(make_bundle(tmp_path)))
    get = store.get
    store.get = lambda key: None if key.startswith("channels/") else get(key)  # type: ignore[method-assign]
    promote(store, "mini", "1.0.0")
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.0.0")
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


def test_a_canary_carries_its_bounds_signed_and_keeps_them_when_rolled_back(
    store: Store, tmp_path: Path
) -> None:
    signer = signer_at(tmp_path / "key.pem")
    public = parse_public(base64.b64encode(signer.public).decode())
    for version in ("1.0.0", "1.1.0"):
        publish(store, open_bundle(make_bundle(tmp_path / version, version)), signer)
    more = {"share": 0.25, "sticky": "tenant", "bounds": Bounds(50, 0, 0.2, 0.9, 1)}
    for version in ("1.0.0", "1.1.0"):
        promote(store, "mini", version, "canary", signer=signer, **more)  # type: ignore[arg-type]
    back = rollback(store, "mini", "canary", signer=signer)
    assert (back.version, back.serial, back.share) == ("1.0.0", 3, 0.25)
    assert (back.sticky, back.bounds) == ("tenant", more["bounds"])
    stored = store.get("channels/mini/canary.json")
    assert stored is not None
    raw = json.loads(stored.body)
    assert raw["bounds"] == {
        "minRequests": 50,
        "maxFailureRate": 0,
        "maxAbstentionDifference": 0.2,
        "minAgreement": 0.9,
        "compareShare": 1,
    }
    verify(public, pointer_message("mini", "canary", raw), raw["signature"])
    for change in ({"sticky": "request"}, {"bounds": {**raw["bounds"], "maxFailureRate": 1}}):
        with pytest.raises(PublishError) as caught:
            changed = pointer_message("mini", "canary", {**raw, **change})
            verify(public, changed, raw["signature"])
        assert caught.value.kind == "bad_signature"


def test_a_channel_that_ended_goes_on_with_its_serial(store: Store, tmp_path: Path) -> None:
    publish(store, open_bundle(make_bundle(tmp_path)))
    for channel in ("canary", "shadow"):
        promote(store, "mini", "1.0.0", channel, share=0.5)
        ended = end(store, "mini", channel)
        assert (ended.version, ended.serial) == (None, 2)
        assert read_pointer(store, "mini", channel) == ended
        assert promote(store, "mini", "1.0.0", channel).serial == 3
        store.delete(f"channels/mini/{channel}.json")
        assert promote(store, "mini", "1.0.0", channel).serial == 4


@pytest.mark.parametrize(
    ("channel", "more", "kind"),
    [
        ("beta", {}, "bad_channel"),
        ("stable", {"share": 0.5}, "bad_share"),
        ("canary", {"share": 0}, "bad_share"),
        ("canary", {"sticky": "moon"}, "bad_sticky"),
        ("canary", {"bounds": Bounds(min_requests=0)}, "bad_bounds"),
        ("canary", {"bounds": Bounds(max_failure_rate=1.5)}, "bad_bounds"),
        ("canary", {"bounds": Bounds(min_agreement=1e-6)}, "bad_bounds"),
    ],
)
def test_what_no_reader_would_take_is_not_written(
    store: Store, tmp_path: Path, channel: str, more: dict[str, object], kind: str
) -> None:
    publish(store, open_bundle(make_bundle(tmp_path)))
    with pytest.raises(PublishError) as caught:
        promote(store, "mini", "1.0.0", channel, **more)  # type: ignore[arg-type]
    assert caught.value.kind == kind
    assert read_pointer(store, "mini", "canary") is None
    for what in ("stable", "canary"):
        with pytest.raises(PublishError) as caught:
            end(store, "mini", what)
        assert caught.value.kind == ("bad_channel" if what == "stable" else "nothing_to_end")
