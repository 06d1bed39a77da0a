"""Stage stamps: a stage is not run again while its inputs, settings and outputs are unchanged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from medadapter_train import __version__
from medadapter_train.errors import DataError
from medadapter_train.system.files import write_json


def hash_path(path: Path) -> str:
    """SHA-256 of a file, or of a folder's names and files. Raises `DataError` file_missing."""
    if path.is_dir():
        digest = hashlib.sha256()
        for child in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{child.relative_to(path).as_posix()}\0{hash_path(child)}\n".encode())
        return digest.hexdigest()
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError("file_missing", f"{path.name}: no such file") from None


def hash_once(path: Path) -> str:
    """`hash_path` of a file, which is read once in a process as long as it is not written to."""
    try:
        now = path.stat()
    except FileNotFoundError:
        raise DataError("file_missing", f"{path.name}: no such file") from None
    return _hash_of(path.resolve(), now.st_size, now.st_mtime_ns)


@cache
def _hash_of(path: Path, _size: int, _changed: int) -> str:
    return hash_path(path)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What decides a stage's result. `inputs` maps names to hashes, `settings` is plain JSON."""

    stage: str
    inputs: dict[str, str]
    settings: dict[str, Any]

    @property
    def value(self) -> str:
        """SHA-256 over stage, inputs, settings and the package's version, hex."""
        known = [self.stage, self.inputs, self.settings, __version__]
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def make_stamp(stage: str, inputs: Iterable[Path], settings: dict[str, Any]) -> Stamp:
    """Hash the inputs as they are now."""
    hashes = {f"{i} {path.name}": hash_path(path) for i, path in enumerate(inputs)}
    return Stamp(stage, hashes, settings)


def is_current(file: Path, stamp: Stamp, outputs: Iterable[Path]) -> bool:
    """Whether `file` holds this stamp and every output is still what the stage wrote."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        hashes = kept["outputs"]
        current = _output_hashes(outputs)
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return False
    return bool(kept.get("stamp") == stamp.value and hashes == current)


def keep_stamp(file: Path, stamp: Stamp, outputs: Iterable[Path]) -> None:
    """Write the stamp once the stage is done."""
    write_json(
        file,
        {
            "stage": stamp.stage,
            "stamp": stamp.value,
            "inputs": stamp.inputs,
            "settings": stamp.settings,
            "outputs": _output_hashes(outputs),
        },
    )


def _output_hashes(outputs: Iterable[Path]) -> dict[str, str]:
    return {f"{i} {path.name}": hash_path(path) for i, path in enumerate(outputs)}


@dataclass(frozen=True, slots=True)
class Stage:
    """`inputs` and `settings` decide the result, `outputs` are what it writes. `always`: its inputs
    cannot be hashed (a remote address), so it is never skipped.
    """

    name: str
    inputs: list[Path]
    settings: dict[str, Any]
    outputs: list[Path]
    work: Callable[[], None]
    always: bool = False


class Stages:
    """Does stages and keeps their stamps in `folder`; `report` is told of each, one line.

    `stamps` holds those of the stages so far, by name.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder = folder
        self.report = report
        self.stamps: dict[str, str] = {}

    def do(self, stage: Stage) -> None:
        """Do the stage unless its stamp holds. Raises whatever its work raises; no stamp then."""
        stamp = make_stamp(stage.name, stage.inputs, stage.settings)
        file = self.folder / f"{stage.name.replace('/', '_')}.json"
        self.stamps[stage.name] = stamp.value
        if not stage.always and is_current(file, stamp, stage.outputs):
            self.report(f"{stage.name}: done before")
            return
        self.report(f"{stage.name}: running")
        stage.work()
        keep_stamp(file, stamp, stage.outputs)
