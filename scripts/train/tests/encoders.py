"""Tiny random encoders of every family, in folders as Hugging Face writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, processors
from transformers import AutoModel

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.2,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "Bert": {"max_position_embeddings": 512},
    "Roberta": {"max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1},
    "Electra": {"max_position_embeddings": 512, "embedding_size": 16},
    "MPNet": {"max_position_embeddings": 514, "pad_token_id": 1},
    "ModernBert": {"max_position_embeddings": 512, "pad_token_id": 0, "cls_token_id": 2},
    "Longformer": {"max_position_embeddings": 1026, "attention_window": 16, "pad_token_id": 1},
}


def write_encoder(folder: Path, family: str, tokenizer: Tokenizer) -> Path:
    """A random encoder of this family with a tokenizer that joins pairs as BERT does."""
    folder.mkdir(parents=True)
    cls, sep = (int(tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"cls_token_id": cls, "sep_token_id": sep, "bos_token_id": cls, "eos_token_id": sep}
    settings = {**SIZES, **special, **FAMILIES[family], "vocab_size": tokenizer.get_vocab_size()}
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**settings)
    AutoModel.from_config(config).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"]
    return folder
