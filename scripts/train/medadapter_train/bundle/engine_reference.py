"""Reference logits for `scripts/engine-accuracy.ts`: float32 torch, and the bundle's int8 graph.

    python -m medadapter_train.bundle.engine_reference --weights FILE --graph adapter.ort
        [--pack FILE] [--pack-four EMBEDDING_BITS FILE]...

Reads one JSON object a line, `{"prefix": [ids], "candidates": [[ids], ...]}`; answers each with
`{"float": [logits], "int8": [logits]}`. `--pack` first writes the weights as `encoder.bin`,
`--pack-four` the same with weights of 4 bits and embeddings of 8 or 4.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from medadapter_train.bundle.export import build_ranker
from medadapter_train.bundle.pack_simd import Precision, pack_ranker
from medadapter_train.model.onnx_scorer import OnnxEngine
from medadapter_train.model.packed import Packed
from medadapter_train.model.weights import load_weights


def main() -> None:
    """Serves standard input until it ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--graph", type=Path, required=True)
    parser.add_argument("--base", default="minilm-l6")
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--pack-four", nargs=2, action="append", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    ranker = build_ranker(options.base, load_weights(options.weights))
    if options.pack is not None:
        options.pack.write_bytes(pack_ranker(ranker))
    for words, path in options.pack_four:
        Path(path).write_bytes(pack_ranker(ranker, Precision(4, int(words))))
    graph = OnnxEngine(options.graph)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        prefix, candidates = request["prefix"], request["candidates"]
        with torch.inference_mode():
            exact = ranker(Packed.of(prefix, candidates)).tolist()
        int8 = graph.score_all(prefix, candidates).tolist()
        print(json.dumps({"float": exact, "int8": int8}), flush=True)


if __name__ == "__main__":
    main()
