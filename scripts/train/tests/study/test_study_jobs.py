"""Runs of a study side by side: the same scores as one after the other; a failure ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from study_files import study_text, write_sets

from medadapter_train.errors import TrainError
from medadapter_train.study.config import StudyConfig, load_study
from medadapter_train.study.runs import side_by_side
from medadapter_train.study.study import study

RUNS = {"all": "", "layers-1": "layers = 1", "share-1-2": "share = 0.5"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("candidates")
    write_sets(folder)
    return folder


def config_of(folder: Path, base: Path) -> StudyConfig:
    path = folder / "study.toml"
    path.write_text(study_text(base, RUNS))
    return load_study(path)


def test_side_by_side_gives_the_same_scores(
    tiny_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    config = config_of(tmp_path, tiny_base)
    lines: list[str] = []
    study(config, data, tmp_path / "alone", lines.append, only=["all", "layers-1"])
    study(config, data, tmp_path / "both", lines.append, only=["all", "layers-1"], jobs=2)
    alone, both = (
        {p.name: p.read_bytes() for p in (tmp_path / name / "scores").iterdir()}
        for name in ("alone", "both")
    )
    assert len(alone) == 2
    assert alone == both
    assert sorted(line for line in lines if line.endswith(": done")) == [
        f"{name}: done" for name in ("all", "all", "layers-1", "layers-1")
    ]


def test_after_a_failure_what_runs_ends_and_nothing_begins() -> None:
    begun, ended = [], []
    failing = threading.Event()

    def do(name: str) -> None:
        begun.append(name)
        if name == "a":
            failing.set()
            raise TrainError("stage_failed", "run a")
        assert failing.wait(10)
        ended.append(name)

    with pytest.raises(TrainError, match="run a"):
        side_by_side(do, "abcdef", 2)
    assert ended == begun[1:]
    assert len(begun) <= 2


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C as in a terminal; a process that a script put into the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_begins_no_more() -> None:
    begun: list[str] = []
    raised = threading.Event()

    def do(name: str) -> None:
        begun.append(name)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        # Long enough for the other thread to see it.
        raised.wait(1)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(do, "abcdef", 1)
    assert begun == ["a"]
