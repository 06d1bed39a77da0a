"""A full disk, by its name: torch and safetensors wrap what the system said in errors of theirs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapter_train.errors import SystemFault

_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: Rust's and Arrow's words for them.
_TEXTS = tuple(
    text
    for number in sorted(_ERRORS)
    for text in (os.strerror(number), f"os error {number}", f"errno {number}")
)


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Raises `SystemFault` disk_full where the block failed for want of space; else as it was."""
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
