"""publish, promote, rollback, list and keygen as a user types them, against a real S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundles import BUCKET, make_bundle
from typed_command import run

from medadapter_train.publish.pointer import read_pointer
from medadapter_train.system.object_store import Store


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("MEDADAPTER_S3_ENDPOINT", endpoint)
    monkeypatch.setenv("MEDADAPTER_S3_BUCKET", BUCKET)
    for name in ("MEDADAPTER_SIGNING_KEY_FILE", "MEDADAPTER_PUBLIC_KEY"):
        monkeypatch.delenv(name, raising=False)


def served(store: Store, channel: str = "stable") -> tuple[str | None, int, float] | None:
    """Version, serial and share that a channel names."""
    pointer = read_pointer(store, "mini", channel)
    return None if pointer is None else (pointer.version, pointer.serial, pointer.share)


def test_publish_promote_roll_back_and_list(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, "publish", make_bundle(tmp_path / "a", "1.0.0")) == 0
    assert served(store) is None  # published is not served
    assert run(monkeypatch, "promote", "mini", "1.0.0") == 0
    assert served(store) == ("1.0.0", 1, 1.0)
    second = make_bundle(tmp_path / "b", "1.1.0", b"better")
    assert run(monkeypatch, "publish", second, "--channel", "canary") == 0
    assert run(monkeypatch, "promote", "mini", "1.1.0", "--channel", "canary", "--share", 0.1) == 0
    assert served(store, "canary") == ("1.1.0", 2, 0.1)
    assert run(monkeypatch, "promote", "mini", "--from", "canary") == 0
    assert served(store) == ("1.1.0", 2, 1.0)
    assert served(store, "canary") == (None, 3, 0.0)
    assert run(monkeypatch, "promote", "mini", "--from", "canary") == 8
    assert "error: version_missing" in capsys.readouterr().err
    assert run(monkeypatch, "promote", "mini", "1.0.0", "--from", "canary") == 8
    assert "error: bad_version" in capsys.readouterr().err
    shadow = ("--channel", "shadow")
    assert run(monkeypatch, "promote", "mini", "1.0.0", *shadow, "--share", 0.5) == 0
    assert run(monkeypatch, "end", "mini", *shadow) == 0
    assert served(store, "shadow") == (None, 2, 0.0)
    assert run(monkeypatch, "rollback", "mini") == 0
    assert served(store) == ("1.0.0", 3, 1.0)
    capsys.readouterr()
    assert run(monkeypatch, "list") == 0
    listing = capsys.readouterr().out
    assert "1.0.0" in listing
    assert "stable (serial 3" in listing
    assert run(monkeypatch, "promote", "mini", "9.9.9") == 8
    assert "error: version_missing" in capsys.readouterr().err


def test_with_a_key_everything_is_signed_and_strangers_move_nothing(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = tmp_path / "ours.pem", tmp_path / "strangers.pem"
    for key in keys:
        assert run(monkeypatch, "keygen", key) == 0
    public = capsys.readouterr().out.splitlines()[0]
    assert keys[0].stat().st_mode & 0o077 == 0
    bundle = make_bundle(tmp_path / "b")
    assert run(monkeypatch, "publish", bundle, "--key", keys[0], "--channel", "stable") == 0
    words = ["promote", "mini", "1.0.0", "--channel", "canary"]
    assert run(monkeypatch, *words, "--key", keys[1], "--public-key", public) == 8
    assert "error: key_mismatch" in capsys.readouterr().err
    assert served(store, "canary") is None
    assert run(monkeypatch, *words, "--key", keys[0], "--public-key", public) == 0
    assert run(monkeypatch, *words, "--key", keys[1]) == 8
    assert "error: bad_signature" in capsys.readouterr().err
    assert run(monkeypatch, "keygen", keys[0]) == 8  # a key is never overwritten
