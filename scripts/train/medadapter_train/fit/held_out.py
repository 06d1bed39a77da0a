"""Held-out questions with their scores: by any scorer, or the out-of-fold ones of `crossfit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from medadapter_train.data.candidates import Record, check_names, read_records, set_name_of
from medadapter_train.data.split import question_key, records_of
from medadapter_train.errors import DataError
from medadapter_train.model.scoring import Scored, Scorer, scored_of
from medadapter_train.system.files import read_jsonl


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A scored held-out question; `key` is its normalised text's hash (split.question_key).

    `reduced`: scored without the context it has, so that this kind of question is fitted as well;
    no figure is reported of those.
    """

    scored: Scored
    key: str
    reduced: bool = False


def held_out_questions(
    scorer: Scorer, paths: Sequence[Path], split: str, *, reduced: bool
) -> list[HeldOut]:
    """What `calibrate` fits on. With `reduced`, closed questions with context are scored once more
    without it. Raises `DataError` same_name."""
    check_names(paths)
    found: list[HeldOut] = []
    for path in paths:
        records = list(records_of(path, split))
        for record in track(records, path.name, console=Console(stderr=True), disable=not records):
            key = question_key(record.identity)
            found.append(HeldOut(scorer.score(record), key))
            if reduced and record.closed and record.context is not None:
                found.append(HeldOut(scorer.score(record.without_context()), key, reduced=True))
    return found


def training_votes(paths: Sequence[Path]) -> list[Scored]:
    """The training share of the files, unscored: of these only the votes are read."""
    return [scored_of(record, None) for path in paths for record in records_of(path, "train")]


#: (set, id of the question, whether its context was left out) -> a logit of each candidate.
OutOfFold = dict[tuple[str, str, bool], list[float]]


def read_out_of_fold(path: Path) -> OutOfFold:
    """Raises `DataError` bad_record and what reading JSON lines raises."""
    found: OutOfFold = {}
    for where, raw in read_jsonl(path):
        try:
            key = (str(raw["set"]), str(raw["id"]), bool(raw["reduced"]))
            found[key] = [float(z) for z in raw["logits"]]
        except (KeyError, TypeError, ValueError):
            raise DataError("bad_record", f"{where}: not as crossfit writes it") from None
    return found


def out_of_fold_questions(paths: Sequence[Path], found: OutOfFold) -> list[HeldOut]:
    """What `calibrate` fits on, of the files that `found` has scores of."""
    names = {name for name, _, _ in found}
    return [
        held
        for path in paths
        if set_name_of(path) in names
        for record in read_records(path)
        for held in _held(record, found)
    ]


def _held(record: Record, found: OutOfFold) -> Iterator[HeldOut]:
    for reduced in (False, True):
        logits = found.get((record.set_name, record.id, reduced))
        if logits is None:
            continue
        if len(logits) != len(record.candidates):
            raise DataError("bad_record", f"{record.set_name}: scores of other candidates")
        own = record.without_context() if reduced else record
        yield HeldOut(scored_of(own, np.array(logits)), question_key(record.identity), reduced)
