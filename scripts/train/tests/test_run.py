"""A whole run from one file, with a real LLM server, a tiny encoder and a real S3 server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer

from medadapter_train.jsonl import write_jsonl
from medadapter_train.object_store import Store
from medadapter_train.pipeline import Run
from medadapter_train.pointer import read_pointer
from medadapter_train.run_config import load_run
from medadapter_train.service_errors import ConfigError

QUESTIONS = 45

RUN = """
[run]
folder = "work"
choose = false

[[generate]]
questions = "questions.jsonl"
set = "made_x4.jsonl.gz"
k = 4
[generate.llm]
model = "fake"
base_url = "{url}"
seed = 1

[feedback]
place = "feedback.jsonl"
tenant = "clinic"

[train]
base = "{base}"
passes = 16
batch = 4
validate_every = 16
checkpoint_every = 8
bf16 = false
sets = [{{ file = "made_x4.jsonl.gz" }}]

[bundle]
name = "tiny"
version = "{version}"

[calibrate]
split = "all"
sets = ["made_x4.jsonl.gz"]

[evaluate]
split = "all"
sets = ["made_x4.jsonl.gz"]

[publish]
channel = "stable"
endpoint = "{endpoint}"
bucket = "bucket"
"""


def make_inputs(folder: Path) -> None:
    kinds = ("fever", "rash", "cough", "pain", "fatigue", "thirst")
    questions = [
        {
            "id": str(i),
            "dataset": "made",
            "task": "yesno",
            "question": f"Is {kinds[i % 6]} number {i} a sign of illness {i * 7 % 31}?",
            "context": None,
            "options": {"yes": "yes", "no": "no"},
            "gold": "yes" if i * 5 % 7 < 4 else "no",
        }
        for i in range(QUESTIONS)
    ]
    write_jsonl(folder / "questions.jsonl", questions)
    entry = {
        "id": "f",
        "tenant": "clinic",
        "trusted": True,
        "question": "Is water wet?",
        "options": {"yes": "yes", "no": "no"},
        "candidates": [{"text": "It is.", "answer": "yes"}, {"text": "No.", "answer": "no"}],
        "outcome": {"gold": "yes"},
    }
    write_jsonl(folder / "feedback.jsonl", [entry, {**entry, "id": "g", "trusted": False}])


def answer(_messages: list[dict[str, str]], number: int) -> str:
    said = "yes" if number * 13 % 10 < 6 else "no"
    return f"I have thought about it {number} times.\n#### {said}"


def go(path: Path) -> list[str]:
    lines: list[str] = []
    Run(load_run(path), lines.append).go()
    return lines


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, endpoint: str, tiny_base: Path
) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    make_inputs(folder)
    store = Store(endpoint, "bucket")
    store._client.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "auto"}
    )
    values = {"base": tiny_base, "endpoint": endpoint, "version": "1.0.0"}
    with LlmServer(answer=answer) as llm:
        path = folder / "run.toml"
        path.write_text(RUN.format(url=llm.url, **values))
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


def test_running_again_does_nothing(place: dict[str, Any]) -> None:
    before = len(place["llm"].requests)
    assert {line.split(": ")[1] for line in go(place["path"])} == {"done before"}
    assert len(place["llm"].requests) == before


def test_a_killed_stage_is_repeated_and_gives_the_same(place: dict[str, Any]) -> None:
    """As after a kill in `evaluate`: its stamp is not there and its folder is half-written."""
    work = place["folder"] / "work"
    (work / "stamps" / "evaluate.json").unlink()
    (work / "bundle" / "adapter.ort").write_bytes(b"half")
    lines = go(place["path"])
    assert [line for line in lines if line.endswith("running")] == ["evaluate: running"]
    published = place["store"].get("adapters/tiny/1.0.0/manifest.json")
    assert (work / "bundle" / "manifest.json").read_bytes() == published.body


def test_a_changed_setting_repeats_the_stages_that_it_decides(place: dict[str, Any]) -> None:
    text = (
        place["path"]
        .read_text()
        .replace(
            'split = "all"\nsets = ["made_x4.jsonl.gz"]\n\n[pub',
            'split = "train"\nsets = ["made_x4.jsonl.gz"]\n\n[pub',
        )
    )
    text = text.replace('channel = "stable"', 'channel = "canary"')
    other = place["folder"] / "other.toml"
    other.write_text(text)
    # The bundle's metrics are others now, and a published version never changes.
    text = other.read_text()
    lines: list[str] = []
    with pytest.raises(Exception) as caught:
        Run(load_run(other), lines.append).go()
    assert getattr(caught.value, "kind", "") == "version_exists"
    running = [line.split(":")[0] for line in lines if line.endswith("running")]
    assert running == ["evaluate", "publish"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\n", "[run] and [train]"),
        ('[run]\nfolder = "a"\n[train]\n[surprise]\n', "[surprise]: unknown table"),
        ("[run]\nfolder = 3\n[train]\n", "run.folder: not str"),
        ('[run]\nfolder = "a"\nspeed = 1\n[train]\n', "run.speed: unknown field"),
        (
            '[run]\nfolder = "a"\n[train]\n[[generate]]\nset = "s"\n',
            "generate[0].questions: missing",
        ),
        ('[run]\nfolder = "a"\n[train]\n[publish]\nbucket = true\n', "publish.bucket: not str"),
        ("[run", "run.toml:"),
    ],
)
def test_a_wrong_file_names_the_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_run(path)
    assert message in str(caught.value)


def test_init_writes_a_file_that_run_understands(tmp_path: Path) -> None:
    from medadapter_train.cli_run import init

    init(tmp_path / "run.toml")
    config = load_run(tmp_path / "run.toml")
    assert (config.run.folder, config.publish) == ("runs/mini", None)
    with pytest.raises(ConfigError) as caught:
        init(tmp_path / "run.toml")
    assert caught.value.kind == "config_exists"


def test_what_init_comments_out_is_understood_too(tmp_path: Path) -> None:
    from medadapter_train.cli_run import init

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
