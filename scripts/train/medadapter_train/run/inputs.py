"""Checks that all inputs of a run exist and are usable, before its first stage is paid for."""

from __future__ import annotations

from pathlib import Path

from medadapter_train.errors import ConfigError, DataError
from medadapter_train.run.config import FEEDBACK_SET, FeedbackTable, GenerateTable, RunConfig


def check_inputs(config: RunConfig, wanted: set[str], data: Path) -> None:
    """`wanted`: the candidate files that the run reads, `data` its folder of those that it makes.

    Raises `ConfigError` bad_config, judge_missing; `DataError` file_missing, no_gold, and as
    `read_fitted` does.
    """
    if config.feedback is not None:
        _check_feedback(config, config.feedback)
    if config.label.human and not config.path(config.label.human).is_file():
        raise DataError("file_missing", f"{Path(config.label.human).name}: no such file")
    made = {table.set for table in config.generate}
    made |= {FEEDBACK_SET} if config.feedback is not None else set()
    for name in sorted(wanted - made):
        if made_before(data / name) is None and given(config, name) is None:
            raise DataError("file_missing", f"{name}: neither made by the run nor there before")
    for index, table in enumerate(config.generate):
        _check_questions(config, table, index)


def made_before(file: Path) -> Path | None:
    """A candidate file that an earlier run of the folder made, and not a link to one."""
    return file if file.is_file() and not file.is_symlink() else None


def given(config: RunConfig, name: str) -> Path | None:
    """The candidate file of that name in `[run].candidates`; None where there is none."""
    file = config.path(config.run.candidates) / name
    return file if config.run.candidates and file.is_file() else None


def _check_feedback(config: RunConfig, table: FeedbackTable) -> None:
    from medadapter_train.data.feedback import feedback_files

    if bool(table.tenant) == table.all_tenants:
        message = "feedback.tenant: name one tenant, or all_tenants = true, not both"
        raise ConfigError("bad_config", message)
    if not table.place.startswith("s3://"):
        feedback_files(str(config.path(table.place)), Path(), None)


def _check_questions(config: RunConfig, table: GenerateTable, index: int) -> None:
    from medadapter_train.data.questions import known_task, read_fitted

    where, golds = f"generate[{index}].questions", 0
    for record in read_fitted(config.path(table.questions), table.task or None):
        if record.gold is None:
            continue
        golds += 1
        if known_task(record.task).judge == "llm" and config.label.judge is None:
            message = f"{where}: free text needs an LLM judge, [label.judge]"
            raise ConfigError("judge_missing", message)
    if not golds:
        raise DataError("no_gold", f"{where}: no question has a gold answer")
