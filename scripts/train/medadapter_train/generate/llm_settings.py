"""An LLM as configuration: where texts come from, how they are drawn, what they cost."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from typing import Literal, cast, get_args

from medadapter_train.errors import ConfigError
from medadapter_train.generate.collect import Policy
from medadapter_train.generate.cost import Prices
from medadapter_train.generate.writers import OpenAIWriter, Sampling, Writer

Backend = Literal["openai", "local"]
#: What a number must not be under.
_LEAST: dict[str, float] = {
    **dict.fromkeys(("max_tokens", "parallel", "timeout_s"), 1),
    **dict.fromkeys(("temperature", "retries", "price_prompt", "price_completion"), 0),
    **dict.fromkeys(("max_money", "expected_tokens"), 0),
}


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """Where texts come from and what they cost.

    `api_key_env` names the environment variable with the key (empty: none). Prices are money for a
    million tokens. `n`: ask for several completions in one request where the endpoint honours it.
    """

    model: str
    backend: Backend = "openai"
    base_url: str = "http://127.0.0.1:8788/v1"
    api_key_env: str = ""
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    n: bool = True
    parallel: int = 8
    retries: int = 5
    timeout_s: float = 120.0
    price_prompt: float = 0.0
    price_completion: float = 0.0
    max_money: float | None = None
    expected_tokens: int = 250

    def __post_init__(self) -> None:
        """Raises `ConfigError` bad_config."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not least <= value < math.inf:
                raise ConfigError("bad_config", f"{name} of the LLM: {least:g} or more")
        if not 0 < self.top_p <= 1:
            raise ConfigError("bad_config", "top_p of the LLM: above 0, up to 1")

    @property
    def prices(self) -> Prices:
        return Prices(self.price_prompt, self.price_completion)

    @property
    def policy(self) -> Policy:
        """An endpoint without a seed draws another one for each request; `local` has to be given
        one for each slot."""
        seed = 0 if self.seed is None and self.backend == "local" else self.seed
        return Policy(retries=self.retries, use_n=self.n, seed=seed, max_money=self.max_money)

    def identity(self) -> str:
        """A hash of what decides the texts: a journal of other texts is not gone on with."""
        parts = [self.backend, self.model, self.temperature, self.top_p, self.max_tokens, self.seed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def check_backend(name: str) -> Backend:
    """The backend of that name. Raises `ConfigError` unknown_backend."""
    for backend in get_args(Backend):
        if backend == name:
            return cast("Backend", backend)
    raise ConfigError("unknown_backend", "a backend is openai or local")


def make_writer(settings: LlmSettings) -> Writer:
    """The backend that the settings name. Raises `ConfigError` key_missing, `ModelError`."""
    sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
    if settings.backend == "local":
        from medadapter_train.generate.local_writer import LocalWriter

        return LocalWriter(settings.model, sampling)
    key = os.environ.get(settings.api_key_env) if settings.api_key_env else None
    if settings.api_key_env and not key:
        raise ConfigError("key_missing", f"the environment has no {settings.api_key_env}")
    return OpenAIWriter(
        settings.base_url, settings.model, sampling, key, settings.parallel, settings.timeout_s
    )
