"""What a channel says: a small mutable object that names the version served.

`stable` serves; `canary` takes a share of the traffic within bounds, or the Worker's guard stops
it; `shadow` is compared only.

The serial only grows, for rollbacks too, so that a reader can refuse a pointer older than the one
it has seen. Each pointer is also kept under `channels/<name>/history/<channel>/<serial>.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from medadapter_train.bundle.folder import check_name, check_version
from medadapter_train.errors import PublishError
from medadapter_train.system.object_store import Store

STICKY = ("request", "tenant")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Rates are 0 to 1; each is judged once `min_requests` stand behind it.

    `max_abstention_difference` is between the shares of answers withheld by canary and stable,
    `min_agreement` the share of same choices among answers that both scored, `compare_share` the
    part of the canary's answers that stable scores as well.
    """

    min_requests: int = 200
    max_failure_rate: float = 0.02
    max_abstention_difference: float = 0.1
    min_agreement: float = 0.8
    compare_share: float = 0.25

    def check(self) -> Bounds:
        """Raises `PublishError` bad_bounds."""
        if not 1 <= self.min_requests <= 1_000_000:
            raise PublishError("bad_bounds", "min requests are 1 to a million")
        rates = (
            self.max_failure_rate,
            self.max_abstention_difference,
            self.min_agreement,
            self.compare_share,
        )
        # Python and JavaScript write numbers below 0.0001 differently.
        if not all(rate == 0 or 1e-4 <= rate <= 1 for rate in rates):
            raise PublishError("bad_bounds", "rates and shares are 0, or 0.0001 to 1")
        return self

    def to_json(self) -> dict[str, Any]:
        return {
            "minRequests": self.min_requests,
            "maxFailureRate": plain(self.max_failure_rate),
            "maxAbstentionDifference": plain(self.max_abstention_difference),
            "minAgreement": plain(self.min_agreement),
            "compareShare": plain(self.compare_share),
        }


def parse_bounds(raw: dict[str, Any]) -> Bounds:
    """Raises `KeyError`, `TypeError` or `ValueError` where they cannot be read."""
    return Bounds(
        int(raw["minRequests"]),
        float(raw["maxFailureRate"]),
        float(raw["maxAbstentionDifference"]),
        float(raw["minAgreement"]),
        float(raw["compareShare"]),
    )


def plain(value: float) -> float:
    """The number as JavaScript writes it: 1, not 1.0."""
    return int(value) if float(value).is_integer() else value


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

    def told(self, channel: str) -> str:
        """One line: where the channel points."""
        return f"{self.adapter} {channel} -> {self.version or 'none'}, serial {self.serial}"


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
