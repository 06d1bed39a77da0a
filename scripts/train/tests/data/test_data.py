"""Candidate files: what is read, and what is refused by name without echoing content."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import record

from medadapter_train.data.candidates import check_names, read_records
from medadapter_train.data.split import (
    check_leak,
    lines_of,
    normalise_question,
    question_key,
    read_keys,
    share_of,
)
from medadapter_train.errors import DataError
from medadapter_train.system.files import write_jsonl

CANARY = "canary-7731"
GOOD: dict[str, Any] = {
    "id": "1",
    "question": f"Is it {CANARY}?",
    "context": None,
    "evidence": "Evidence.",
    "options": {"A": "Yes", "B": "no", "C": "maybe"},
    "gold": "B",
    "candidates": [
        {"cid": "a", "model": "m", "method": "x", "text": "No.", "answer": "B", "correct": True},
        {"cid": "b", "model": "m", "method": "x", "text": "?", "answer": None, "correct": False},
    ],
}


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def test_words_become_labels_and_evidence_stands_in_for_context(tmp_path: Path) -> None:
    (record,) = read_records(write(tmp_path / "set_x2.jsonl", GOOD))
    assert record.options == (("yes", "yes"), ("no", "no"), ("maybe", "maybe"))
    assert (record.gold, record.context, record.closed) == ("no", "Evidence.", True)
    assert [c.answer for c in record.candidates] == ["no", None]
    assert record.set_name == "set_x2"


def test_letters_stay_letters(tmp_path: Path) -> None:
    raw = {**GOOD, "options": {"A": "aspirin", "B": "no", "C": "maybe"}, "evidence": None}
    (record,) = read_records(write(tmp_path / "a.jsonl", raw))
    assert record.options[0] == ("A", "aspirin")
    assert not record.closed
    assert record.context is None


def test_a_named_option_that_is_not_there_counts_as_unparsed(tmp_path: Path) -> None:
    candidate = {**GOOD["candidates"][1], "answer": "J"}
    raw = {**GOOD, "candidates": [GOOD["candidates"][0], candidate]}
    (record,) = read_records(write(tmp_path / "a.jsonl", raw))
    assert record.candidates[1].answer is None


BAD: list[tuple[str, dict[str, Any]]] = [
    ("unknown_label", {"gold": "Z"}),
    ("unknown_label", {"candidates": [{"text": "t", "answer": "Z", "correct": True}]}),
    ("no_candidates", {"candidates": []}),
    ("bad_record", {"candidates": [{"answer": "A", "correct": True}]}),
    ("bad_record", {"candidates": [{"text": "t", "answer": "A"}]}),
    ("bad_record", {"candidates": [{"text": " ", "answer": "A", "correct": True}]}),
    ("bad_record", {"candidates": ["a text alone"]}),
    ("bad_record", {"question": "  "}),
    ("bad_record", {"options": ["yes"]}),
    ("bad_record", {"context": 5}),
]


@pytest.mark.parametrize(("kind", "change"), BAD)
def test_bad_records_are_named_by_line_and_never_echoed(
    tmp_path: Path, kind: str, change: dict[str, Any]
) -> None:
    path = write(tmp_path / "bad.jsonl", GOOD, {**GOOD, **change})
    with pytest.raises(DataError) as caught:
        list(read_records(path))
    assert caught.value.kind == kind
    assert "bad.jsonl:2" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = gzip.compress(
        "".join(json.dumps({**GOOD, "id": str(i)}) + "\n" for i in range(500)).encode()
    )
    cases: list[tuple[str, str, bytes]] = [
        ("truncated_gzip", "cut.jsonl.gz", whole[: len(whole) // 2]),
        ("truncated_gzip", "no.jsonl.gz", b"not gzip at all"),
        ("not_utf8", "latin.jsonl", json.dumps(GOOD).encode() + b'\n{"question": "\xff\xfe"}\n'),
        (
            "bad_json",
            "half.jsonl",
            json.dumps(GOOD).encode() + b'\n{"question": "' + CANARY.encode(),
        ),
        ("bad_json", "deep.jsonl", b"[" * 100_000),
        ("bad_json", "digits.jsonl", b'{"id": ' + b"9" * 5000 + b"}"),
        ("empty_file", "empty.jsonl", b""),
        ("empty_file", "blank.jsonl", b"\n \n\n"),
        ("empty_file", "nothing.jsonl.gz", gzip.compress(b"")),
    ]
    for kind, name, body in cases:
        (tmp_path / name).write_bytes(body)
        with pytest.raises(DataError) as caught:
            list(read_records(tmp_path / name))
        assert caught.value.kind == kind, name
        assert CANARY not in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        list(read_records(tmp_path / "absent.jsonl"))


def test_what_is_not_utf8_is_named_by_its_line(tmp_path: Path) -> None:
    lines = [json.dumps({**GOOD, "id": str(i)}).encode() for i in range(9)]
    lines[6] = lines[6].replace(b"Is it", b"Is \xff")
    for name, body in (("a.jsonl", b"\n".join(lines)), ("a.jsonl.gz", b"\r\n".join(lines))):
        path = tmp_path / name
        path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
        with pytest.raises(DataError) as caught:
            list(read_records(path))
        assert str(caught.value) == f"{name}:7: not UTF-8"


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    (record,) = read_records(tmp_path / "a.jsonl")
    assert record.id == "1"


def test_half_a_character_of_an_llm_does_not_spoil_its_file(tmp_path: Path) -> None:
    cut, whole = {"text": "No \ud83d"}, {"text": "No \U0001f600"}
    candidates = [{**GOOD["candidates"][0], **text} for text in (cut, whole)]
    row = {**GOOD, "question": "Is \udc00 it?", "candidates": candidates}
    write_jsonl(tmp_path / "written.jsonl.gz", [row])
    for path in (tmp_path / "written.jsonl.gz", write(tmp_path / "escaped.jsonl", row)):
        (record,) = read_records(path)
        assert record.question == "Is \ufffd it?"
        assert [c.text for c in record.candidates] == ["No \ufffd", "No \U0001f600"]


def test_split_depends_on_the_normalised_question_alone() -> None:
    question = "Which drug,  given early, helps?"
    same = "which DRUG given early — helps\nAnswer Choices: (A) one (B) two"
    assert normalise_question(question) == normalise_question(same)
    assert share_of(question) == share_of(same)
    shares = [share_of(f"question number {i}") for i in range(5000)]
    assert 0.74 < shares.count("train") / 5000 < 0.78
    assert 0.10 < shares.count("test") / 5000 < 0.14
    # A question that leaves the test share would leak test data into training.
    assert [share_of(f"question number {i}") for i in range(12)] == FIRST_TWELVE
    assert question_key("A?") == question_key("a")


FIRST_TWELVE = [
    "train",
    "train",
    "train",
    "validation",
    "train",
    "train",
    "train",
    "train",
    "train",
    "train",
    "test",
    "train",
]


def test_leak_check_sees_the_same_question_through_its_spelling(tmp_path: Path) -> None:
    (record,) = read_records(write(tmp_path / "a.jsonl", GOOD))
    (other,) = read_records(write(tmp_path / "b.jsonl", {**GOOD, "question": f"is it {CANARY}"}))
    with pytest.raises(DataError) as caught:
        check_leak([record], [other])
    assert caught.value.kind == "question_leak"
    check_leak([record], [])


def test_texts_that_are_asked_the_same_question_are_told_apart(tmp_path: Path) -> None:
    rows = [
        {
            **GOOD,
            "task": "cord19",
            "question": "Summarise the text.",
            "context": f"Paper {number}.",
            "options": {},
            "gold": "",
        }
        for number in range(200)
    ]
    records = list(read_records(write(tmp_path / "papers.jsonl", *rows)))
    shares = [share_of(record.identity) for record in records]
    assert {*shares} == {"train", "validation", "test"}
    test = [r for r, share in zip(records, shares, strict=True) if share == "test"]
    check_leak([r for r in records if r not in test], test)
    with pytest.raises(DataError):
        check_leak(records, test)


def test_a_question_that_repeats_its_context_is_the_same_without_it(tmp_path: Path) -> None:
    context = "Forty patients were asked about their sleep before and after the change of shifts."
    row = {**record(1, random.Random(1)), "context": context, "question": "Do shifts harm sleep?"}
    path = tmp_path / "pubmedqa_x6.jsonl"
    repeated = {
        **row,
        "context": None,
        "evidence": context,
        "question": f"{context}\nDo shifts harm sleep?",
    }
    path.write_text(f"{json.dumps(row)}\n{json.dumps(repeated)}\n")
    one, two = read_records(path)
    assert two.question == one.question == "Do shifts harm sleep?"
    assert share_of(one.question) == share_of(two.question)
    with pytest.raises(DataError, match="also in training"):
        check_leak([one], [two])
    short = {**row, "context": "shifts", "question": "Do shifts harm sleep?"}
    path.write_text(json.dumps(short) + "\n")
    assert next(iter(read_records(path))).question == "Do shifts harm sleep?"
    path.write_text(json.dumps({**row, "question": context}) + "\n")
    assert next(iter(read_records(path))).question == context


def test_two_files_of_one_name_are_refused() -> None:
    check_names([Path("a/x.jsonl"), Path("a/y.jsonl.gz")])
    with pytest.raises(DataError) as caught:
        check_names([Path("a/x.jsonl"), Path("b/x.jsonl.gz")])
    assert caught.value.kind == "same_name"


def test_lines_of_a_share_are_told_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    lines = [json.dumps({"question": f"Question number {n}?"}) for n in range(60)]
    path.write_text("\n\n".join(lines) + "\n")
    shares = ("all", "train", "validation", "test")
    found = {split: lines_of(path, split, set()) for split in shares}
    # Every other line is blank, and is counted.
    assert found["all"] == list(range(1, 121, 2))
    parts = found["train"] + found["validation"] + found["test"]
    assert sorted(parts) == found["all"]
    assert len(found["train"]) > 30
    assert found["test"]


def test_questions_that_a_file_of_keys_names_are_in_no_share(tmp_path: Path) -> None:
    path, keys = tmp_path / "asked.jsonl", tmp_path / "seen.txt"
    abstract = "An abstract of more than forty letters, which one file repeats in its question."
    rows = [
        {"question": question, "context": abstract}
        for question in ("Is it so?", f"{abstract} Is it  SO", "Is it otherwise?")
    ]
    write(path, *rows)
    keys.write_text(f"# seen in training\n\n{question_key('is it so')} # once\n")
    assert lines_of(path, "all", read_keys(keys)) == [3]
    keys.write_text("Is it so?\n")
    with pytest.raises(DataError, match=r"seen\.txt:1: not a SHA-256"):
        read_keys(keys)


def test_a_fault_is_named_before_the_damage_after_it(tmp_path: Path) -> None:
    path = write(tmp_path / "two.jsonl", GOOD, {**GOOD, "gold": "Z"})
    path.write_text(path.read_text() + "not JSON\n")
    found = []
    with pytest.raises(DataError) as caught:
        for record in read_records(path):
            found.append(record)
    assert (len(found), caught.value.kind) == (1, "unknown_label")


def test_a_file_of_many_requests_is_read_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "many.jsonl", *({**GOOD, "id": str(i)} for i in range(200)))
    assert [record.id for record in read_records(path)] == [str(i) for i in range(200)]
