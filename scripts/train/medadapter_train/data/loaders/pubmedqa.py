"""PubMedQA, labelled part: `ori_pqal.json` and `test_ground_truth.json` (Jin et al., EMNLP 2019).

The official test is the 500 whose PMIDs the ground truth lists. The other 500 are for training; the
authors split them ten times for cross-validation (`pqal_fold<i>/{train,dev}_set.json`, made by
their script): with the folder of one fold, train and validation are that fold's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import (
    Split,
    Tally,
    closed,
    find,
    find_all,
    no_such_split,
    read_json_object,
)
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

_LABELS = ("yes", "no", "maybe")


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Raises `DataError` no_such_split (validation without a fold), bad_record, question_leak."""
    truth = read_json_object(find(folder, "test_ground_truth.json"))
    if split == "test":
        entries = read_json_object(find(folder, "ori_pqal.json"))
        entries = {pmid: entries[pmid] for pmid in truth if pmid in entries}
        for _ in range(len(truth) - len(entries)):
            tally.skip("pmid_not_in_ori_pqal")
    else:
        entries = _development(folder, split)
        if truth.keys() & entries.keys():
            raise DataError("question_leak", f"the {split} file holds PMIDs of the official test")
    for pmid, entry in entries.items():
        yield _record(pmid, entry, split, truth.get(pmid))


def _development(folder: Path, split: Split) -> dict[str, object]:
    fold = find_all(folder, "train_set.json" if split == "train" else "dev_set.json")
    if len(fold) > 1:
        raise DataError("ambiguous_file", "several folds in the folder: name the folder of one")
    if fold:
        return dict(read_json_object(fold[0]))
    if split == "validation":
        raise no_such_split("PubMedQA", split, "give a fold of the authors' split script")
    truth = read_json_object(find(folder, "test_ground_truth.json"))
    entries = read_json_object(find(folder, "ori_pqal.json"))
    return {pmid: entry for pmid, entry in entries.items() if pmid not in truth}


def _record(pmid: str, entry: object, split: Split, truth: object) -> QuestionRecord:
    where = f"PMID {pmid}"
    if not isinstance(entry, dict) or not isinstance(entry.get("QUESTION"), str):
        raise DataError("bad_record", f"{where}: no QUESTION")
    contexts = entry.get("CONTEXTS")
    if not isinstance(contexts, list) or not all(isinstance(c, str) for c in contexts):
        raise DataError("bad_record", f"{where}: CONTEXTS is not a list of texts")
    gold = truth if truth is not None else entry.get("final_decision")
    if gold not in _LABELS:
        raise DataError("unknown_label", f"{where}: the decision is not yes, no or maybe")
    return QuestionRecord(
        id=f"pubmedqa/{pmid}",
        dataset=f"PubMedQA-L {split}",
        task="pubmedqa",
        split=split,
        question=entry["QUESTION"].strip(),
        context="\n".join(contexts),
        evidence=None,
        options=closed(_LABELS),
        gold=str(gold),
    )
