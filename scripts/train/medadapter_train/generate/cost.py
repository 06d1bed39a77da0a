"""What generation costs: prices, an estimate before, a bill while it runs and for a failure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medadapter_train.errors import TrainError
from medadapter_train.generate.writers import Message

#: Characters per token of English prose in current LLM tokenizers: an estimate, and reported as
#: one.
CHARS_A_TOKEN = 4.0
#: Tokens that a chat format adds to each message.
TOKENS_A_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens, in whatever currency the provider bills."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


@dataclass(slots=True)
class Bill:
    """Tokens and requests so far. `estimated`: some reply of the provider named no usage."""

    prices: Prices
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    @property
    def money(self) -> float:
        return self.prices.of(self.prompt_tokens, self.completion_tokens)

    def add(self, prompt_tokens: int, completion_tokens: int, *, estimated: bool) -> None:
        self.requests += 1
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.estimated = self.estimated or estimated


def estimate_text(text: str) -> int:
    """Tokens of a text, by its length."""
    return math.ceil(len(text) / CHARS_A_TOKEN)


def estimate_prompt(messages: Sequence[Message]) -> int:
    """Tokens of a conversation, by its length."""
    return sum(estimate_text(m["content"]) + TOKENS_A_MESSAGE for m in messages)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bill of work still to do. Each figure is (expected, at most)."""

    questions: int
    candidates: int
    prompt_tokens: tuple[int, int]
    completion_tokens: tuple[int, int]
    money: tuple[float, float]


def estimate(
    work: Iterable[tuple[Sequence[Message], int]],
    prices: Prices,
    expected_tokens: int,
    max_tokens: int,
) -> Estimate:
    """The bill for `(messages, candidates still wanted)` pairs.

    Expected: `n` is honoured, so a prompt is billed once, and a completion has `expected_tokens`.
    At most: every candidate is a request of its own and runs to `max_tokens`; retries come on top.
    """
    questions = candidates = once = each = 0
    for messages, wanted in work:
        tokens = estimate_prompt(messages)
        questions += 1
        candidates += wanted
        once += tokens
        each += tokens * wanted
    low, high = candidates * min(expected_tokens, max_tokens), candidates * max_tokens
    return Estimate(
        questions,
        candidates,
        (once, each),
        (low, high),
        (prices.of(once, low), prices.of(each, high)),
    )


class GenerateError(TrainError):
    """Candidates are missing: the LLM refused, failed or was stopped (exit code 7).

    `bill`: what was paid until then, earlier runs included; None where nothing was asked.
    """

    exit_code = 7

    def __init__(self, kind: str, message: str, bill: Bill | None = None) -> None:
        super().__init__(kind, message)
        self.bill = bill
