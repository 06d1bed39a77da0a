"""A whole run from one file, with a real LLM server, a tiny encoder and a real S3 server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer
from run_files import QUESTIONS, answer, write_run

from medadapter_train.errors import ConfigError, DataError, PublishError
from medadapter_train.publish.pointer import read_pointer
from medadapter_train.run.config import load_run
from medadapter_train.run.data_stages import RunData
from medadapter_train.run.pipeline import Run
from medadapter_train.system.files import read_jsonl, write_jsonl
from medadapter_train.system.object_store import Store
from medadapter_train.system.stamps import Stages


def go(path: Path) -> list[str]:
    lines: list[str] = []
    Run(load_run(path), lines.append).go()
    return lines


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, endpoint: str, tiny_base: Path
) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    store = Store(endpoint, "runs")
    store._client.create_bucket(
        Bucket="runs", CreateBucketConfiguration={"LocationConstraint": "auto"}
    )
    with LlmServer(answer=answer) as llm:
        path = write_run(folder, llm.url, endpoint, "runs", tiny_base, "tiny")
        lines = go(path)
        yield {"folder": folder, "llm": llm, "store": store, "lines": lines, "path": path}


def test_one_file_makes_and_publishes_an_adapter(place: dict[str, Any]) -> None:
    assert [line.split(":")[0] for line in place["lines"]] == [
        "generate/made_x4.jsonl.gz",
        "label/made_x4.jsonl.gz",
        "feedback",
        "train",
        "choose",
        "export",
        "calibrate",
        "evaluate",
        "plan-made",
        "publish",
    ]
    assert len(place["llm"].requests) == QUESTIONS
    pointer = read_pointer(place["store"], "tiny", "stable")
    assert pointer is not None
    assert (pointer.version, pointer.serial) == ("1.0.0", 1)
    stored = place["store"].get("adapters/tiny/1.0.0/manifest.json")
    assert stored is not None
    manifest = json.loads(stored.body)
    assert set(manifest["training"]["stages"]) >= {"generate/made_x4.jsonl.gz", "train", "export"}
    assert manifest["calibration"] is not None
    assert str(place["folder"]) not in stored.body.decode()
    plan = read_pointer(place["store"], "plan.made", "stable")
    assert plan is not None
    assert plan.serial == 1
    assert place["store"].get(f"adapters/plan.made/{plan.version}/manifest.json") is not None


def test_running_again_does_nothing(place: dict[str, Any]) -> None:
    before = len(place["llm"].requests)
    assert {line.split(": ")[1] for line in go(place["path"])} == {"done before"}
    assert len(place["llm"].requests) == before


#: Where each stage is killed: its output is made and not yet named, or its stamp is missing.
POINTS = [
    "generate/made_x4.jsonl.gz@made_x4.jsonl.gz",
    "generate/made_x4.jsonl.gz@stamp",
    "label/made_x4.jsonl.gz@made_x4.jsonl.gz",
    "label/made_x4.jsonl.gz@stamp",
    "feedback@feedback.jsonl.gz",
    "feedback@stamp",
    "train@checkpoint.pt#2",
    "train@stamp",
    "choose@best.safetensors",
    "choose@stamp",
    "export@exported",
    "export@stamp",
    "calibrate@calibrated",
    "evaluate@bundle",
    "evaluate@stamp",
    "plan-made@made.plan.json",
    "plan-made@stamp",
    "publish@manifest.json",
    "publish@stable.json",
    "publish@stamp",
]


def test_after_kill_9_in_stage_after_stage_the_result_is_the_undisturbed_one(
    place: dict[str, Any], tmp_path: Path, endpoint: str, tiny_base: Path
) -> None:
    store = Store(endpoint, "killed")
    store._client.create_bucket(
        Bucket="killed", CreateBucketConfiguration={"LocationConstraint": "auto"}
    )
    with LlmServer(answer=answer) as llm:
        path = write_run(tmp_path, llm.url, endpoint, "killed", tiny_base, "tiny")
        command = [sys.executable, str(Path(__file__).parents[1] / "killed_run.py"), str(path)]
        done = subprocess.run([*command, *POINTS], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == [*["-9"] * len(POINTS), "0"], done.stderr[-2000:]
        assert len(llm.requests) == QUESTIONS  # nothing was paid for twice
    whole, killed = place["folder"] / "work", tmp_path / "work"
    names = {p.relative_to(whole) for p in whole.rglob("*") if p.is_file()}
    names = {name for name in names if "tokens" not in name.parts and "events" not in name.name}
    assert {name for name in names if not (killed / name).is_file()} == set()
    for name in sorted(names):
        if name.name.endswith((".jsonl.gz", ".safetensors", ".png")):
            assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    assert json.loads((killed / "evaluation.json").read_text()) == json.loads(
        (whole / "evaluation.json").read_text()
    )
    bundles = [json.loads((f / "bundle" / "manifest.json").read_text()) for f in (whole, killed)]
    for manifest in bundles:
        # The ONNX exporter numbers its nodes anew.
        del manifest["createdAt"], manifest["files"]
    assert bundles[0] == bundles[1]
    pointer = read_pointer(store, "tiny", "stable")
    assert pointer is not None
    assert pointer.version == "1.0.0"
    assert [p.name for p in killed.iterdir() if p.name.startswith(".")] == []


def test_a_changed_setting_repeats_the_stages_that_it_decides(place: dict[str, Any]) -> None:
    text = place["path"].read_text()
    at = text.index("[evaluate]")
    text = text[:at] + text[at:].replace('split = "all"', 'split = "train"')
    other = place["folder"] / "other.toml"
    other.write_text(text.replace('channel = "stable"', 'channel = "canary"'))
    # The bundle's metrics are others now, and a published version never changes.
    lines: list[str] = []
    with pytest.raises(PublishError) as caught:
        Run(load_run(other), lines.append).go()
    assert caught.value.kind == "version_exists"
    running = [line.split(":")[0] for line in lines if line.endswith("running")]
    assert running == ["evaluate", "publish"]


def test_people_label_several_sets_in_one_file(
    tmp_path: Path, endpoint: str, tiny_base: Path
) -> None:
    """Each set takes its own lines; under another least kappa the sets are labelled anew."""
    with LlmServer(answer=answer) as llm:
        path = write_run(tmp_path, llm.url, endpoint, "none", tiny_base, "tiny")
        text = path.read_text()
        more = text[text.index("[[generate]]") : text.index("[feedback]")]
        more = more.replace("made_x4", "more_x4").replace("questions.jsonl", "more.jsonl")
        table = '[label]\nhuman = "people.jsonl"\nmin_kappa = 0.5\n'
        path.write_text(text.replace("[feedback]", f"{more}{table}\n[feedback]"))
        rows = [raw for _where, raw in read_jsonl(tmp_path / "questions.jsonl")]
        write_jsonl(tmp_path / "questions.jsonl", rows[:10])
        write_jsonl(tmp_path / "more.jsonl", rows[10:])
        people = tmp_path / "people.jsonl"

        def labelled() -> list[str]:
            config, lines = load_run(path), []
            RunData(config, tmp_path / "work", Stages(tmp_path / "s", lines.append)).make()
            return [line for line in lines if "generate" not in line]

        write_jsonl(people, [{"id": "0", "cid": "none", "correct": True}])
        with pytest.raises(DataError) as caught:
            labelled()
        assert caught.value.kind == "human_unmatched"
        write_jsonl(people, list(_people(tmp_path / "work" / "generated")))
        ran = ["label/made_x4.jsonl.gz: running", "label/more_x4.jsonl.gz: running"]
        assert labelled() == [*ran, "feedback: running"]
        path.write_text(path.read_text().replace("min_kappa = 0.5", "min_kappa = 0.6"))
        assert labelled() == [*ran, "feedback: done before"]


def _people(folder: Path) -> Iterator[dict[str, Any]]:
    """Somebody who reads as the parser does."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        for _where, raw in read_jsonl(path):
            for made in raw["candidates"]:
                right = made["text"].endswith(raw["gold"])
                yield {"id": raw["id"], "cid": made["cid"], "correct": right}


