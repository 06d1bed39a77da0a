"""A command as a user types it, in this process."""

from __future__ import annotations

import pytest

from medadapter_train import cli


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Exit code of `medadapter-train ARGUMENTS`."""
    monkeypatch.setattr("sys.argv", ["medadapter-train", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
