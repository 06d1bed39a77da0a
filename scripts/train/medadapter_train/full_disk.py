"""A full disk, by its name: torch and safetensors wrap what the system said in errors of theirs."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapter_train.errors import TrainError


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Raises `TrainError` disk_full where the block failed for want of space; else as it was."""
    try:
        yield
    except Exception as error:
        if _is_full(error):
            raise TrainError("disk_full", f"{path.name}: no space left on the disk") from None
        raise


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in str(error):
            return True
        if "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
