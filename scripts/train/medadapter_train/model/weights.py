"""Weights as safetensors: saved whole, loaded, averaged."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor

from medadapter_train.errors import ModelError
from medadapter_train.system.files import write_atomic


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    """Weights as safetensors, atomically."""
    write_atomic(path, [save({k: v.detach().contiguous().cpu() for k, v in tensors.items()})])


def load_weights(path: Path) -> dict[str, Tensor]:
    """Raises `ModelError` weights_missing, weights_damaged."""
    if not path.is_file():
        raise ModelError("weights_missing", f"{path.name}: no such file")
    try:
        return load_file(path)
    except Exception as error:
        raise ModelError("weights_damaged", f"{path.name}: cannot be read") from error


def average_weights(paths: list[Path]) -> dict[str, Tensor]:
    """The mean of several checkpoints' weights."""
    total = load_weights(paths[0])
    for path in paths[1:]:
        for name, tensor in load_weights(path).items():
            total[name] += tensor
    return {name: tensor / len(paths) for name, tensor in total.items()}
