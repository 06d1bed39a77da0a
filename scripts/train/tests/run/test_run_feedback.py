"""`run --feedback`: users' labels as one more set, from a file and from a bucket; small sets."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.bundle.manifest import read_manifest
from medadapter_train.cli import main
from medadapter_train.data.candidates import read_records
from medadapter_train.data.split import share_of
from medadapter_train.system.object_store import ENDPOINT_VARIABLE, Store

RUN = """
[run]
folder = "work"
candidates = "."
choose = false

[train]
base = "{base}"
passes = 8
batch = 4
validate_every = 8
checkpoint_every = 8
bf16 = false
threads = 1
sets = [{{ file = "{file}" }}, {{ file = "small.jsonl.gz" }}]

[bundle]
name = "tiny"
version = "1.0.0"

[calibrate]
[evaluate]
"""
ENTRY: dict[str, Any] = {
    "tenant": "clinic",
    "trusted": True,
    "options": {"yes": "yes", "no": "no"},
    "candidates": [{"text": "It is.", "answer": "yes"}, {"text": "No.", "answer": "no"}],
    "outcome": {"gold": "yes"},
}


def in_share(share: str, count: int) -> list[str]:
    """Questions of one share of the split."""
    asked = (f"Is number {n} even?" for n in range(10_000))
    return list(islice((q for q in asked if share_of(q) == share), count))


@pytest.fixture
def files(tmp_path: Path, tiny_base: Path, candidate_file: Path) -> Path:
    """A run whose second set and whose feedback have no question in the test share."""
    (tmp_path / candidate_file.name).symlink_to(candidate_file)
    path = tmp_path / "run.toml"
    path.write_text(RUN.format(base=tiny_base, file=candidate_file.name))
    rows = [
        {**ENTRY, "id": q, "question": q, "tenant": t, "trusted": t == "clinic"}
        for t in ("clinic", "other")
        for q in in_share("train", 3)
    ]
    (tmp_path / "feedback.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = [
        {"text": "It is.", "answer": "yes", "correct": True},
        {"text": "No", "correct": False},
    ]
    small = [
        {"question": q, "options": ENTRY["options"], "gold": "yes", "candidates": judged}
        for q in in_share("train", 5)[3:]
    ]
    with gzip.open(tmp_path / "small.jsonl.gz", "wt") as stream:
        stream.write("".join(json.dumps(row) + "\n" for row in small))
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["medadapter-train", "run", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)


def trained(work: Path) -> dict[str, int]:
    manifest = read_manifest(work / "bundle")
    assert {m["set"] for m in manifest["metrics"]} == {"pubmedqa_toy_x6"}
    return {s["file"]: 1 for s in manifest["training"]["sets"]}


def test_a_file_given_by_option_is_trained_on_and_judges_nothing(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--feedback", files.parent / "feedback.jsonl", "--tenant", "clinic"]
    run(monkeypatch, files, *words)
    work = files.parent / "work"
    assert set(trained(work)) == {
        "pubmedqa_toy_x6.jsonl.gz",
        "small.jsonl.gz",
        "feedback.jsonl.gz",
    }
    made = list(read_records(work / "data" / "feedback.jsonl.gz"))
    assert sorted(r.question for r in made) == sorted(in_share("train", 3))
    told = capsys.readouterr().err
    assert "small.jsonl.gz: no question in the test share, left out" in told
    assert "on the test share" in (work / "bundle" / "README.md").read_text()


def test_feedback_comes_from_a_bucket_too(
    files: Path, store: Store, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("feedback/2026/a.jsonl", (files.parent / "feedback.jsonl").read_bytes(), "text/plain")
    monkeypatch.setenv(ENDPOINT_VARIABLE, endpoint)
    place = f"s3://{store.bucket}/feedback/"
    run(monkeypatch, files, "--feedback", place, "--tenant", "clinic")
    assert "feedback.jsonl.gz" in trained(files.parent / "work")
