"""The public data sets' file formats, on samples written for this project: splits and golds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medadapter_train.data.candidates import parse_records
from medadapter_train.data.loaders.catalogue import LOADERS, check_splits, load
from medadapter_train.data.loaders.common import Tally
from medadapter_train.data.loaders.mediqa import load_candidates
from medadapter_train.data.questions import (
    QuestionRecord,
    check_no_leak,
    item_keys,
    parse_question,
    read_questions,
    write_questions,
)
from medadapter_train.errors import DataError

SAMPLES = Path(__file__).parents[1] / "samples"


def rows(task: str, split: str, folder: str = "") -> tuple[list[QuestionRecord], dict[str, int]]:
    tally = Tally()
    records = list(load(task, SAMPLES / (folder or task), split, tally))
    return records, dict(tally.skipped)


def golds(task: str, split: str, folder: str = "") -> list[str | None]:
    return [record.gold for record in rows(task, split, folder)[0]]


@pytest.mark.parametrize(
    ("task", "split", "expected"),
    [
        ("medmcqa", "train", ["B", "D"]),
        ("medmcqa", "validation", ["A"]),
        ("medmcqa", "test", [None]),
        ("medqa", "train", ["B", "C"]),
        ("medqa", "validation", ["A"]),
        ("medqa", "test", ["D"]),
        ("mmlu_med", "train", ["C"]),
        ("mmlu_med", "validation", ["B"]),
        ("mmlu_med", "test", ["A", "B"]),
        ("pubmedqa", "train", ["yes", "no"]),
        ("pubmedqa", "test", ["maybe", "no"]),
        ("bioasq", "train", ["no", "yes"]),
        ("bioasq", "test", ["yes", "no"]),
        ("mednli", "train", ["entailment", "contradiction"]),
        ("mednli", "validation", ["neutral"]),
        ("mednli", "test", ["contradiction"]),
        ("mediqa_rqe", "train", ["yes", "no"]),
        ("mediqa_rqe", "validation", ["yes"]),
        ("mediqa_rqe", "test", ["no", "yes"]),
        ("pubhealth", "train", ["false", "unproven"]),
        ("pubhealth", "validation", ["true"]),
        ("pubhealth", "test", ["mixture"]),
    ],
)
def test_each_split_has_its_own_questions_and_golds(
    task: str, split: str, expected: list[str | None]
) -> None:
    assert golds(task, split) == expected


def test_the_ten_tasks_of_the_paper_have_a_loader() -> None:
    assert len(LOADERS) == 10


@pytest.mark.parametrize("task", sorted(LOADERS))
def test_the_official_splits_share_no_question(task: str) -> None:
    assert check_splits(task, SAMPLES / task)["train"] > 0


def test_medmcqa_numbers_that_start_at_zero_are_understood(tmp_path: Path) -> None:
    text = (SAMPLES / "medmcqa" / "train.json").read_text()
    text = text.replace('"cop": 2', '"cop": 1').replace('"cop": 4', '"cop": 0')
    (tmp_path / "train.json").write_text(text)
    assert [r.gold for r in load("medmcqa", tmp_path, "train", Tally())] == ["B", "A"]


def test_medqa_reads_the_american_questions_and_the_four_option_files() -> None:
    assert [len(r.options) for r in rows("medqa", "train")[0]] == [5, 5]
    [record] = rows("medqa", "test", "medqa_4_options")[0]
    assert (len(record.options), record.gold) == (4, "A")


def test_mmlu_quotes_are_csv_quotes_and_missing_subjects_are_counted() -> None:
    records, skipped = rows("mmlu_med", "test")
    assert records[0].question == 'The "funny bone" is a nerve. Which one?'
    assert skipped == {"subject_file_missing": 4}


def test_pubmedqa_validation_is_a_fold_or_nothing() -> None:
    with pytest.raises(DataError) as caught:
        rows("pubmedqa", "validation")
    assert caught.value.kind == "no_such_split"
    assert golds("pubmedqa", "validation", "pubmedqa_fold") == ["no"]
    assert golds("pubmedqa", "train", "pubmedqa_fold") == ["yes"]


def test_pubmedqa_context_is_the_abstract_without_its_conclusion() -> None:
    record = rows("pubmedqa", "train")[0][0]
    assert record.context is not None
    assert record.context.startswith("Missed visits delay care.\nOf 200")
    assert record.options == (("yes", "yes"), ("no", "no"), ("maybe", "maybe"))


def test_bioasq_training_loses_what_is_in_a_golden_set() -> None:
    records, skipped = rows("bioasq", "train")
    assert skipped == {"not_yes_no": 1, "in_golden_test_set": 1}
    assert records[0].context == "The liver is an organ of digestion.\nIt lies under the diaphragm."


def test_mednli_pairs_are_told_apart_by_their_premise() -> None:
    train, test = rows("mednli", "train")[0][0], rows("mednli", "test")[0][0]
    assert train.question == test.question
    own, other = item_keys([train, test])
    assert own != other


def test_rqe_text_is_unescaped_and_its_white_space_folded() -> None:
    records = rows("mediqa_rqe", "train")[0]
    assert records[0].question == "Can iron tablets change the colour of stool?"
    assert records[1].context == "My knee hurts & clicks."


def test_rqe_test_is_not_the_training_file(tmp_path: Path) -> None:
    name = "MEDIQA2019-Task2-RQE-TrainingSet-AMIA2016.xml"
    shutil.copy(SAMPLES / "mediqa_rqe" / name, tmp_path / name)
    shutil.copy(SAMPLES / "mediqa_rqe" / name, tmp_path / "RQE_Test_302_pairs_AMIA2016.xml")
    with pytest.raises(DataError) as caught:
        list(load("mediqa_rqe", tmp_path, "test", Tally()))
    assert caught.value.kind == "file_missing"
    with pytest.raises(DataError) as caught:
        check_splits("mediqa_rqe", tmp_path)
    assert caught.value.kind == "question_leak"


def test_medmcqa_validation_does_not_pass_for_its_test(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "medmcqa" / "dev.json", tmp_path / "dev.json")
    with pytest.raises(DataError) as caught:
        list(load("medmcqa", tmp_path, "test", Tally()))
    assert caught.value.kind == "file_missing"


def test_pubhealth_never_reads_the_explanation_and_counts_broken_rows() -> None:
    records, skipped = rows("pubhealth", "train")
    assert skipped == {"no_gold": 1, "malformed_row": 1}
    assert records[1].question == 'A "miracle" tea ends all pain.'
    assert records[0].evidence == "An article written for this project."
    assert records[0].context is None


def test_mediqa_reference_is_the_best_rated_answer() -> None:
    records = rows("mediqa", "train")[0]
    assert [(record.gold or "")[:7] for record in records] == ["Rest it", "A disea"]
    assert golds("mediqa", "validation") == [None]


def test_mediqa_rated_answers_are_candidates_for_the_trainer() -> None:
    raw = list(load_candidates(SAMPLES / "mediqa", "train", Tally()))
    (record,) = parse_records([("sample", raw[0])], "mediqa")
    assert [candidate.correct for candidate in record.candidates] == [False, True]


def test_cord19_takes_the_body_for_the_text_and_the_abstract_for_the_reference() -> None:
    [record], skipped = rows("cord19", "train")
    assert skipped == {"duplicate_paper": 1, "no_abstract": 1, "no_body": 1}
    assert record.context is not None
    assert record.context.startswith("The cleaner parse.")
    assert record.gold is not None
    assert record.gold not in record.context
    [other], _ = rows("cord19", "test")
    assert (other.context or "").startswith("The other paper.")


def test_question_files_survive_a_round_trip(tmp_path: Path) -> None:
    records = [r for task in sorted(LOADERS) for r in rows(task, "train")[0]]
    assert write_questions(tmp_path / "q.jsonl.gz", records) == len(records)
    assert list(read_questions(tmp_path / "q.jsonl.gz")) == records


def test_a_leak_fails_whatever_the_spelling() -> None:
    [train, *_] = rows("medqa", "train")[0]
    test = QuestionRecord(
        **{f: getattr(train, f) for f in train.__slots__}
        | {"question": "  " + train.question.upper().replace(",", "")}
    )
    with pytest.raises(DataError) as caught:
        check_no_leak([train], [test])
    assert caught.value.kind == "question_leak"
    assert "30-year-old" not in str(caught.value)


@pytest.mark.parametrize("field", ["context", "evidence"])
def test_a_question_that_repeats_its_context_is_the_one_without(field: str) -> None:
    text = "Forty patients with fever were given iron, and forty were not."
    plain = {"id": "1", "question": "Does iron help?", "options": {"yes": "yes", "no": "no"}}
    bare = parse_question(plain, "a", "yesno")
    for question in (f"{text} Does iron help?", f"Does iron help?\n{text}"):
        whole = parse_question({**plain, field: text, "question": question}, "b", "yesno")
        with pytest.raises(DataError) as caught:
            check_no_leak([bare], [whole])
        assert caught.value.kind == "question_leak"
    other = {"question": f"{text} Does iron harm?", field: text}
    assert check_no_leak([bare], [parse_question({**plain, **other}, "b", "yesno")]) == 1


@pytest.mark.parametrize(
    ("task", "file", "content", "kind"),
    [
        ("medmcqa", "train.json", b'{"question": "\xff"}\n', "not_utf8"),
        ("medmcqa", "train.json", b'{"question": "a"}\n', "bad_record"),
        ("medqa", "train.jsonl", b'{"question": "q", "options": {"A": "x"}}\n', "unknown_label"),
        ("medqa", "train.jsonl", b"", "empty_file"),
        ("mednli", "mli_train_v1.jsonl", b"not json\n", "bad_json"),
        ("mediqa_rqe", "RQE_Train_8588_AMIA2016.xml", b"<rqe><pair>", "bad_xml"),
        ("mediqa_rqe", "RQE_Train_8588_AMIA2016.xml", b"<rqe></rqe>", "empty_split"),
        ("bioasq", "training11b.json", b"[]", "bad_record"),
        ("pubhealth", "train.tsv", b"a\tb\n", "bad_record"),
        ("mmlu_med", "dev/anatomy_dev.csv", b"q,a,b,c,d,E\n", "unknown_label"),
    ],
)
def test_broken_files_are_named_failures(
    tmp_path: Path, task: str, file: str, content: bytes, kind: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(load(task, tmp_path, "train", Tally()))
    assert caught.value.kind == kind


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    for task, split, kind in (("mmlu", "train", "unknown_task"), ("medqa", "dev", "unknown_split")):
        with pytest.raises(DataError) as caught:
            list(load(task, tmp_path, split, Tally()))
        assert caught.value.kind == kind
