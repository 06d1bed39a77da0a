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

from medadapter_train.errors import DataError
from medadapter_train.object_store import Store
from medadapter_train.pipeline import Run
from medadapter_train.pointer import read_pointer
from medadapter_train.run_config import load_run
from medadapter_train.service_errors import ConfigError, PublishError


def go(path: Path) -> list[str]:
    lines: list[str] = []
    Run(load_run(path), lines.append).go()
    return lines


#: Forks a process for every stage to die in, so that what is imported is imported once.
KILLED = """
import os, signal, sys
from pathlib import Path
import medadapter_train.cli_model, medadapter_train.train, medadapter_train.export
import medadapter_train.stamps as stamps
from medadapter_train.pipeline import Run
from medadapter_train.run_config import load_run

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def run(stage, kept=stamps.keep_stamp):
    def keep(file, stamp, outputs):
        (die if stamp.stage == stage else kept)(file, stamp, outputs)
    stamps.keep_stamp = keep
    # Calibration takes long on a busy machine and comes after what is compared.
    watch = lambda line: line.startswith("calibrate") and die()
    Run(load_run(Path(sys.argv[1])), watch).go()

for stage in [*sys.argv[2:], None]:
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr
        run(stage)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, flush=True)
"""


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


def test_after_kill_9_in_stage_after_stage_the_result_is_the_undisturbed_one(
    place: dict[str, Any], tmp_path: Path, endpoint: str, tiny_base: Path
) -> None:
    """Each process dies when its stage has done its work and its stamp is not yet written."""
    stages = ["generate/made_x4.jsonl.gz", "train"]
    with LlmServer(answer=answer) as llm:
        path = write_run(tmp_path, llm.url, endpoint, "runs", tiny_base, "killed")
        command = [sys.executable, "-c", KILLED, str(path), *stages]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.split() == ["-9", "-9", "-9"]
        assert len(llm.requests) == QUESTIONS
    manifests = [
        json.loads((folder / "work" / "exported" / "manifest.json").read_text())
        for folder in (place["folder"], tmp_path)
    ]
    for manifest in manifests:
        del manifest["name"], manifest["createdAt"]
        # The card and export's stamp hold the name; the ONNX exporter numbers its nodes anew.
        del manifest["files"], manifest["training"]["stages"]["export"]
    assert manifests[0] == manifests[1]


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


def test_a_run_that_would_measure_what_it_was_trained_on_fails(place: dict[str, Any]) -> None:
    text = place["path"].read_text()
    at = text.index("[evaluate]")
    leaking = text[:at] + text[at:].replace("held_out_x4", "made_x4")
    other = place["folder"] / "leak.toml"
    other.write_text(leaking)
    with pytest.raises(DataError) as caught:
        go(other)
    assert caught.value.kind == "question_leak"


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