def test_a_run_that_would_measure_what_it_was_trained_on_fails(place: dict[str, Any]) -> None:
    text = place["path"].read_text()
    at = text.index("[evaluate]")
    leaking = text[:at] + text[at:].replace("held_out_x4", "made_x4")
    other = place["folder"] / "leak.toml"
    other.write_text(leaking)
    with pytest.raises(DataError) as caught:
        go(other)
    assert caught.value.kind == "question_leak"


RUN = '[run]\nfolder = "a"\n[train]\n'
MADE = '[[generate]]\nset = "s"\nquestions = "q"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\n", "run.toml: [run]: missing"),
        ('[run]\nfolder = "a"\n[train]\n[surprise]\n', "[surprise]: unknown table"),
        ("[run]\nfolder = 3\n[train]\n", "run.toml: run.folder: not text"),
        ('[run]\nfolder = "a"\nspeed = 1\n[train]\n', "run.speed: unknown field"),
        (
            '[run]\nfolder = "a"\n[train]\n[[generate]]\nset = "s"\n',
            "generate[0].questions: missing",
        ),
        ('[run]\nfolder = "a"\n[train]\n[publish]\nbucket = true\n', "publish.bucket: not text"),
        ("[run", "run.toml:"),
        # What a later stage would refuse, before the first one is paid for.
        (f"{RUN}sets = 3\n", "train.sets"),
        (f"{RUN}sets = [3]\n", "train.sets[0]"),
        (f"{RUN}batch = 0\n", "train.batch: 1 or more"),
        (f"{RUN}[bundle]\nname = 3\n", "bundle.name: not text"),
        (f'{RUN}[bundle]\nversion = "a/b"\n', "bundle.version"),
        (f'{RUN}[bundle]\ntitle = "a"\n', "bundle.title: unknown field"),
        (f'{RUN}[[provenance]]\nname = "a"\n', "provenance[0].licence: missing"),
        (f'{RUN}[calibrate]\nmethod = "isotonic"\n', "calibrate.method: one of platt, temperature"),
        (f'{RUN}[evaluate]\nsplit = "tset"\n', "evaluate.split: one of all, train"),
        (f"{RUN}{MADE}k = 0\n[generate.llm]\nmodel = 'm'\n", "generate[0].k: 1 or more"),
        (f"{RUN}{MADE}[generate.llm]\nmodel = 'm'\nparallel = 0\n", "llm.parallel: 1 or more"),
        (f"{RUN}{MADE}[generate.llm]\nmodel = 'm'\ntop_p = 2\n", "llm.top_p: 1 or less"),
    ],
)
def test_a_wrong_file_names_the_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_run(path)
    assert message in str(caught.value)


def test_init_writes_a_file_that_run_understands(tmp_path: Path) -> None:
    from medadapter_train.cli.run import init

    init(tmp_path / "run.toml")
    config = load_run(tmp_path / "run.toml")
    assert (config.run.folder, config.publish) == ("runs/mini", None)
    with pytest.raises(ConfigError) as caught:
        init(tmp_path / "run.toml")
    assert caught.value.kind == "config_exists"


def test_what_init_comments_out_is_understood_too(tmp_path: Path) -> None:
    from medadapter_train.cli.run import init

    init(tmp_path / "run.toml")
    lines = (tmp_path / "run.toml").read_text().splitlines()
    settings = [
        line.removeprefix("# ") if line.startswith(("# [", "# ")) and _is_setting(line) else line
        for line in lines
    ]
    (tmp_path / "all.toml").write_text("\n".join(settings))
    config = load_run(tmp_path / "all.toml")
    assert len(config.generate) == 1
    assert config.label.judge is not None
    assert config.feedback is not None
    assert config.publish is not None


def _is_setting(line: str) -> bool:
    rest = line.removeprefix("# ")
    return rest.startswith("[") or (" = " in rest and rest.split(" = ")[0].isidentifier())
