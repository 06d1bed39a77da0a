"""`python tiny_base.py FOLDER`: a tiny random BERT with the tokenizer of the shipped base.

What the Worker serves without change, and trains in seconds (test/e2e/loop.test.ts).
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from medadapter_train.model.base import MINILM, load_tokenizer


def write_tiny_base(folder: Path) -> None:
    """A base model's folder: 2 layers, hidden size 32, weights large enough to tell texts apart."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(MINILM)
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.2,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)


if __name__ == "__main__":
    write_tiny_base(Path(sys.argv[1]))
