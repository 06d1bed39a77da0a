"""What a later stage of a run would refuse is refused before an LLM is asked for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from llm_server import LlmServer
from run_files import answer, write_run
from typer.testing import CliRunner

from medadapter_train.cli import app
from medadapter_train.errors import TrainError
from medadapter_train.run.config import load_run
from medadapter_train.run.data_stages import RunData
from medadapter_train.system.files import read_jsonl, write_jsonl
from medadapter_train.system.stamps import Stages


def free(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "task": "mediqa", "options": {}, "gold": "It is."}


MISSING = 'sets = [{ file = "made_x4.jsonl.gz" }, { file = "other_x4.jsonl.gz" }]'


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (('tenant = "clinic"', ""), "bad_config", "feedback.tenant: "),
        (('"clinic"', '"clinic"\nall_tenants = true'), "bad_config", "feedback.tenant: "),
        (("feedback.jsonl", "none.jsonl"), "file_missing", "no feedback file"),
        (('sets = [{ file = "made_x4.jsonl.gz" }]', MISSING), "file_missing", "other_x4"),
        (("sets = [", 'validate_sets = ["v.jsonl"]\nsets = ['), "file_missing", "v.jsonl"),
        (("[feedback]", '[label]\nhuman = "people.jsonl"\n[feedback]'), "file_missing", "people"),
        (("[feedback]", "[label]\nmin_kappa = 0.6\n[feedback]"), "bad_config", "label.min_kappa"),
        (("questions.jsonl", "free.jsonl"), "judge_missing", "generate[0].questions: "),
        (("questions.jsonl", "secret.jsonl"), "no_gold", "generate[0].questions: "),
        (("questions.jsonl", "none.jsonl"), "file_missing", "none.jsonl"),
    ],
)
def test_nothing_is_paid_for_what_cannot_be_done(
    tmp_path: Path, tiny_base: Path, change: tuple[str, str], kind: str, message: str
) -> None:
    with LlmServer(answer=answer) as llm:
        path = write_run(tmp_path, llm.url, "http://127.0.0.1:1", "none", tiny_base, "tiny")
        rows = [row for _where, row in read_jsonl(tmp_path / "questions.jsonl")]
        write_jsonl(tmp_path / "free.jsonl", [*rows[:3], free(rows[3])])
        write_jsonl(tmp_path / "secret.jsonl", [{**row, "gold": None} for row in rows])
        text = path.read_text()
        assert change[0] in text
        path.write_text(text.replace(*change, 1))
        with pytest.raises(TrainError) as caught:
            make(path, tmp_path / "work")
        assert (caught.value.kind, llm.requests) == (kind, [])
        assert message in str(caught.value)


def make(path: Path, folder: Path) -> None:
    RunData(load_run(path), folder, Stages(folder / "stamps", lambda _line: None)).make()


def test_a_tenant_of_the_command_line_is_that_of_the_files_feedback(
    tmp_path: Path, tiny_base: Path
) -> None:
    with LlmServer(answer=answer) as llm:
        path = write_run(tmp_path, llm.url, "http://127.0.0.1:1", "none", tiny_base, "tiny")
        path.write_text(path.read_text().replace('tenant = "clinic"', "all_tenants = true"))
        result = CliRunner().invoke(app, ["run", str(path), "--tenant", "clinic"])
        assert isinstance(result.exception, TrainError)
        assert "feedback.tenant: " in str(result.exception)
        assert llm.requests == []
