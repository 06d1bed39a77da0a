"""MediQA-RQE (question entailment): XML pairs (Ben Abacha et al., BioNLP 2019).

`<pair pid value="true|false"><chq>patient's question</chq><faq>...</faq></pair>`. Train and
validation are of AMIA 2016 (8,588 and 302 pairs), the test is the shared task's own of 2019; the
file that AMIA 2016 called its test is the validation set here, never the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapter_train.data.loaders.common import Split, Tally, closed, find, read_xml, text_of
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

_FILES = {
    "train": ("MEDIQA2019-Task2-RQE-TrainingSet*.xml", "RQE_Train_8588_AMIA2016.xml"),
    "validation": ("MEDIQA2019-Task2-RQE-ValidationSet*.xml", "RQE_Test_302_pairs_AMIA2016.xml"),
    "test": ("MEDIQA2019-Task2-RQE-TestSet-wLabels.xml",),
}
_GOLD = {"true": "yes", "false": "no"}


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Raises `DataError` bad_xml, unknown_label."""
    path = find(folder, *_FILES[split])
    for number, pair in enumerate(read_xml(path).iter("pair"), start=1):
        where = f"{path.name}: pair {number}"
        asked, known = text_of(pair, "chq"), text_of(pair, "faq")
        if not asked or not known:
            tally.skip("blank_question")
            continue
        gold = _GOLD.get(pair.get("value", "").strip().lower())
        if gold is None:
            raise DataError("unknown_label", f"{where}: value is not true or false")
        yield QuestionRecord(
            id=f"mediqa_rqe/{split}/{pair.get('pid', number)}",
            dataset=f"MediQA-RQE {split}",
            task="mediqa_rqe",
            split=split,
            question=known,
            context=asked,
            evidence=None,
            options=closed(("yes", "no")),
            gold=gold,
        )
