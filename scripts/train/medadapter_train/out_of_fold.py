"""Out-of-fold scores that `crossfit` wrote, and the questions that are fitted with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from medadapter_train.calibrate import HeldOut
from medadapter_train.data import Record, read_records, set_name_of
from medadapter_train.errors import DataError
from medadapter_train.jsonl import read_jsonl
from medadapter_train.scoring import scored_of
from medadapter_train.split import question_key

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
