"""Draws what `npm run bench --json` found, as SVG.

python bench/plots.py FIGURES.json OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

#: Okabe and Ito's colours, told apart by all eyes; markers differ as well.
STYLES = {
    "simd": ("#0072B2", "o"),
    "ort-web": ("#D55E00", "s"),
    "ort-native": ("#009E73", "^"),
    "transformers.js": ("#CC79A7", "D"),
}
NAMES = {
    "simd": "ours, shared prefix",
    "ort-web": "onnxruntime-web, cross-encoder",
    "ort-native": "native ONNX Runtime, cross-encoder",
    "transformers.js": "transformers.js, cross-encoder",
}
TARGET = {"prefixTokens": 330, "candidateTokens": 120, "k": 8}
AXES = (
    ("k", "candidates"),
    ("candidateTokens", "tokens of a candidate"),
    ("prefixTokens", "tokens of the question"),
)


def growth(rows: list[dict[str, Any]], out: Path) -> None:
    """A ranking's time against each size, the two others at the target's."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
    for axis, (field, label) in zip(axes, AXES, strict=True):
        others = {k: v for k, v in TARGET.items() if k != field}
        for engine, (colour, marker) in STYLES.items():
            mine = [
                r
                for r in rows
                if r["engine"] == engine and all(r[k] == v for k, v in others.items())
            ]
            found = {r[field]: r["ms"]["median"] for r in mine}
            xs = sorted(found)
            ys = [found[x] for x in xs]
            axis.plot(xs, ys, color=colour, marker=marker, markersize=4, label=NAMES[engine])
        axis.set_xlabel(label)
        axis.set_yscale("log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("milliseconds, one thread")
    axes[0].legend(fontsize=8)
    figure.savefig(out / "growth.svg")


def sizes(rows: list[dict[str, Any]], out: Path) -> None:
    """Heap and time a candidate, by encoder."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True, layout="constrained")
    names = [r["encoder"] for r in rows][::-1]
    for axis, label, values, limit in (
        (axes[0], "WebAssembly memory, MB", [r["heapMB"] for r in rows], 128),
        (axes[1], "candidate of 120 tokens, ms", [r["candidate"]["median"] for r in rows], None),
    ):
        axis.margins(x=0.12)
        bars = axis.barh(names, values[::-1], color="#0072B2")
        axis.bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
        axis.set_xlabel(label)
        if limit is not None:
            axis.axvline(limit, color="#D55E00", linestyle="--")
            axis.text(limit, -0.45, " an isolate's limit", color="#D55E00", fontsize=8)
            axis.set_xlim(0, limit * 1.35)
    figure.savefig(out / "sizes.svg")


def overlap(rows: list[dict[str, Any]], out: Path) -> None:
    """The first request's time line."""
    trace = rows[0]["trace"]
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    free = trace["prefixMs"] or 0.0
    axis.barh("LLM writes", trace["llmMs"], color="#999999")
    axis.barh("question encoded", free, color="#009E73")
    for number, candidate in enumerate(trace["candidates"], 1):
        begin = max(candidate["arrivedMs"], free)
        name = f"candidate {number}"
        axis.barh(
            name, begin - candidate["arrivedMs"], left=candidate["arrivedMs"], color="#F0E442"
        )
        axis.barh(name, candidate["scoredMs"] - begin, left=begin, color="#0072B2")
        free = candidate["scoredMs"]
    axis.axvline(trace["llmMs"] + trace["afterLlmMs"], color="#D55E00")
    axis.invert_yaxis()
    axis.set_xlabel("milliseconds from the request's start (blue: scored, red line: answered)")
    figure.savefig(out / "overlap.svg")


def main() -> None:
    figures = json.loads(Path(sys.argv[1]).read_text())
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    plt.rcParams["svg.hashsalt"] = "medadapter"
    for name, draw in (("sweeps", growth), ("sizes", sizes), ("overlap", overlap)):
        if figures.get(name):
            draw(figures[name], out)


if __name__ == "__main__":
    main()
