"""The ten tasks of the paper and the loader of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders import (
    bioasq,
    cord19,
    mediqa,
    mediqa_rqe,
    medmcqa,
    mednli,
    medqa,
    mmlu_med,
    pubhealth,
    pubmedqa,
)
from medadapter_train.data.loaders.common import SPLITS, Loader, Split, Tally
from medadapter_train.data.questions import QuestionRecord, check_no_leak
from medadapter_train.errors import DataError

LOADERS: dict[str, Loader] = {
    "bioasq": bioasq.load,
    "cord19": cord19.load,
    "mediqa": mediqa.load,
    "mediqa_rqe": mediqa_rqe.load,
    "medmcqa": medmcqa.load,
    "mednli": mednli.load,
    "medqa": medqa.load,
    "mmlu_med": mmlu_med.load,
    "pubhealth": pubhealth.load,
    "pubmedqa": pubmedqa.load,
}


def load(task: str, folder: Path, split: str, tally: Tally) -> Iterator[QuestionRecord]:
    """The questions of a split. Raises `DataError`: unknown_task, unknown_split, empty_split, and
    those of the loader."""
    if task not in LOADERS:
        raise DataError("unknown_task", f"no loader of that name; there are {', '.join(LOADERS)}")
    if split not in SPLITS:
        raise DataError("unknown_split", f"a split is one of {', '.join(SPLITS)}")
    named: Split = split
    empty = True
    for record in LOADERS[task](folder, named, tally):
        empty = False
        yield record
    if empty:
        raise DataError("empty_split", f"{task} {split}: no question in the folder given")


def check_splits(task: str, folder: Path) -> dict[str, int]:
    """Check the set's own splits against each other: questions of each split, by name.

    Raises `DataError` question_leak when a validation or test question is also in training.
    """
    loaded: dict[str, list[QuestionRecord]] = {}
    for split in SPLITS:
        try:
            loaded[split] = list(load(task, folder, split, Tally()))
        except DataError as error:
            if error.kind not in ("no_such_split", "file_missing", "empty_split"):
                raise
    held_out = loaded.get("validation", []) + loaded.get("test", [])
    check_no_leak(loaded.get("train", []), held_out)
    return {split: len(records) for split, records in loaded.items()}
