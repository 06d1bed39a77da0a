"""Who writes texts for `generate` and `label`: the port, its named failures, and chat completions.

`OpenAIWriter` asks any OpenAI-compatible endpoint (vLLM, hosted, the project's replay LLM), by
`httpx2` and not the `openai` package: a request here is one POST, and retries, pauses and money are
counted by `generate` itself, where the SDK would retry unseen and put the provider's reply (which
may echo the question) into its exceptions. `httpx2` comes with `huggingface_hub` anyway.
"""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx2

from medadapter_train.core import ask

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
    "quota",
    "filtered",
    "declined",
    "too_long",
]
#: Worth another try, after a pause.
TRANSIENT: frozenset[FaultKind] = frozenset(
    {"unreachable", "timeout", "rate_limited", "server_error", "malformed"}
)
#: No request of this run can succeed.
FATAL: frozenset[FaultKind] = frozenset({"unauthorized", "not_found", "quota"})


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


@dataclass(frozen=True, slots=True)
class Sampling:
    """How candidates are drawn. `max_tokens` bounds each completion."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 512


class OpenAIWriter:
    """`base_url` ends before `/chat/completions`, mostly in `/v1`. Implements `Writer`."""

    def __init__(
        self,
        base_url: str,
        model: str,
        sampling: Sampling,
        api_key: str | None = None,
        parallel: int = 8,
        timeout_s: float = 120.0,
    ) -> None:
        self.model = model
        self.parallel = parallel
        self._sampling = sampling
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx2.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            headers=headers,
            timeout=httpx2.Timeout(timeout_s, connect=min(10.0, timeout_s)),
            limits=httpx2.Limits(max_connections=parallel, max_keepalive_connections=parallel),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def write(self, messages: Sequence[Message], n: int, seed: int | None) -> Reply:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": list(messages),
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._sampling.max_tokens,
        }
        if n > 1:
            body["n"] = n
        if seed is not None:
            body["seed"] = seed
        try:
            response = await self._client.post("chat/completions", json=body)
        except httpx2.TimeoutException:
            raise WriterFault("timeout") from None
        except httpx2.HTTPError:
            raise WriterFault("unreachable") from None
        try:
            return await asyncio.to_thread(read_reply, response.status_code, response.text, n)
        except WriterFault as fault:
            fault.retry_after_s = retry_after_seconds(response.headers.get("retry-after"))
            if fault.kind == "bad_request":
                fault.kind = _kind(response.status_code, n)
            raise


def _kind(status: int, n: int) -> FaultKind:
    if status in (404, 405):
        return "not_found"
    return "n_refused" if n > 1 else "bad_request"


def retry_after_seconds(value: str | None, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header, a number or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return max(0.0, at - (time.time() if now is None else now))


def read_reply(status: int, body: str, n: int) -> Reply:
    """What a server's reply says, as the service reads it: thinking is no part of a text, and every
    spelling of a reason or a fault is known (`src/llm/openai`). Raises `WriterFault`.
    """
    # Half of an emoji has no UTF-8, and JSON in ASCII carries it all the same.
    read = ask("completion", status=status, body=body, n=n)
    if "fault" in read:
        if read["refused"] == "n":
            raise WriterFault("n_refused", status)
        raise WriterFault(_KINDS.get(read["fault"], "bad_request"), status)
    written = tuple(Written(one["text"], one["finish"]) for one in read["choices"])
    if not written:
        raise WriterFault(_KINDS.get((*read["failed"], "malformed")[0], "malformed"), status)
    return Reply(written, read["prompt_tokens"], read["completion_tokens"])


#: The service's names of failures, by ours.
_KINDS: dict[str, FaultKind] = {
    "unauthorized": "unauthorized",
    "unknown_model": "not_found",
    "quota": "quota",
    "rate_limited": "rate_limited",
    "server_error": "server_error",
    "timeout": "server_error",
    "filtered": "filtered",
    "declined": "declined",
    "context_too_long": "too_long",
    "token_limit": "too_long",
    "malformed": "malformed",
    "too_large": "malformed",
    "no_choices": "malformed",
}
