"""JSON lines in and out: read as a stream, written whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from medadapter_train.errors import DataError
from medadapter_train.full_disk import disk_full_named

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
#: What is no character, and has no UTF-8: half of an emoji that an LLM's last token cut through.
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(where, object)` of each line; `where` is `file:line`, for errors. Lone surrogates
    become U+FFFD.

    Raises `DataError`: file_missing, truncated_gzip, not_utf8, bad_json, bad_record, empty_file.
    """
    if not path.is_file():
        raise DataError("file_missing", f"{path.name}: no such file")
    number = 0
    empty = True
    try:
        with _open(path) as stream:
            # Bytes, so that an error names the very line: a text stream decodes ahead.
            for number, raw in enumerate(stream, start=1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                if not line.strip():
                    continue
                empty = False
                yield f"{path.name}:{number}", _object(line, f"{path.name}:{number}")
    except UnicodeDecodeError:
        raise DataError("not_utf8", f"{path.name}:{number}: not UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError("truncated_gzip", f"{path.name}: damaged after line {number}") from None
    if empty:
        raise DataError("empty_file", f"{path.name}: no records")


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError("bad_json", f"{where}: not JSON (column {error.colno})") from None
    except (ValueError, RecursionError):
        # A number of thousands of digits, thousands of brackets.
        raise DataError("bad_json", f"{where}: JSON beyond bounds") from None
    if not isinstance(value, dict):
        raise DataError("bad_record", f"{where}: not an object")
    if _ESCAPED_SURROGATE.search(line):
        text = _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False))
        value = dict(json.loads(text))
    return value


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write all rows under a temporary name, then rename; return their number.

    A `.gz` name is compressed, the same rows giving the same bytes; lone surrogates become U+FFFD.
    After any failure `path` is as it was before. Raises `TrainError` disk_full.
    """

    def lines() -> Iterator[bytes]:
        for row in rows:
            text = _SURROGATE.sub("\ufffd", json.dumps(row, ensure_ascii=False))
            yield f"{text}\n".encode()

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
