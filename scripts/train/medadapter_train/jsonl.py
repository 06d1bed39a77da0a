"""JSON lines in and out: read as a stream, written whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from medadapter_train.errors import DataError
from medadapter_train.full_disk import disk_full_named


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(where, object)` of each line; `where` is `file:line`, for errors.

    Raises `DataError`: file_missing, truncated_gzip, not_utf8, bad_json, bad_record, empty_file.
    """
    if not path.is_file():
        raise DataError("file_missing", f"{path.name}: no such file")
    number = 0
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise DataError("bad_record", f"{path.name}:{number}: not an object")
                yield f"{path.name}:{number}", value
    except UnicodeDecodeError:
        raise DataError("not_utf8", f"{path.name}:{number + 1}: not UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError("truncated_gzip", f"{path.name}: damaged after line {number}") from None
    except json.JSONDecodeError as error:
        where = f"{path.name}:{number}"
        raise DataError("bad_json", f"{where}: not JSON (column {error.colno})") from None
    if number == 0:
        raise DataError("empty_file", f"{path.name}: no records")


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8", errors="strict"))
    return path.open("rt", encoding="utf-8", errors="strict")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write all rows under a temporary name, then rename; return their number.

    A `.gz` name is compressed, the same rows giving the same bytes. After any failure `path` is as
    it was before. Raises `TrainError` disk_full.
    """

    def lines() -> Iterator[bytes]:
        for row in rows:
            yield (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")

    return write_atomic(path, lines())


def write_atomic(path: Path, chunks: Iterable[bytes]) -> int:
    """Write chunks to `path` in one step (temporary file, fsync, rename); return their number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    count = 0
    try:
        with disk_full_named(path), part.open("wb") as raw:
            packed = path.suffix == ".gz"
            out: Any = gzip.GzipFile("", "wb", 6, raw, mtime=0) if packed else raw
            for chunk in chunks:
                out.write(chunk)
                count += 1
            if packed:
                out.close()
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return count


def write_json(path: Path, value: object) -> None:
    """Write one JSON document, indented, in one step; JSON has no NaN."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, [f"{text}\n".encode()])
