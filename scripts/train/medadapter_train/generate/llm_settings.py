"""An LLM as configuration: where texts come from, how they are drawn, what they cost."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from medadapter_train.errors import ConfigError
from medadapter_train.generate.collect import Policy
from medadapter_train.generate.cost import Prices
from medadapter_train.generate.writers import OpenAIWriter, Sampling, Writer
from medadapter_train.system.settings import (
    STRICT,
    Amount,
    Count,
    CountOrNone,
    Number,
    Text,
    Whole,
)

Backend = Literal["openai", "local"]
_Share = Annotated[Number, Field(gt=0, le=1)]


@dataclass(frozen=True, slots=True, config=STRICT)
class LlmSettings:
    """Where texts come from and what they cost.

    `api_key_env` names the environment variable with the key (empty: none). Prices are money for a
    million tokens.
    """

    model: Text
    backend: Backend = "openai"
    base_url: Text = "http://127.0.0.1:8788/v1"
    api_key_env: Text = ""
    temperature: Amount = 0.7
    top_p: _Share = 1.0
    max_tokens: Count = 512
    seed: Whole | None = None
    parallel: Count = 8
    retries: CountOrNone = 5
    timeout_s: Annotated[Number, Field(ge=1)] = 120.0
    price_prompt: Amount = 0.0
    price_completion: Amount = 0.0
    max_money: Amount | None = None
    expected_tokens: CountOrNone = 250

    @property
    def prices(self) -> Prices:
        return Prices(self.price_prompt, self.price_completion)

    @property
    def policy(self) -> Policy:
        """Without a seed an endpoint draws a new one for each request; the `local` backend must be
        given one for each slot.
        """
        seed = 0 if self.seed is None and self.backend == "local" else self.seed
        return Policy(retries=self.retries, seed=seed, max_money=self.max_money)

    def identity(self) -> str:
        """A hash of what decides the texts: a journal of other texts is not resumed."""
        parts = [self.backend, self.model, self.temperature, self.top_p, self.max_tokens, self.seed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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
