"""Held-out questions of candidate files, scored by whatever scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import track

from medadapter_train.calibrate import HeldOut
from medadapter_train.data import Record, check_names, read_records
from medadapter_train.errors import TrainError
from medadapter_train.scoring import Scored, scored_of
from medadapter_train.split import question_key, share_of

SPLITS = ("all", "train", "validation", "test")


def check_split(split: str) -> None:
    """Raises `TrainError` bad_split."""
    if split not in SPLITS:
        raise TrainError("bad_split", f"--split is one of {', '.join(SPLITS)}")


class Scorer(Protocol):
    """Scores all candidates of a question."""

    def score(self, record: Record) -> Scored: ...


def records_of(path: Path, split: str) -> Iterator[Record]:
    """The records of one share of a file (`all`: every one)."""
    for record in read_records(path):
        if split == "all" or share_of(record.identity) == split:
            yield record


def score_file(scorer: Scorer, path: Path, split: str) -> list[Scored]:
    """Scored questions of a file's share, with a progress bar on stderr."""
    records = list(records_of(path, split))
    bar = track(records, path.name, console=Console(stderr=True), disable=not records)
    return [scorer.score(r) for r in bar]


def held_out_questions(
    scorer: Scorer, paths: Sequence[Path], split: str, *, reduced: bool, most: int = 0
) -> list[HeldOut]:
    """What `calibrate` fits on. With `reduced`, closed questions with context are scored once more
    without it. At most the first `most` of a file (0: all). Raises `DataError` same_name."""
    check_names(paths)
    found: list[HeldOut] = []
    for path in paths:
        records = list(islice(records_of(path, split), most or None))
        for record in track(records, path.name, console=Console(stderr=True), disable=not records):
            key = question_key(record.identity)
            found.append(HeldOut(scorer.score(record), key))
            if reduced and record.closed and record.context is not None:
                found.append(HeldOut(scorer.score(record.without_context()), key, reduced=True))
    return found


def training_votes(paths: Sequence[Path]) -> list[Scored]:
    """The training share of the files, unscored: of these only the votes are read."""
    return [scored_of(record, None) for path in paths for record in records_of(path, "train")]
