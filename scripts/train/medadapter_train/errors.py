"""Named failures of the training package.

Every failure a user can cause is a `TrainError` with a stable `kind` and an exit code; its message
names files, line numbers and fields, and never echoes content (questions may be patients' own).
"""

from __future__ import annotations


class TrainError(Exception):
    """A failure with a name. `kind` is stable, `exit_code` is what the command line returns."""

    exit_code = 2

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SystemFault(TrainError):
    """The machine gave out: a full disk, no permission (exit code 10)."""

    exit_code = 10


class DataError(TrainError):
    """The data given is unusable (exit code 3)."""

    exit_code = 3


class ModelError(TrainError):
    """The base model, checkpoint or bundle given is missing or unusable (exit code 4)."""

    exit_code = 4


class ParityError(TrainError):
    """An export whose copies disagree: nothing was written (exit code 5)."""

    exit_code = 5


class StageError(TrainError):
    """A process of ours failed, and said why itself: its own exit code, where it is one of these.

    2 where it was killed or its launcher failed.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__("stage_failed", message)
        self.exit_code = code if code in range(2, 11) else 2


class PublishError(TrainError):
    """Nothing was published, or a channel was not moved (exit code 8)."""

    exit_code = 8


class ConfigError(TrainError):
    """The configuration file is unusable (exit code 9)."""

    exit_code = 9
