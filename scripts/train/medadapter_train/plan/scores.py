"""The adapter's scores of a plan's candidates: by the service's own engine, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medadapter_train.bundle.manifest import read_manifest
from medadapter_train.core import ask
from medadapter_train.data.split import lines_of
from medadapter_train.plan.questions import Scores
from medadapter_train.system.files import read_jsonl


@dataclass(frozen=True, slots=True)
class Scored:
    """`adapter`: `name@version`."""

    adapter: str
    logits: Scores


def scores_of(files: Sequence[Path], bundle: Path, folder: Path, *, unlearnt: bool) -> Scored:
    """Scores all candidates of the files, or (`unlearnt`) of the questions alone that an adapter
    trained here has not learnt: its scores of the others tell nothing.

    What was scored before is read from `folder`. Raises what the operation `score` raises.
    """
    manifest = read_manifest(bundle)
    adapter = f"{manifest['name']}@{manifest['version']}"
    lines = [_unlearnt(path) if unlearnt else None for path in files]
    data = [
        {"file": str(path.resolve()), "lines": wanted}
        for path, wanted in zip(files, lines, strict=True)
        if wanted != []
    ]
    if not data:
        return Scored(adapter, {})
    part = "unlearnt" if unlearnt else "all"
    done = ask(
        "score",
        data=data,
        bundle=str(bundle.resolve()),
        engine="node",
        url=None,
        threads=None,
        ks=[1],
        out=str((folder / f"{adapter}-{part}").resolve()),
    )
    logits: Scores = {}
    for path in map(Path, done["files"]):
        name = path.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".scored")
        for where, raw in read_jsonl(path):
            values = [one.get("logit") for one in raw["candidates"]]
            whole = all(value is not None for value in values)
            logits[name, str(raw.get("id", where))] = values if whole else None
    return Scored(adapter, logits)


def _unlearnt(path: Path) -> list[int]:
    return sorted({*lines_of(path, "validation", set()), *lines_of(path, "test", set())})
