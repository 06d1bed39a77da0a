"""The port through which `generate` and `label` ask an LLM for texts, and its named failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

#: `{"role": ..., "content": ...}` as chat APIs share it.
Message = dict[str, str]

FaultKind = Literal[
    "unreachable",
    "timeout",
    "rate_limited",
    "server_error",
    "malformed",
    "unauthorized",
    "not_found",
    "n_refused",
    "bad_request",
]

#: Worth another try, after a pause.
TRANSIENT: frozenset[FaultKind] = frozenset(
    {"unreachable", "timeout", "rate_limited", "server_error", "malformed"}
)
#: No request of this run can succeed.
FATAL: frozenset[FaultKind] = frozenset({"unauthorized", "not_found"})


class WriterFault(Exception):
    """One request failed. `retry_after_s` is what the server asked for, None where it did not."""

    def __init__(
        self, kind: FaultKind, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(kind if status is None else f"{kind} (HTTP {status})")
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Written:
    """One completion. `finish` is "stop", "length", "content_filter" or "other"."""

    text: str
    finish: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request brought. Token counts are None where the provider reports none."""

    choices: tuple[Written, ...]
    prompt_tokens: int | None
    completion_tokens: int | None


class Writer(Protocol):
    """An LLM. `parallel` is how many requests it may be given at once."""

    model: str
    parallel: int

    async def write(self, messages: Sequence[Message], n: int, seed: int | None) -> Reply:
        """Ask for `n` completions; fewer may come. Raises `WriterFault`."""
        ...

    async def close(self) -> None: ...
