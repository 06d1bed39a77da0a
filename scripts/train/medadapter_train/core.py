"""Asks `scripts/core.ts`: the service's rules are TypeScript, and stand there once.

One Node process serves a whole command. It starts with the first question and ends with the
command. Requests and answers are JSON lines; the operations and their fields are in
`scripts/core/answer.ts`.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from medadapter_train.errors import DataError, ModelError, SystemFault, TrainError

#: The repository that this package lives in.
ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "core.ts"
#: The first Node that runs TypeScript without a flag.
LEAST_NODE = (22, 18)
#: Requests that are on their way at once: Node works on one while Python writes the next.
IN_FLIGHT = 2
END_SECONDS = 5
T = TypeVar("T")

_DATA_FAULTS = frozenset(
    {
        "bad_record",
        "empty_file",
        "file_damaged",
        "file_missing",
        "no_candidates",
        "same_name",
        "unknown_label",
        "unknown_task",
    }
)
_MODEL_FAULTS = frozenset({"bundle_refused", "engine_failed"})


def ask(operation: str, **fields: Any) -> Any:
    """The result of one operation.

    Raises `SystemFault` node_missing, core_missing, core_ended; `DataError`, `ModelError` and
    `TrainError` for what the operation refuses.
    """
    return _result(_submit(operation, fields))


def ask_each(operation: str, requests: Iterable[dict[str, Any]]) -> Iterator[Any]:
    """The results of many requests, in order; Node works on one while the next is made."""
    under_way: deque[Future[bytes]] = deque()
    for fields in requests:
        under_way.append(_submit(operation, fields))
        if len(under_way) > IN_FLIGHT:
            yield _result(under_way.popleft())
    while under_way:
        yield _result(under_way.popleft())


def in_chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in pieces of at most `size`, for `ask_each`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _submit(operation: str, fields: dict[str, Any]) -> Future[bytes]:
    # ASCII, so that half of an emoji, which has no UTF-8, comes through as well.
    text = json.dumps({"op": operation, **fields}, allow_nan=False, separators=(",", ":"))
    return _running().submit(text.encode("ascii") + b"\n")


def _result(answer: Future[bytes]) -> Any:
    reply = json.loads(answer.result())
    if "error" not in reply:
        return reply["result"]
    raise fault(reply["error"]["kind"], reply["error"]["message"])


def fault(kind: str, message: str) -> TrainError:
    """The package's error for one of the core's."""
    if kind in _DATA_FAULTS:
        return DataError(kind, message)
    return ModelError(kind, message) if kind in _MODEL_FAULTS else TrainError(kind, message)


class _Core:
    """A running `scripts/core.ts`. A thread writes and another reads, so that no full pipe can
    make both sides wait for each other."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._ended = False
        self._waiting: deque[Future[bytes]] = deque()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._child = subprocess.Popen(
            [_node(), "--disable-warning=ExperimentalWarning", _script()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        threading.Thread(target=self._write, daemon=True).start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def usable(self) -> bool:
        """Whether it runs and is this process's own, not that of one which forked it."""
        return not self._ended and self.owner == os.getpid()

    def submit(self, line: bytes) -> Future[bytes]:
        answer: Future[bytes] = Future()
        with self._lock:
            if self._ended:
                answer.set_exception(self._fault())
            else:
                self._waiting.append(answer)
                self._requests.put(line)
        return answer

    def end(self) -> None:
        """By the end of its input, or, where it is in the middle of something, by a signal."""
        if self.owner != os.getpid():
            return
        with self._lock:
            busy = bool(self._waiting)
        self._requests.put(None)
        if busy:
            self._child.terminate()
        try:
            self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()

    def _write(self) -> None:
        stream = self._child.stdin
        assert stream is not None
        try:
            while (line := self._requests.get()) is not None:
                stream.write(line)
                stream.flush()
            stream.close()
        except OSError:
            # It has ended: whoever reads says so.
            return

    def _read(self) -> None:
        stream = self._child.stdout
        assert stream is not None
        while (line := stream.readline()).endswith(b"\n"):
            with self._lock:
                answer = self._waiting.popleft()
            answer.set_result(line)
        self._child.wait()
        with self._lock:
            self._ended = True
            unanswered = list(self._waiting)
            self._waiting.clear()
        for answer in unanswered:
            answer.set_exception(self._fault())

    def _fault(self) -> SystemFault:
        code = self._child.returncode
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        return SystemFault("core_ended", f"scripts/core.ts ended {how} before it had answered")


_core: _Core | None = None
_starting = threading.Lock()


def _running() -> _Core:
    """The process of this command; a new one where there is none, or the last has ended."""
    global _core
    with _starting:
        if _core is None or not _core.usable:
            _core = _Core()
            atexit.register(_core.end)
        return _core


def _script() -> Path:
    if not SCRIPT.is_file():
        raise SystemFault(
            "core_missing",
            "scripts/core.ts is not there: this package runs from a checkout of the repository, "
            "installed by `pip install -e scripts/train`",
        )
    if not (ROOT / "node_modules" / "zod").is_dir():
        raise SystemFault(
            "core_missing", "the npm packages are missing: run `npm ci` in the repository"
        )
    return SCRIPT


@cache
def _node() -> str:
    """A Node that is new enough: MEDADAPTER_NODE's, else the repository's own, else PATH's.

    Not `NODE`: npm sets that to the Node that runs npm, which may be older.
    """
    named = os.environ.get("MEDADAPTER_NODE")
    packaged = sorted(ROOT.glob("node_modules/node-linux-*/bin/node"))
    there = [named] if named else [*map(str, packaged), shutil.which("node")]
    found = []
    for node in there:
        version = None if node is None else _version(node)
        if node is not None and version is not None and version >= LEAST_NODE:
            return node
        if version is not None:
            found.append(f"{'.'.join(map(str, version))} at {node}")
    least = ".".join(map(str, LEAST_NODE))
    seen = ", ".join(found) or (f"none at {named}" if named else "none")
    raise SystemFault(
        "node_missing",
        f"Node {least} or newer is needed to parse, prompt and select (found: {seen}). Run "
        "`npm ci` in the repository, which brings one on Linux, or install Node, or name one in "
        "MEDADAPTER_NODE; the training container has it",
    )


def _version(node: str) -> tuple[int, int] | None:
    """Major and minor; None where it does not run."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        major, minor = done.stdout.strip().removeprefix("v").split(".")[:2]
        return int(major), int(minor)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
