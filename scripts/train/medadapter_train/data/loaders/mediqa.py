"""MediQA-QA (answer ranking): XML of the shared task (Ben Abacha et al., BioNLP 2019).

A question with answers that the system CHiQA retrieved, each rated by hand: `ReferenceScore` 4
excellent, 3 correct but incomplete, 2 related, 1 incorrect; 3 and 4 count as right, as in the task.
The reference text is the best-rated answer. `load_candidates` gives the rated answers themselves as
candidates: labels by people, no LLM in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from medadapter_train.data.loaders.common import Split, Tally, find, find_all, read_xml, text_of
from medadapter_train.data.questions import QuestionRecord
from medadapter_train.errors import DataError

_FILES = {
    "validation": "MEDIQA2019-Task3-QA-ValidationSet.xml",
    "test": "MEDIQA2019-Task3-QA-TestSet-wLabels.xml",
}
_TRAINING = ("TrainingSet1-LiveQAMed", "TrainingSet2-Alexa")
_RIGHT = 3


def load(folder: Path, split: Split, tally: Tally) -> Iterator[QuestionRecord]:
    """Raises `DataError` bad_xml, bad_record."""
    for record, _answers in _read(folder, split, tally):
        yield record


def load_candidates(folder: Path, split: Split, tally: Tally) -> Iterator[dict[str, Any]]:
    """The same questions as records of a candidate file, with the rated answers as candidates."""
    for record, answers in _read(folder, split, tally):
        candidates = [
            {
                "cid": answer.get("AID", str(i)),
                "model": "CHiQA",
                "method": "retrieved",
                "text": text_of(answer, "AnswerText"),
                "answer": None,
                "correct": _score(answer, record.id) >= _RIGHT,
            }
            for i, answer in enumerate(answers)
        ]
        yield {**record.to_json(), "candidates": candidates}


def _read(
    folder: Path, split: Split, tally: Tally
) -> Iterator[tuple[QuestionRecord, list[Element]]]:
    for path in _paths(folder, split):
        for number, node in enumerate(read_xml(path).iter("Question"), start=1):
            name = f"mediqa/{path.stem}/{node.get('QID', number)}"
            question = text_of(node, "QuestionText")
            answers = [a for a in node.iter("Answer") if text_of(a, "AnswerText")]
            if not question:
                tally.skip("blank_question")
            elif not answers:
                tally.skip("no_answers")
            else:
                best = max(answers, key=lambda a: (_score(a, name), -_rank(a)))
                gold = text_of(best, "AnswerText") if _score(best, name) >= _RIGHT else None
                dataset = f"MediQA-QA {split}"
                yield (
                    QuestionRecord(name, dataset, "mediqa", split, question, None, None, (), gold),
                    answers,
                )


def _paths(folder: Path, split: Split) -> list[Path]:
    """The authors corrected the training files once: `-V2` goes first where both are there."""
    if split != "train":
        return [find(folder, _FILES[split])]
    found = []
    for name in _TRAINING:
        paths = find_all(folder, f"*-{name}-V2.xml", f"*-{name}.xml")
        found.extend(paths[:1])
    if not found:
        raise DataError("file_missing", "no MEDIQA2019-Task3-QA-TrainingSet*.xml in the folder")
    return found


def _score(answer: Element, where: str) -> int:
    value = answer.get("ReferenceScore", "")
    if value not in ("1", "2", "3", "4"):
        raise DataError("bad_record", f"{where}: an answer without a ReferenceScore of 1 to 4")
    return int(value)


def _rank(answer: Element) -> int:
    value = answer.get("ReferenceRank", "")
    return int(value) if value.isdecimal() else 10**6
