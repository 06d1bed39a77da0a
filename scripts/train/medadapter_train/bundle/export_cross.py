"""A trained cross-encoder as a Hugging Face folder, for a /rerank server in front of the Worker.

Text Embeddings Inference and vLLM load it as it is: a sequence classifier of one logit with the
base's tokenizer. The Worker's own engines share prefixes and cannot run it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from medadapter_train.bundle.parity import FLOAT_BOUND, encode_vector, self_test_questions
from medadapter_train.bundle.request import ExportRequest
from medadapter_train.errors import ParityError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.model.base import tokenizer_json
from medadapter_train.model.cross import CrossRanker, PairEncoder, load_classifier
from medadapter_train.model.packed import Packed
from medadapter_train.model.rankers import make_ranker
from medadapter_train.system.files import whole_folder


def export_cross(
    settings: TrainConfig, request: ExportRequest, weights: dict[str, Tensor] | None, out: Path
) -> None:
    """Write `config.json`, `model.safetensors`, `tokenizer.json` and a card to `out`, whole.

    Raises `ParityError` parity: nothing is written then.
    """
    ranker = make_ranker(settings.base, "cross", settings.seed, weights).float().eval()
    assert isinstance(ranker, CrossRanker)
    with whole_folder(out) as scratch:
        ranker.encoder.save_pretrained(scratch)
        (scratch / "tokenizer.json").write_text(tokenizer_json(settings.base), encoding="utf-8")
        (scratch / "README.md").write_text(_card(request), encoding="utf-8")
        _check_parity(ranker, scratch)


@torch.no_grad()
def _check_parity(ranker: CrossRanker, folder: Path) -> None:
    """Check that the written model gives the trained ranker's logits on the self-test's questions.

    Raises `ParityError` parity.
    """
    encoder = PairEncoder.load(folder / "tokenizer.json")
    served = CrossRanker(load_classifier(folder), encoder.joints()).eval()
    pairs = [encode_vector(encoder, vector) for vector in self_test_questions()]
    packs = [Packed.of(p, [c]) for p, c in pairs]
    worst = max(float((served(p) - ranker(p)).abs().max()) for p in packs)
    if not worst <= FLOAT_BOUND:
        raise ParityError("parity", f"the written model's logits are off by up to {worst:.4f}")


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
