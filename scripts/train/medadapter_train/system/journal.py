"""The append-only journal that makes paid work survive `kill -9`.

A line is on the disk (fsync) before the next request is started for it, so what was paid for is
never asked again. A line that was being written when the process died has no newline at its end: it
is cut off when the journal is opened the next time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from medadapter_train.errors import DataError
from medadapter_train.system.files import disk_full_named

SCHEMA = 1


def journal_path(out: Path) -> Path:
    """The journal beside an output file."""
    return out.with_name(f"{out.name}.journal.jsonl")


class Journal:
    """Appends JSON lines durably. `entries` holds what earlier runs wrote, in order.

    The first line holds `settings`, a hash of all that decides what an entry means. Raises
    `DataError` journal_mismatch when the journal was written under other settings, journal_damaged
    when a line other than the last is not JSON, journal_locked when another process has it open.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two runs on one journal would pay twice.
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            message = f"{path.name}: another run is writing it"
            raise DataError("journal_locked", message) from None
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.entries = self._recover()
            if self.entries:
                head = self.entries.pop(0)
                if head.get("journal") != SCHEMA or head.get("settings") != settings:
                    message = f"{path.name}: written under other settings; name another --out"
                    raise DataError("journal_mismatch", message)
            else:
                self.append([{"journal": SCHEMA, "settings": settings}])
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        os.close(self._fd)
        self._lock.release()

    def _recover(self) -> list[dict[str, Any]]:
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.ftruncate(self._fd, len(whole))
        try:
            return [json.loads(line) for line in whole.splitlines() if line.strip()]
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise DataError("journal_damaged", f"{self.path.name}: a line is not JSON") from None

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write the rows with one system call and wait until they are on the disk.

        After a failure no part of them stays: the next line, of another worker, must not follow
        half a line. After an interruption behind the last byte all of them stay: they are paid for.
        """
        text = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
        data = memoryview(text.encode())
        length = os.fstat(self._fd).st_size
        with disk_full_named(self.path):
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
                os.fsync(self._fd)
            except BaseException as error:
                if data or isinstance(error, OSError):
                    os.ftruncate(self._fd, length)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
