"""Candidates of an open model without a server: Hugging Face `generate` in this process.

For a real volume a server (vLLM) is many times faster, since it batches across questions; this is
for small models, one GPU, or no network at all. One question at a time, its n candidates as one
batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from medadapter_train.errors import ModelError
from medadapter_train.generate.writers import Message, Reply, Sampling, WriterFault, Written


class LocalWriter:
    """A causal LM by folder or hub name. Implements `Writer`; `parallel` is 1.

    The same question, seed and n give the same candidates on the same machine, whatever was
    generated before. Raises `ModelError` model_missing.
    """

    def __init__(self, model: str, sampling: Sampling, device: str | None = None) -> None:
        self.model = model
        self.parallel = 1
        self._sampling = sampling
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model)
            loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype="auto")
        except (OSError, ValueError):
            raise ModelError("model_missing", "the model could not be loaded") from None
        self._lm = loaded.to(self._device).eval()
        config = self._lm.config
        self._positions = int(getattr(config, "max_position_embeddings", 1 << 20))

    async def write(self, messages: Sequence[Message], n: int, seed: int | None) -> Reply:
        """Raises `WriterFault` bad_request when the prompt leaves no room for an answer."""
        ids = self._prompt(messages)
        room = self._positions - ids.shape[1]
        if room < 1:
            raise WriterFault("bad_request")
        prompt = hashlib.sha256(ids.cpu().numpy().tobytes()).digest()
        torch.manual_seed(int.from_bytes(prompt[:6], "big") ^ (seed or 0))
        sampled = self._sampling.temperature > 0
        drawn = {"temperature": self._sampling.temperature, "top_p": self._sampling.top_p}
        stop = self._tokenizer.eos_token_id
        with torch.inference_mode():
            out = self._lm.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                num_return_sequences=n if sampled else 1,
                do_sample=sampled,
                max_new_tokens=min(self._sampling.max_tokens, room),
                pad_token_id=stop if self._tokenizer.pad_token_id is None else None,
                **(drawn if sampled else {}),
            )
        choices, tokens = [], 0
        for row in out[:, ids.shape[1] :].tolist():
            ended = stop in row
            kept = row[: row.index(stop)] if ended else row
            tokens += len(kept) + ended
            text = str(self._tokenizer.decode(kept, skip_special_tokens=True))
            choices.append(Written(text, "stop" if ended else "length"))
        return Reply(tuple(choices), int(ids.shape[1]), tokens)

    def _prompt(self, messages: Sequence[Message]) -> torch.Tensor:
        """Token ids [1, t] by the model's own chat template, or by plain roles if it has none."""
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=True, tokenize=False
            )
            encoded = self._tokenizer(str(text), return_tensors="pt", add_special_tokens=False)
        else:
            turns = [f"{message['role']}: {message['content']}" for message in messages]
            text = "\n\n".join([*turns, "assistant:"])
            encoded = self._tokenizer(text, return_tensors="pt")
        ids = encoded["input_ids"]
        assert isinstance(ids, torch.Tensor)
        return ids.to(self._device)

    async def close(self) -> None:
        """Nothing to close."""
