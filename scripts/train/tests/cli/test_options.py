"""Every option and every field of a table stands in docs/options.md, with who sets it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import typer

from medadapter_train.bundle.request import BundleTable, ProvenanceTable
from medadapter_train.cli import app
from medadapter_train.fit.config import SourceSet, TrainConfig
from medadapter_train.generate.llm_settings import LlmSettings
from medadapter_train.run import config as run
from medadapter_train.study import config_tables as study

TEXT = (Path(__file__).parents[4] / "docs" / "options.md").read_text(encoding="utf-8")
PAGE = TEXT[TEXT.index("## Training commands") : TEXT.index("### What left")]
TABLES: list[Any] = [
    *[run.RunTable, run.GenerateTable, LlmSettings, run.LabelTable, run.FeedbackTable],
    *[TrainConfig, SourceSet, BundleTable, ProvenanceTable],
    *[run.CalibrateTable, run.FitTable, run.PublishTable],
    *[study.StudyTable, study.SetTable, study.RunTable, study.ModelsTable],
    *[study.CostTable, study.MachineTable, study.LlmTable],
]
#: Tables within tables.
NAMES = {"llm", "judge", "machine"}


def told() -> dict[str, set[str]]:
    """By command, its options on the page; a row without a command goes on with the last one."""
    found: dict[str, set[str]] = {}
    command = ""
    for line in PAGE[: PAGE.index("### The run's file")].splitlines():
        cells = line.split("|")
        if len(cells) > 3 and "`--" in cells[2]:
            command = cells[1].strip().strip("`") or command
            found.setdefault(command, set()).update(re.findall(r"`(--[\w-]+)`", cells[2]))
    return found


def commands_of(group: Any, before: str = "") -> dict[str, Any]:
    """All commands, those of groups by both words."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= commands_of(command, f"{name} ") if inner else {f"{before}{name}": command}
    return found


def test_every_option_of_a_command_is_explained_and_no_other() -> None:
    there = {
        name: {p.opts[0] for p in command.params if p.param_type_name == "option"} - {"--help"}
        for name, command in commands_of(typer.main.get_command(app)).items()
    }
    assert told() == {name: options for name, options in there.items() if options}


def test_every_field_of_a_table_is_explained() -> None:
    fields = {f.name for table in TABLES for f in dataclasses.fields(table)} - NAMES
    assert {name for name in fields if f"`{name}`" not in PAGE} == set()
