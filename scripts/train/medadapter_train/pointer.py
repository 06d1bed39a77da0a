"""What a channel says: a small mutable object that names the version served.

`stable` serves; `canary` takes a share of the traffic within bounds; `shadow` is compared only.

The serial only grows, for rollbacks too, so that a reader can refuse a pointer older than the one
it has seen. Each pointer is also kept under `channels/<name>/history/<channel>/<serial>.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from medadapter_train.bounds import Bounds, parse_bounds, plain
from medadapter_train.bundle_folder import check_name, check_version
from medadapter_train.object_store import Store
from medadapter_train.service_errors import PublishError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a channel says. `version` None: it has ended. `share` is the part of the traffic, 0 to 1
    (of `shadow`, of the answers compared); `updatedAt` is ISO, UTC. `sticky` says what decides
    whether a request is of the share, `bounds` what a canary must keep to."""

    adapter: str
    version: str | None
    serial: int
    share: float
    updated_at: str
    sticky: str | None = None
    bounds: Bounds | None = None

    def to_json(self) -> dict[str, Any]:
        raw = {
            "schema": SCHEMA,
            "adapter": self.adapter,
            "version": self.version,
            "serial": self.serial,
            "share": plain(self.share),
            "updatedAt": self.updated_at,
        }
        if self.sticky is not None:
            raw["sticky"] = self.sticky
        if self.bounds is not None:
            raw["bounds"] = self.bounds.to_json()
        return raw


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
        version = None if raw["version"] is None else check_version(raw["version"])
        return Pointer(
            raw["adapter"],
            version,
            raw["serial"],
            float(raw["share"]),
            raw["updatedAt"],
            raw.get("sticky"),
            parse_bounds(raw["bounds"]) if "bounds" in raw else None,
        )
    except (ValueError, KeyError, TypeError):
        raise PublishError("bad_pointer", "the channel's pointer is not one of schema 1") from None


def read_pointer(store: Store, adapter: str, channel: str) -> Pointer | None:
    """What the channel says now, None where it was never set."""
    stored = store.get(pointer_key(adapter, channel))
    return None if stored is None else parse_pointer(stored.body)
