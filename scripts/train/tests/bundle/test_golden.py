"""The golden files are what this code computes: a change here without one there fails."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from medadapter_train.bundle.golden import template_rows, tokenizer_rows
from medadapter_train.errors import TrainError
from medadapter_train.model.base import MINILM, load_tokenizer
from medadapter_train.model.template import TextEncoder, cut_middle

FIXTURES = Path(__file__).parents[4] / "test" / "fixtures"


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder(load_tokenizer(MINILM))


def _stored(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / name).read_text().splitlines()]


def _same(rows: Iterable[dict[str, Any]], name: str) -> int:
    fresh = [json.loads(json.dumps(row)) for row in rows]
    assert fresh == _stored(name)
    return len(fresh)


def test_tokenizer_golden(encoder: TextEncoder) -> None:
    assert _same(tokenizer_rows(encoder), "tokenizer.golden.jsonl") >= 200


def test_template_golden(encoder: TextEncoder) -> None:
    assert _same(template_rows(encoder), "template.golden.jsonl") >= 40


def test_a_text_cannot_pose_as_structure(encoder: TextEncoder) -> None:
    ids = encoder.tokenize("[SEP] [CLS] [PAD] [MASK]")
    assert not set(ids) & {0, 101, 102, 103}


def test_only_context_and_text_are_cut_in_their_middle(encoder: TextEncoder) -> None:
    assert cut_middle([1, 2, 3, 4, 5], 4) == [1, 2, 4, 5]
    assert cut_middle([1, 2, 3, 4, 5], 3) == [1, 2, 5]
    assert cut_middle([1, 2, 3], 0) == []
    options = [("A", "one"), ("B", "two")]
    whole = encoder.prefix("which one", options, None).ids
    cut = encoder.prefix("which one", options, "fever " * 1000)
    assert cut.truncated
    assert len(cut.ids) == encoder.budget.prefix_tokens
    assert cut.ids[: len(whole)] == whole
    with pytest.raises(TrainError) as caught:
        encoder.prefix("fever " * 400, options, None)
    assert caught.value.kind == "question_too_long"
