"""Named failures of the stages that talk to others: LLM endpoint, object store, configuration.

Same rules as `errors.py`: `kind` is stable, the message names files, fields and counts, and no text
of a question, a candidate or a provider's reply ever stands in it.
"""

from __future__ import annotations

from medadapter_train.cost import Bill
from medadapter_train.errors import TrainError


class GenerateError(TrainError):
    """Candidates are missing: the LLM refused, failed or was stopped (exit code 7).

    `bill`: what was paid until then, earlier runs included; None where nothing was asked.
    """

    exit_code = 7

    def __init__(self, kind: str, message: str, bill: Bill | None = None) -> None:
        super().__init__(kind, message)
        self.bill = bill


class PublishError(TrainError):
    """Nothing was published, or a channel was not moved (exit code 8)."""

    exit_code = 8


class ConfigError(TrainError):
    """The configuration file is unusable (exit code 9)."""

    exit_code = 9
