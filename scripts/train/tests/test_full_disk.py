"""A disk that is full: a named error, and what was there before stays whole.

`/dev/full` answers every write with ENOSPC; a scratch file that is a link to it is a full disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from medadapter_train.checkpoint import save_state, save_weights
from medadapter_train.errors import TrainError
from medadapter_train.jsonl import write_jsonl

BIG = torch.zeros(1_000_000)
WRITERS: dict[str, Callable[[Path], object]] = {
    "rows": lambda path: write_jsonl(path, [{"n": i, "pad": "x" * 1000} for i in range(3000)]),
    "checkpoint": lambda path: save_state(path, {"model": {"w": BIG}}),
    "weights": lambda path: save_weights(path, {"w": BIG}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_and_leaves_the_older_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"older")
    (tmp_path / ".out.bin.part").symlink_to("/dev/full")
    with pytest.raises(TrainError) as caught:
        WRITERS[name](path)
    assert caught.value.kind == "disk_full"
    assert path.read_bytes() == b"older"
