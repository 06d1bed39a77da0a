"""The backend without a server: a tiny random GPT-2, made here."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from medadapter_train.errors import ModelError
from medadapter_train.generate.collect import Job, Policy, collect
from medadapter_train.generate.cost import Prices
from medadapter_train.generate.llm_settings import LlmSettings
from medadapter_train.generate.local_writer import LocalWriter
from medadapter_train.generate.writers import Reply, Sampling, WriterFault
from medadapter_train.system.journal import Journal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("gpt2")
    words = ["<end>", "<unk>", "system", "user", "assistant", ":", "yes", "no", "maybe", "fever"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unk>"
    ).save_pretrained(path)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(words),
        n_positions=48,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(path)
    return str(path)


def write(writer: LocalWriter, text: str, n: int, seed: int | None = 1) -> Reply:
    return asyncio.run(writer.write([{"role": "user", "content": text}], n, seed))


def test_n_candidates_that_depend_on_question_and_seed_alone(folder: str) -> None:
    writer = LocalWriter(folder, Sampling(temperature=1.0, max_tokens=12))
    first = write(writer, "fever yes", 4)
    write(writer, "no", 3)
    assert write(writer, "fever yes", 4) == first
    assert write(writer, "fever yes", 4, seed=2) != first
    assert len(first.choices) == 4
    assert len({choice.text for choice in first.choices}) > 1
    assert first.prompt_tokens == 6
    assert 0 < (first.completion_tokens or 0) <= 4 * 12


def test_temperature_zero_is_one_greedy_answer(folder: str) -> None:
    writer = LocalWriter(folder, Sampling(temperature=0.0, max_tokens=4))
    assert len(write(writer, "fever", 3).choices) == 1


def test_a_prompt_over_the_models_positions_is_refused(folder: str) -> None:
    writer = LocalWriter(folder, Sampling())
    with pytest.raises(WriterFault) as caught:
        write(writer, "fever " * 60, 1)
    assert caught.value.kind == "bad_request"


def test_it_fills_a_journal_like_an_endpoint(folder: str, tmp_path: Path) -> None:
    writer = LocalWriter(folder, Sampling(temperature=1.0, max_tokens=6))
    jobs = [Job(w, [{"role": "user", "content": w}], 3) for w in ("yes", "no")]
    with Journal(tmp_path / "j", "s") as journal:
        result = asyncio.run(collect(jobs, writer, journal, Prices(), Policy()))
    assert {key: len(slots) for key, slots in result.slots.items()} == {"yes": 3, "no": 3}


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4, 5, 6), (3, 6)])
def test_without_a_seed_no_slot_repeats_another(
    sizes: tuple[int, ...], folder: str, tmp_path: Path
) -> None:
    """Whether slots are asked for one by one or several at once, in one run or in more."""
    settings = LlmSettings(folder, backend="local", temperature=1.0, max_tokens=12)
    writer = LocalWriter(folder, Sampling(temperature=1.0, max_tokens=12))
    ask = [{"role": "user", "content": "fever yes"}]
    for wanted in sizes:
        with Journal(tmp_path / "j", "s") as journal:
            jobs = [Job("a", ask, wanted)]
            result = asyncio.run(collect(jobs, writer, journal, Prices(), settings.policy))
    # A model of ten words ends at once now and then.
    said = [written.text for written in result.slots["a"].values() if written.text]
    assert len(said) > 3
    assert len(set(said)) == len(said)


def test_a_missing_model_is_a_named_failure(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        LocalWriter(str(tmp_path / "none"), Sampling())
    assert caught.value.kind == "model_missing"
