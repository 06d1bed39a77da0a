"""Text to token ids: template `medadapter-1` with its truncation rules.

The TypeScript twin is `src/adapter/template.ts`; both reproduce
`test/fixtures/template.golden.jsonl`. A prefix is `[CLS] question options [SEP] context [SEP]`, a
candidate `[CLS] answer [SEP] text [SEP]`. Only the context and the candidate's text are ever cut,
in their middle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tokenizers import Tokenizer

from medadapter_train.errors import TrainError

_SURROGATE = re.compile("[\ud800-\udfff]")
TEMPLATE_ID = "medadapter-1"
NO_ANSWER = "none"


@dataclass(frozen=True, slots=True)
class Budget:
    """Token budgets; a prefix and a candidate together fit the base's positions."""

    prefix_tokens: int = 384
    candidate_tokens: int = 128
    answer_tokens: int = 48

    @property
    def max_tokens(self) -> int:
        return self.prefix_tokens + self.candidate_tokens


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a prefix or a candidate, and whether something was cut."""

    ids: list[int]
    truncated: bool


def render_option(label: str, text: str) -> str:
    """`A. foo`; the bare text where the label says the same (yes, no, maybe)."""
    return text if label.lower() == text.lower() else f"{label}. {text}"


def cut_middle(ids: list[int], keep: int) -> list[int]:
    """The first ceil(keep/2) and the last floor(keep/2) of `ids`."""
    if len(ids) <= keep:
        return ids
    tail = keep // 2
    return ids[: keep - tail] + ids[len(ids) - tail :]


class Encoder(Protocol):
    """Text to token ids, for prefix-shared attention (`TextEncoder`) or for pairs (`cross.py`)."""

    cls: int
    sep: int
    mask: int

    @property
    def identity(self) -> str:
        """Equal for encoders that give equal ids."""
        ...

    def prefix(
        self, question: str, options: Sequence[tuple[str, str]], context: str | None
    ) -> Encoded: ...

    def candidate(
        self, options: Sequence[tuple[str, str]], answer: str | None, text: str
    ) -> Encoded: ...


class TextEncoder:
    """Tokenizer and template in one. `tokenizer_json` is the file that ships in the bundle."""

    def __init__(self, tokenizer: Tokenizer, budget: Budget | None = None) -> None:
        self.tokenizer = tokenizer
        self.budget = budget or Budget()
        self.cls = self._special("[CLS]", "<s>")
        self.sep = self._special("[SEP]", "</s>")
        self.mask = self._special("[MASK]", "<mask>")

    @property
    def identity(self) -> str:
        """Equal for encoders that give equal ids."""
        return f"{self.budget} {self.tokenizer.to_str()}"

    @classmethod
    def load(cls, path: Path, budget: Budget | None = None) -> TextEncoder:
        return cls(Tokenizer.from_file(str(path)), budget)

    def _special(self, *names: str) -> int:
        """Id of a special token by its name in BERT's vocabularies or in RoBERTa's."""
        for name in names:
            found = self.tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        raise TrainError("bad_tokenizer", f"the tokenizer has no {names[0]}")

    def tokenize(self, text: str) -> list[int]:
        """Ids without special tokens; lone surrogates count as U+FFFD."""
        clean = _SURROGATE.sub("\ufffd", text)
        return list(self.tokenizer.encode(clean, add_special_tokens=False).ids)

    def prefix(
        self, question: str, options: Sequence[tuple[str, str]], context: str | None
    ) -> Encoded:
        """Ids of `[CLS] head [SEP] (context [SEP])`, at most `budget.prefix_tokens`.

        Raises `TrainError` question_too_long when question and options alone do not fit.
        """
        head = self.tokenize(question)
        head += self.tokenize("\n".join(render_option(k, v) for k, v in options))
        room = self.budget.prefix_tokens - len(head) - 2
        if room < 0:
            raise TrainError("question_too_long", "question and options are over the token budget")
        ids = [self.cls, *head, self.sep]
        body = [] if context is None else self.tokenize(context)
        if not body:
            return Encoded(ids, truncated=False)
        kept = cut_middle(body, max(0, room - 1))
        if kept:
            ids += [*kept, self.sep]
        return Encoded(ids, truncated=len(kept) < len(body))

    def candidate(
        self, options: Sequence[tuple[str, str]], answer: str | None, text: str
    ) -> Encoded:
        """Ids of `[CLS] answer [SEP] text [SEP]`, at most `budget.candidate_tokens`."""
        answer_ids = self.tokenize(self.answer_text(options, answer))
        kept_answer = answer_ids[: self.budget.answer_tokens]
        body = self.tokenize(text.strip())
        kept = cut_middle(body, self.budget.candidate_tokens - len(kept_answer) - 3)
        ids = [self.cls, *kept_answer, self.sep, *kept, self.sep]
        truncated = len(kept_answer) < len(answer_ids) or len(kept) < len(body)
        return Encoded(ids, truncated)

    def answer_text(self, options: Sequence[tuple[str, str]], answer: str | None) -> str:
        """The rendered option; `none` where nothing was parsed; empty for free-text questions."""
        if not options:
            return ""
        for label, text in options:
            if label == answer:
                return render_option(label, text)
        return NO_ANSWER
