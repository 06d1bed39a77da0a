"""A small training configuration and the command that trains by it."""

from __future__ import annotations

import sys
from pathlib import Path

CONFIG = """
[train]
base = {base!r}
passes = {passes}
batch = 4
learning_rate = 2e-3
head_learning_rate = 5e-3
warmup_steps = 5
checkpoint_every = 40
validate_every = 10000
threads = 1
bf16 = false
sets = [{{ file = {file!r} }}]
validate_sets = [{file!r}]
"""


def write_config(folder: Path, base: Path, data: Path, passes: int) -> Path:
    """`config.toml` for one candidate file."""
    path = folder / "config.toml"
    path.write_text(CONFIG.format(base=str(base), file=data.name, passes=passes))
    return path


def command(config: Path, out: Path, data: Path) -> list[str]:
    """`medadapter-train train` as a process of its own."""
    return [
        *[sys.executable, "-m", "medadapter_train", "train", str(config)],
        *["--out", str(out), "--data", str(data.parent)],
    ]
