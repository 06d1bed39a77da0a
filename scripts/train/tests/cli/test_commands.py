"""The commands on a tiny encoder: export, calibrate, evaluate, and clear failures."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from train_files import write_config
from typed_command import run

from medadapter_train.bundle.manifest import read_manifest


def _config_of(data: Path, base: Path) -> Path:
    """A run's configuration over one file."""
    folder = data.parent / f"config of {data.name}"
    folder.mkdir()
    config = write_config(folder, base, data, 80)
    config.write_text(config.read_text() + f"data_folder = {str(data.parent)!r}\n")
    return config


@pytest.fixture
def bundle(
    tiny_base: Path, candidate_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    config = write_config(tmp_path, tiny_base, candidate_file, 80)
    out = tmp_path / "bundle"
    assert run(monkeypatch, "export", config, "--out", out, "--untrained") == 0
    return out


def test_calibrate_and_evaluate_fill_manifest_json_plots_and_card(
    bundle: Path, candidate_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["--data", candidate_file]
    assert run(monkeypatch, "calibrate", "--bundle", bundle, *data) == 0
    manifest = read_manifest(bundle)
    groups = {(g["context"], g["labels"]) for g in manifest["selector"]["groups"]}
    assert groups == {(True, "closed"), (False, "closed")}
    assert manifest["validatedOn"] == [{"llm": "test-llm", "task": "pubmedqa"}]
    figures, plots = tmp_path / "figures.json", tmp_path / "plots"
    more = ["--split", "test", "--json", figures, "--plots", plots, "--record"]
    assert run(monkeypatch, "evaluate", "--bundle", bundle, *data, *more) == 0
    (dataset,) = json.loads(figures.read_text())["datasets"]
    wanted = ["name", "n", "parse_rate", "single", "best_source", "majority", "letter_vote"]
    wanted += [
        "answer_only",
        "best_of",
        "weighted_vote",
        "oracle",
        "paired_vs_majority",
        "auc",
        "ece",
    ]
    assert set(wanted) <= set(dataset)
    assert set(dataset["paired_vs_majority"]) >= {"diff", "low", "high"}
    assert dataset["parse_rate"] == 1.0
    assert dataset["intervals"]["answer_only"]["low"] <= dataset["answer_only"]
    assert dataset["single"] <= dataset["oracle"]
    assert {p.name for p in plots.iterdir()} == {
        "reliability.png",
        "risk-coverage.png",
        "k-curve.png",
    }
    assert "pubmedqa_toy_x6" in (bundle / "README.md").read_text()
    assert any(m["rule"] == "weighted_vote" for m in read_manifest(bundle)["metrics"])
    golden = tmp_path / "golden"
    assert run(monkeypatch, "golden", "--bundle", bundle, "--out", golden) == 0
    assert {path.name for path in golden.iterdir()} == {
        "template.golden.jsonl",
        "tokenizer.golden.jsonl",
    }


def test_several_files_follow_one_option_and_even_unscored_ones_are_measured(
    bundle: Path, candidate_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gzip.open(candidate_file, "rt") as stream:
        rows = [json.loads(line) for line in stream][:6]
    few, long = tmp_path / "few_x6.jsonl", tmp_path / "long_x6.jsonl"
    few.write_text("".join(json.dumps(row) + "\n" for row in rows))
    over = [{**row, "question": f"{row['question']} {'fever ' * 600}"} for row in rows]
    long.write_text("".join(json.dumps(row) + "\n" for row in over))
    figures = tmp_path / "new" / "figures.json"
    words = ["evaluate", "--bundle", bundle, "--data", few, long, "--json", figures]
    assert run(monkeypatch, *words) == 0
    datasets = json.loads(figures.read_text())["datasets"]
    assert [(d["name"], d["n"], d["unscored"]) for d in datasets] == [
        ("few_x6", 6, 0),
        ("long_x6", 6, 6),
    ]
    assert datasets[1]["auc"] is None


def test_what_an_adapter_goes_by_is_measured_beside_the_same_baselines(
    bundle: Path, candidate_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", "--bundle", bundle, "--data", candidate_file, "--json"]
    whole, blind = tmp_path / "whole.json", tmp_path / "blind.json"
    assert run(monkeypatch, *words, whole) == 0
    assert run(monkeypatch, *words, blind, "--withhold", "evidence") == 0
    first, second = (json.loads(p.read_text()) for p in (whole, blind))
    assert (first.get("withheld"), second["withheld"]) == (None, "evidence")
    (a,), (b,) = first["datasets"], second["datasets"]
    assert (a["majority"], a["letter_vote"]) == (b["majority"], b["letter_vote"])
    assert a["auc"] != b["auc"]
    for more in (["--record"], ["--plots", tmp_path / "p"], ["--report", tmp_path / "r"]):
        assert run(monkeypatch, *words, blind, "--withhold", "evidence", *more) == 2
    assert run(monkeypatch, *words, blind, "--withhold", "answers") == 2


def test_failures_have_names_and_exit_codes(
    bundle: Path,
    tiny_base: Path,
    candidate_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    body = gzip.decompress(candidate_file.read_bytes())
    cut, latin, empty = (tmp_path / n for n in ("cut.jsonl.gz", "latin.jsonl", "empty.jsonl"))
    cut.write_bytes(gzip.compress(body)[:2000])
    latin.write_bytes(b'{"question": "\xff"}\n')
    empty.write_bytes(b"")
    long = tmp_path / "long.jsonl"
    row = {**json.loads(body.splitlines()[0]), "question": "fever " * 600}
    long.write_text("".join(json.dumps({**row, "id": str(i)}) + "\n" for i in range(40)))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    config = write_config(tmp_path, tmp_path / "no-such-base", candidate_file, 80)
    odd = tmp_path / "odd.toml"
    odd.write_text("[train]\nseeds = 3\n")
    evaluate = ["evaluate", "--bundle", bundle, "--data"]
    cases: list[tuple[list[object], int, str]] = [
        ([*evaluate, cut], 3, "truncated_gzip"),
        ([*evaluate, latin], 3, "not_utf8"),
        ([*evaluate, empty], 3, "empty_file"),
        ([*evaluate, tmp_path / "absent.jsonl"], 3, "file_missing"),
        ([*evaluate, candidate_file, "--split", "tset"], 2, "bad_split"),
        (
            ["evaluate", "--bundle", tmp_path / "none", "--data", candidate_file],
            4,
            "bundle_missing",
        ),
        (["evaluate", "--bundle", broken, "--data", candidate_file], 4, "bundle_damaged"),
        (["export", config, "--out", tmp_path / "x", "--untrained"], 4, "base_missing"),
        (["export", config, "--out", tmp_path / "x"], 2, "no_weights"),
        (["export", config, "--out", tmp_path / "x", "--run", tmp_path / "no"], 4, "run_missing"),
        (["train", config, "--out", tmp_path / "r"], 4, "base_missing"),
        *[
            (["train", _config_of(file, tiny_base), "--out", tmp_path / "r"], 3, kind)
            for file, kind in ((cut, "truncated_gzip"), (latin, "not_utf8"), (empty, "empty_file"))
        ],
        (["train", _config_of(long, tiny_base), "--out", tmp_path / "r"], 3, "empty_share"),
        (["train", odd, "--out", tmp_path / "r"], 2, "bad_config"),
        (["train", tmp_path / "absent.toml", "--out", tmp_path / "r"], 2, "config_missing"),
    ]
    for arguments, code, kind in cases:
        capsys.readouterr()
        assert run(monkeypatch, *arguments) == code, kind
        assert f"error: {kind}: " in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_bundle_killed_between_card_and_manifest_is_calibrated_again(
    bundle: Path, candidate_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "README.md").write_text("a card that the manifest does not know yet")
    words = ["--bundle", bundle, "--data", candidate_file]
    assert run(monkeypatch, "evaluate", *words) == 4  # who only reads is told
    assert run(monkeypatch, "calibrate", *words) == 0
    assert "Confidence" in (bundle / "README.md").read_text()
    read_manifest(bundle)


def test_a_bundle_is_calibrated_for_another_llm_as_a_new_version(
    bundle: Path, candidate_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "ours.jsonl"
    with gzip.open(candidate_file, "rt") as stream:
        rows = [json.loads(line) for line in stream][:200]
    for row in rows:
        row["task"] = "yesno"
        for candidate in row["candidates"]:
            candidate["model"] = "our-llm"
    own.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = (bundle / "manifest.json").read_bytes()
    new = tmp_path / "calibrated"
    words = ["calibrate", "--bundle", bundle, "--data", own, "--split", "all"]
    assert run(monkeypatch, *words, "--out", new) == 2  # a new bundle needs a version
    assert run(monkeypatch, *words, "--out", new, "--version", "2026.11.1-ours") == 0
    manifest = read_manifest(new)
    assert manifest["version"] == "2026.11.1-ours"
    assert manifest["validatedOn"] == [{"llm": "our-llm", "task": "yesno"}]
    assert manifest["selector"]["groups"]
    assert "our-llm on yesno" in (new / "README.md").read_text()
    assert (bundle / "manifest.json").read_bytes() == before
    assert (new / "adapter.ort").read_bytes() == (bundle / "adapter.ort").read_bytes()
