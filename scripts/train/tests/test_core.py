"""Asking the core: what it answers, what it refuses, and what happens where it cannot run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medadapter_train import core
from medadapter_train.core import ask, ask_each
from medadapter_train.errors import DataError, ModelError, SystemFault, TrainError


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No core is running, and no Node has been looked for."""
    monkeypatch.setattr(core, "_core", None)
    core._node.cache_clear()
    yield monkeypatch
    if core._core is not None:
        core._core.end()
    core._node.cache_clear()


def texts(count: int, size: int) -> list[str]:
    return [f"{'word ' * size}{number}\n#### yes" for number in range(count)]


def test_one_process_answers_a_whole_command() -> None:
    ask("constants")
    first = core._core
    assert ask("verdict", texts=["#### no"]) == {"verdicts": [False]}
    assert core._core is first


def test_what_is_larger_than_any_pipe_goes_both_ways() -> None:
    # Requests of 5 MB and answers of 2 MB, several on their way at once.
    long = "because " * 250_000
    requests = [{"items": [[f"{long}{n}?", None]]} for n in range(5)]
    found = [reply["questions"][0] for reply in ask_each("own_question", requests)]
    assert [question[-2:] for question in found] == [f"{n}?" for n in range(5)]
    verdicts = list(ask_each("verdict", ({"texts": texts(100, 10_000)} for _ in range(3))))
    assert verdicts == [{"verdicts": [True] * 100}] * 3


def test_who_asks_in_the_middle_of_a_series_gets_the_own_answer() -> None:
    series = ask_each("verdict", ({"texts": [f"#### {word}"]} for word in ("yes", "no", "yes")))
    found = []
    for reply in series:
        found.append(reply["verdicts"])
        assert ask("own_question", items=[["Why?", None]]) == {"questions": ["Why?"]}
    assert found == [[True], [False], [True]]


def test_threads_share_it() -> None:
    found: dict[int, object] = {}

    def work(number: int) -> None:
        for turn in range(20):
            found[number] = ask("own_question", items=[[f"{number}/{turn}", None]])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: {"questions": [f"{n}/19"]} for n in range(8)}


def test_text_comes_through_whatever_it_holds() -> None:
    odd = "line\u2028separator \ud83d half \x00 \r\n \U0001f600"
    assert ask("own_question", items=[[odd, None]]) == {"questions": [odd]}


@pytest.mark.parametrize(
    ("operation", "fields", "kind", "error"),
    [
        ("prompt", {"items": [{"task": "x"}]}, "bad_request", TrainError),
        ("no such", {}, "bad_request", TrainError),
        (
            "parse",
            {"items": [{"task": "canary", "options": [], "texts": [], "gold": None}]},
            "unknown_task",
            DataError,
        ),
        (
            "score",
            {
                "data": [{"file": "canary.jsonl", "lines": None}],
                "bundle": "/nowhere",
                "engine": "node",
                "url": None,
                "threads": 1,
                "ks": [1],
                "out": None,
            },
            "bundle_refused",
            ModelError,
        ),
    ],
)
def test_a_refusal_is_an_error_with_a_name_and_no_content(
    operation: str, fields: dict[str, object], kind: str, error: type[TrainError]
) -> None:
    with pytest.raises(error) as caught:
        ask(operation, **fields)
    assert caught.value.kind == kind
    assert "canary" not in str(caught.value)
    # It goes on all the same.
    assert ask("verdict", texts=[]) == {"verdicts": []}


def test_the_field_that_is_wrong_is_named() -> None:
    with pytest.raises(TrainError, match=r"field items\.0\.options"):
        ask("parse", items=[{"task": "mcq", "options": 5, "texts": [], "gold": None}])


def test_one_that_dies_is_named_and_the_next_question_has_another(
    fresh: pytest.MonkeyPatch,
) -> None:
    ask("constants")
    running = core._core
    assert running is not None
    os.kill(running._child.pid, signal.SIGSTOP)
    series = ask_each("verdict", ({"texts": ["#### yes"]} for _ in range(3)))
    threading.Timer(0.2, running._child.kill).start()
    with pytest.raises(SystemFault) as caught:
        list(series)
    assert caught.value.kind == "core_ended"
    assert "signal 9" in str(caught.value)
    assert caught.value.exit_code == 10
    assert ask("verdict", texts=["#### yes"]) == {"verdicts": [True]}
    assert core._core is not running


def test_no_node_is_said_with_what_to_do(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh.setenv("MEDADAPTER_NODE", str(tmp_path / "node"))
    with pytest.raises(SystemFault) as caught:
        ask("constants")
    assert caught.value.kind == "node_missing"
    for word in ("Node 22.18", "npm ci", "container", "MEDADAPTER_NODE"):
        assert word in str(caught.value)


def test_an_old_node_is_passed_over(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v20.11.1\n")
    old.chmod(0o755)
    fresh.setenv("MEDADAPTER_NODE", str(old))
    with pytest.raises(SystemFault, match=r"found: 20\.11 at"):
        ask("constants")
    fresh.delenv("MEDADAPTER_NODE")
    fresh.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # As npm sets it: the Node that runs npm, which may be older than the repository's own.
    fresh.setenv("NODE", str(old))
    assert ask("verdict", texts=[]) == {"verdicts": []}


def test_a_package_outside_of_a_checkout_says_so(fresh: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh.setattr(core, "SCRIPT", tmp_path / "core.ts")
    with pytest.raises(SystemFault, match="checkout"):
        ask("constants")
    fresh.undo()
    fresh.setattr(core, "_core", None)
    fresh.setattr(core, "ROOT", tmp_path)
    with pytest.raises(SystemFault, match="npm ci"):
        ask("constants")


def test_it_ends_with_the_command(tmp_path: Path) -> None:
    script = (
        "from medadapter_train import core; core.ask('constants'); "
        "print(core._core._child.pid, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    _until_gone(int(done.stdout))


def test_it_ends_where_the_command_is_killed(tmp_path: Path) -> None:
    script = (
        "import time; from medadapter_train import core; core.ask('constants'); "
        "print(core._core._child.pid, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    child.kill()
    child.wait()
    child.stdout.close()
    _until_gone(pid)


def _until_gone(pid: int) -> None:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        # One that nobody has waited for yet is gone all the same.
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the core is still there")
