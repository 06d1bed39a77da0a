"""The usual cross-encoder: question and candidate as a pair through any Hugging Face encoder.

What the paper trains (arXiv 2405.03000, section 3.3), with one logit. The pair is encoded as the
base's own tokenizer encodes pairs, so that a /rerank server (Text Embeddings Inference, vLLM) that
loads the exported folder sees the same tokens. It is an adapter for the remote engine; the Worker's
own engines share prefixes and cannot run it.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from medadapter_train.errors import ModelError, TrainError
from medadapter_train.model.base import base_folder, tokenizer_json
from medadapter_train.model.packed import Packed
from medadapter_train.model.template import NO_ANSWER, Budget, Encoded, cut_middle, render_option

_SPECIALS = {"cls": ("[CLS]", "<s>"), "sep": ("[SEP]", "</s>"), "mask": ("[MASK]", "<mask>")}


class PairEncoder:
    """Ids of the two texts of a pair, without special tokens: the ranker adds those.

    The first text is question, options and context, the second answer and reasoning, one a line.
    Only the context and the candidate's text are cut, in their middle.
    """

    def __init__(self, tokenizer: Tokenizer, budget: Budget | None = None) -> None:
        self.tokenizer = tokenizer
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.budget = budget or Budget()
        self.cls, self.sep, self.mask = (self._special(*names) for names in _SPECIALS.values())

    @classmethod
    def load(cls, path: Path, budget: Budget | None = None) -> PairEncoder:
        return cls(Tokenizer.from_file(str(path)), budget)

    @property
    def identity(self) -> str:
        """Equal for encoders that give equal ids."""
        return f"pairs {self.budget} {self.tokenizer.to_str()}"

    def _special(self, *names: str) -> int:
        for name in names:
            found = self.tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        raise TrainError("bad_tokenizer", f"the tokenizer has no {names[0]}")

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def prefix(
        self, question: str, options: Sequence[tuple[str, str]], context: str | None
    ) -> Encoded:
        """Ids of the first text. Raises `TrainError` question_too_long."""
        head = self._ids("\n".join([question, *(render_option(k, v) for k, v in options)]))
        room = self.budget.prefix_tokens - len(head) - 2
        if room < 0:
            raise TrainError("question_too_long", "question and options are over the token budget")
        body = [] if context is None else self._ids(f"\n{context}")
        kept = cut_middle(body, room)
        return Encoded([*head, *kept], truncated=len(kept) < len(body))

    def candidate(
        self, options: Sequence[tuple[str, str]], answer: str | None, text: str
    ) -> Encoded:
        """Ids of the second text."""
        known = dict(options)
        first = render_option(answer, known[answer]) if answer in known else NO_ANSWER
        lead = self._ids(f"{first}\n" if options else "")[: self.budget.answer_tokens]
        body = self._ids(text.strip())
        kept = cut_middle(body, self.budget.candidate_tokens - len(lead) - 2)
        return Encoded([*lead, *kept], truncated=len(kept) < len(body))

    def joints(self) -> tuple[list[int], list[int], list[int]]:
        """Special tokens before, between and after the two texts of a pair."""
        pair = self.tokenizer.encode("a", "b")
        owner = pair.sequence_ids
        first = [i for i, o in enumerate(owner) if o == 0]
        second = [i for i, o in enumerate(owner) if o == 1]
        ids = list(pair.ids)
        if not first or not second:
            raise TrainError("bad_tokenizer", "the tokenizer cannot encode pairs")
        return ids[: first[0]], ids[first[-1] + 1 : second[0]], ids[second[-1] + 1 :]


class CrossRanker(nn.Module):
    """`forward(*packs)` gives the candidates' logits, question after question [sum of C]; each is
    read together with its question.
    """

    def __init__(self, encoder: PreTrainedModel, joints: tuple[list[int], ...]) -> None:
        super().__init__()
        self.encoder = encoder
        self.before, self.between, self.after = (torch.tensor(j, dtype=torch.long) for j in joints)
        self.pad = int(cast(Any, encoder.config).pad_token_id or 0)
        self.typed = int(getattr(encoder.config, "type_vocab_size", 0) or 0) > 1 and (
            "token_type_ids" in inspect.signature(encoder.forward).parameters
        )

    def forward(self, *packs: Packed) -> Tensor:
        device = packs[0].prefix.device
        before, between, after = (j.to(device) for j in (self.before, self.between, self.after))
        rows, heads = [], []
        for packed in packs:
            head = torch.cat([before, packed.prefix, between])
            lengths = packed.lengths.tolist()
            for ids, length in zip(packed.candidates, lengths, strict=True):
                rows.append(torch.cat([head, ids[:length], after]))
            heads += [len(head)] * len(lengths)
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.pad)
        places = torch.arange(ids.shape[1], device=device)
        inside = places < torch.tensor([len(row) for row in rows], device=device)[:, None]
        inputs: dict[str, Tensor] = {"input_ids": ids, "attention_mask": inside.long()}
        if self.typed:
            second = places >= torch.tensor(heads, device=device)[:, None]
            inputs["token_type_ids"] = (second & inside).long()
        return cast(Tensor, self.encoder(**inputs).logits[:, 0].float())


def load_cross(base: str, seed: int) -> PreTrainedModel:
    """A base with a classification head of one logit, drawn from `seed` where it has none.

    Raises `ModelError` base_missing.
    """
    torch.manual_seed(seed)
    return load_classifier(base_folder(base))


def load_classifier(folder: Path | str) -> PreTrainedModel:
    """Any encoder that Hugging Face can put a head of one logit on, in float32.

    Raises `ModelError` base_missing.
    """
    try:
        config = AutoConfig.from_pretrained(folder, num_labels=1)
        model = AutoModelForSequenceClassification.from_pretrained(folder, config=config)
    except (OSError, ValueError) as error:
        raise ModelError("base_missing", "the base model could not be loaded") from error
    model.float()
    return cast(PreTrainedModel, model)


def pair_tokenizer(base: str) -> Tokenizer:
    """The base's tokenizer with its own way to join pairs."""
    return Tokenizer.from_str(tokenizer_json(base))
