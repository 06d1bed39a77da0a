"""Where feedback lies (a file, a folder, a bucket), and the candidate file made of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from medadapter_train.errors import DataError
from medadapter_train.feedback import Feedback, read_feedback
from medadapter_train.jsonl import write_atomic, write_jsonl


def write_feedback(
    place: str, out: Path, tenant: str | None, *, all_tenants: bool, endpoint: str | None = None
) -> Feedback:
    """Read feedback from `place` and write its candidate file.

    Raises `DataError`: tenant_missing (neither a tenant nor all of them named), no_feedback
    (nothing is left; no file is written), and those of `read_feedback` and `feedback_files`.
    """
    if (tenant is None) != all_tenants:
        raise DataError("tenant_missing", "name one tenant, or ask for all of them, not both")
    with tempfile.TemporaryDirectory() as cache:
        found = read_feedback(feedback_files(place, Path(cache), endpoint), tenant)
    if not found.records:
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(found.counts.items()))
        raise DataError("no_feedback", f"no record may be used ({why})")
    write_jsonl(out, found.records.values())
    return found


def feedback_files(place: str, cache: Path, endpoint: str | None) -> list[Path]:
    """The feedback files of a path or an `s3://bucket/prefix`; the latter are copied to `cache`.

    Raises `DataError` file_missing, and `PublishError` as the store does.
    """
    if place.startswith("s3://"):
        return _download(place, cache, endpoint)
    path = Path(place)
    if path.is_file():
        return [path]
    found = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]) if path.is_dir() else []
    if not found:
        raise DataError("file_missing", "no feedback file (*.jsonl, *.jsonl.gz) at the place given")
    return found


def _download(place: str, cache: Path, endpoint: str | None) -> list[Path]:
    from medadapter_train.object_store import Store

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    store = Store.from_environment(endpoint, bucket)
    paths = []
    for key in store.keys(prefix):
        stored = store.get(key) if key.endswith((".jsonl", ".jsonl.gz")) else None
        if stored is None:
            continue
        path = cache / key.replace("/", "__")
        # Bytes as they are: `write_atomic` would compress a .gz name a second time.
        part = path.with_name(f"{path.name}.raw")
        write_atomic(part, [stored.body])
        part.replace(path)
        paths.append(path)
    if not paths:
        raise DataError("file_missing", "no feedback file (*.jsonl, *.jsonl.gz) at the place given")
    return paths
