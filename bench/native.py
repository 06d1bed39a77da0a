"""Times native ONNX Runtime on one thread with the same weights as the Worker.

Reads one job a line (JSON, see bench/rows.ts), answers one line: {"ms": float, "heapMB": float}.
heapMB is the process's resident memory.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray


def token_ids(count: int, seed: int) -> NDArray[np.int64]:
    """Ids [1, count]; the same as bench/rows.ts makes."""
    ids = [1000 + (i * 7919 + seed * 104729) % 28000 for i in range(count)]
    return np.array([ids], dtype=np.int64)


def resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Native:
    """One session, one thread."""

    def __init__(self, bundle: Path) -> None:
        manifest = json.loads((bundle / "manifest.json").read_text())
        base = manifest["base"]
        shape = (base["layers"], 2, base["heads"], 0, base["hidden"] // base["heads"])
        self.empty = np.zeros(shape, dtype=np.float32)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        model = next(f["path"] for f in manifest["files"] if f["role"] == "onnx")
        self.session = ort.InferenceSession(
            str(bundle / model), options, providers=["CPUExecutionProvider"]
        )

    def prefix(self, tokens: int) -> NDArray[np.float32]:
        ids = token_ids(tokens, 0)
        feeds = {"ids": ids, "type_ids": np.zeros_like(ids), "past": self.empty}
        (present,) = self.session.run(["present"], feeds)
        return np.asarray(present)

    def score(self, past: NDArray[np.float32], tokens: int, seed: int) -> None:
        ids = token_ids(tokens, seed)
        feeds = {"ids": ids, "type_ids": np.ones_like(ids), "past": past}
        self.session.run(["score"], feeds)

    def measure(self, mode: str, p: int, c: int, k: int) -> float:
        """Milliseconds of one job."""
        if mode in ("cross", "cross-ranking"):
            began = time.perf_counter()
            for i in range(1 if mode == "cross" else k):
                self.score(self.empty, p + c, i)
            return (time.perf_counter() - began) * 1000
        past = self.prefix(p) if mode == "candidate" else None
        began = time.perf_counter()
        held = self.prefix(p) if past is None else past
        for i in range({"prefix": 0, "candidate": 1}.get(mode, k)):
            self.score(held, c, i)
        return (time.perf_counter() - began) * 1000


def main() -> None:
    native = Native(Path(sys.argv[1]))
    for line in sys.stdin:
        job = json.loads(line)
        sizes = (job["prefixTokens"], job["candidateTokens"], job["k"])
        ms = native.measure(job["mode"], *sizes)
        print(json.dumps({"ms": ms, "heapMB": resident_megabytes()}), flush=True)


if __name__ == "__main__":
    main()
