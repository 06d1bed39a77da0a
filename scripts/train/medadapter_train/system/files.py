"""Files read as a stream and written whole or not at all: JSON, JSON lines, folders.

A full disk becomes one named error: torch and safetensors wrap the system's error in theirs.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from medadapter_train.errors import DataError, SystemFault

_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: How Rust and Arrow write these errors.
_TEXTS = tuple(
    text
    for number in sorted(_ERRORS)
    for text in (os.strerror(number), f"os error {number}", f"errno {number}")
)


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Raises `SystemFault` disk_full if the block failed for lack of space; any other error as it
    is.
    """
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise SystemFault("disk_full", f"{path.name}: no space left on the disk") from None
        raise


def is_full(error: BaseException | None) -> bool:
    """Whether a failure goes back to a disk, a quota or a file system that takes no more."""
    while error is not None:
        if getattr(error, "errno", None) in _ERRORS or any(t in str(error) for t in _TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
#: Lone surrogates, which have no UTF-8: half of an emoji that an LLM's last token cut through.
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
            # We read bytes, so that an error names the right line: a text stream decodes ahead.
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
        # For example a number of thousands of digits, or thousands of brackets.
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


@contextlib.contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """An empty scratch folder that takes the name `final` when the block ends without an error.

    What a killed process left of an earlier one is removed.
    """
    scratch = final.with_name(f".{final.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        replace_folder(scratch, final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def replace_folder(scratch: Path, final: Path) -> None:
    """Rename a finished folder to its final name; an older one is replaced."""
    final.parent.mkdir(parents=True, exist_ok=True)
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    scratch.rename(final)
    shutil.rmtree(old, ignore_errors=True)
