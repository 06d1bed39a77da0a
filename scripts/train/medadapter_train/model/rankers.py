"""The ranker and text encoder of a training configuration: prefix-shared or cross attention."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from medadapter_train.model.base import load_base, load_tokenizer
from medadapter_train.model.cross import CrossRanker, PairEncoder, load_cross, pair_tokenizer
from medadapter_train.model.prefix import PrefixRanker
from medadapter_train.model.template import Encoder, TextEncoder

Ranker = PrefixRanker | CrossRanker


def make_encoder(base: str, attention: str) -> TextEncoder | PairEncoder:
    """The encoder over the base's tokenizer. Raises `ModelError`."""
    if attention == "cross":
        return PairEncoder(pair_tokenizer(base))
    return TextEncoder(load_tokenizer(base))


def load_encoder(path: Path, attention: str) -> Encoder:
    """The encoder over a run's own `tokenizer.json`."""
    return PairEncoder.load(path) if attention == "cross" else TextEncoder.load(path)


def make_ranker(
    base: str, attention: str, seed: int, weights: dict[str, Tensor] | None = None
) -> Ranker:
    """The ranker in float32, with trained weights or with a head drawn from `seed`."""
    ranker: Ranker
    if attention == "cross":
        ranker = CrossRanker(load_cross(base, seed), PairEncoder(pair_tokenizer(base)).joints())
    else:
        ranker = PrefixRanker(load_base(base))
        ranker.init_head(seed)
    if weights is not None:
        ranker.load_state_dict(weights)
    return ranker


def freeze_word_embeddings(ranker: Ranker) -> None:
    """No gradient for the word embeddings: half of all weights, and a dense gradient of them is the
    costliest one.
    """
    encoder = ranker.encoder if isinstance(ranker, CrossRanker) else ranker.bert
    encoder.get_input_embeddings().weight.requires_grad_(False)


def head_parameters(ranker: Ranker) -> list[str]:
    """Names of the weights that start at random and learn faster."""
    heads = ("classifier.", "head.", "score.", "pooler.") if isinstance(ranker, CrossRanker) else ()
    names = [name for name, _ in ranker.named_parameters()]
    if isinstance(ranker, PrefixRanker):
        return [n for n in names if n.startswith(("dense.", "out."))]
    return [n for n in names if n.removeprefix("encoder.").startswith(heads)]
