"""A trained cross-encoder as a Hugging Face folder, for a /rerank server in front of the Worker.

Text Embeddings Inference and vLLM load it as it is: a sequence classifier of one logit with the
base's tokenizer. The Worker's own engines share prefixes and cannot run it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from torch import Tensor

from medadapter_train.base import tokenizer_json
from medadapter_train.bundle_writer import replace_folder
from medadapter_train.config import TrainConfig
from medadapter_train.cross import CrossRanker
from medadapter_train.export import ExportRequest
from medadapter_train.rankers import make_ranker


def export_cross(
    settings: TrainConfig, request: ExportRequest, weights: dict[str, Tensor] | None, out: Path
) -> None:
    """Write `config.json`, `model.safetensors`, `tokenizer.json` and a card to `out`, whole."""
    ranker = make_ranker(settings.base, "cross", settings.seed, weights)
    assert isinstance(ranker, CrossRanker)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        scratch = Path(folder) / "model"
        ranker.encoder.save_pretrained(scratch)
        (scratch / "tokenizer.json").write_text(tokenizer_json(settings.base), encoding="utf-8")
        (scratch / "README.md").write_text(_card(request), encoding="utf-8")
        replace_folder(scratch, out)


def _card(request: ExportRequest) -> str:
    lines = [
        f"# Cross-encoder `{request.name}` {request.version}",
        "",
        "Scores an LLM's candidate answers to medical questions; research software, no medical",
        "device. First text of a pair: question, options, context; second: answer and reasoning.",
        "",
        f"- Base: {request.base_model}, {request.base_source}, {request.base_licence}",
        "",
        "| set | licence | LLMs | questions trained on | note |",
        "|---|---|---|---|---|",
    ]
    for e in request.provenance:
        row = [e["name"], e["licence"], ", ".join(e["llms"]), e["questions"], e["note"]]
        lines.append("| " + " | ".join(map(str, row)) + " |")
    return "\n".join(lines) + "\n"
