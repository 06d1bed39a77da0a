"""A tiny random encoder with a small vocabulary, and small project-written candidate files."""

from __future__ import annotations

import gzip
import json
import os
import random
import string
from pathlib import Path
from typing import Any

import pytest
import torch
from s3_fixtures import endpoint, store

#: Fixtures for every test: a real S3 server and a bucket on it.
__all__ = ["endpoint", "store"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
torch.set_num_threads(1)

WORDS = ["yes", "no", "maybe", "none", "answer", "the", "is", "drug", "dose", "pain", "fever"]
WORDS += ["trial", "patients", "because", "not", "works"]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a 2-layer BERT of hidden size 32 that reads letters and some words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-base")
    signs = string.ascii_lowercase + string.digits
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *".,:?-"]
    pieces += [*signs, *[f"##{s}" for s in signs]]
    vocabulary = {p: i for i, p in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.2,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def record(number: int, rng: random.Random, candidates: int = 6) -> dict[str, Any]:
    """A question whose right candidates say `works`: something that a tiny encoder can learn."""
    gold = rng.choice(["A", "B"])
    found = []
    for index in range(candidates):
        answer = rng.choice(["A", "B"])
        right = answer == gold
        reason = "the drug works" if right else "the pain is not fever"
        found.append(
            {
                "cid": str(index),
                "model": "test-llm",
                "method": f"prompt {index}",
                "text": f"because {reason} {rng.randrange(100)}",
                "answer": answer,
                "correct": right,
            }
        )
    return {
        "id": f"q{number}",
        "question": f"is dose {number} of the drug a fever dose?",
        "context": f"the trial of drug {number}: pain and fever",
        "options": {"A": "yes", "B": "no"},
        "gold": gold,
        "candidates": found,
    }


@pytest.fixture(scope="session")
def candidate_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """800 such questions, gzipped."""
    path = tmp_path_factory.mktemp("data") / "pubmedqa_toy_x6.jsonl.gz"
    rng = random.Random(7)
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        for number in range(800):
            stream.write(json.dumps(record(number, rng)) + "\n")
    return path
