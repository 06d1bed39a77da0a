"""Peak memory of training against the size of its data: token store and passes, one process a size.

    python bench/train_memory.py [CANDIDATES...]    # 2000 and 200000 unless given

Prints one JSON line a size: `{candidates, imported_mb, peak_mb, build_s}`. The candidates are
synthetic, eight to a question, of some 80 tokens; the model's own memory, which does not depend on
the data, is not part of it.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSES, GROUP = 3_000, 8
SIZES = (2_000, 200_000)


def main() -> None:
    """Each size in a process of its own: a peak never falls."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
        return
    for size in map(int, sys.argv[1:]) if sys.argv[1:] else SIZES:
        subprocess.run([sys.executable, __file__, "--one", str(size)], check=True)


def measure(candidates: int) -> dict[str, float]:
    """Write the data, build the store, draw the passes."""
    from medadapter_train.fit.config import SourceSet, TrainConfig
    from medadapter_train.fit.passes import Passes
    from medadapter_train.model.rankers import make_encoder

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "synthetic.jsonl", candidates)
        config = TrainConfig([SourceSet("synthetic.jsonl")], data_folder=name)
        encoder = make_encoder(config.base, config.attention)
        imported, started = peak_mb(), time.monotonic()
        passes = Passes(config, encoder, folder / "tokens")
        built = time.monotonic() - started
        for position in range(PASSES):
            passes.at(position)
        return {
            "candidates": candidates,
            "imported_mb": imported,
            "peak_mb": peak_mb(),
            "build_s": round(built, 1),
        }


def write(path: Path, candidates: int) -> None:
    """Questions whose words are drawn from a small vocabulary."""
    rng = random.Random(1)
    words = [f"{a}{b}" for a in ("cardi", "nephr", "hepat", "neur") for b in ("al", "ic", "osis")]

    def text(count: int) -> str:
        return " ".join(rng.choice(words) for _ in range(count))

    with path.open("w", encoding="utf-8") as stream:
        for number in range(candidates // GROUP):
            made = [
                {"text": text(30), "answer": "yes" if i % 2 else "no", "correct": i % 2 == 1}
                for i in range(GROUP)
            ]
            row = {
                "id": str(number),
                "question": f"Does {text(12)} follow {number}?",
                "context": text(60),
                "options": {"yes": "yes", "no": "no"},
                "gold": "yes",
                "candidates": made,
            }
            stream.write(json.dumps(row) + "\n")


def peak_mb() -> float:
    """Of this process so far. Linux counts in KiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0)


if __name__ == "__main__":
    main()
