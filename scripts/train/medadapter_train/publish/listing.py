"""What is published, and where the channels point."""

from __future__ import annotations

from dataclasses import dataclass

from medadapter_train.bundle.folder import MANIFEST, check_name
from medadapter_train.publish.pointer import Pointer, parse_pointer
from medadapter_train.system.object_store import Store


@dataclass(frozen=True, slots=True)
class Listing:
    """An adapter in the store. `partial` versions have no manifest and are invisible to readers."""

    adapter: str
    versions: tuple[str, ...]
    partial: tuple[str, ...]
    channels: tuple[tuple[str, Pointer], ...]


def list_adapters(store: Store, adapter: str | None = None) -> list[Listing]:
    """What is published, and where the channels point."""
    seen: dict[str, dict[str, bool]] = {}
    prefix = "adapters/" if adapter is None else f"adapters/{check_name(adapter)}/"
    for key in store.keys(prefix):
        parts = key.split("/")
        if len(parts) == 4:
            versions = seen.setdefault(parts[1], {})
            versions[parts[2]] = versions.get(parts[2], False) or parts[3] == MANIFEST
    listings = []
    for name, versions in sorted(seen.items()):
        channels = []
        for key in store.keys(f"channels/{name}/"):
            parts = key.split("/")
            if len(parts) == 3 and (stored := store.get(key)) is not None:
                channels.append((parts[2].removesuffix(".json"), parse_pointer(stored.body)))
        whole = tuple(sorted(v for v, done in versions.items() if done))
        partial = tuple(sorted(v for v, done in versions.items() if not done))
        listings.append(Listing(name, whole, partial, tuple(channels)))
    return listings
