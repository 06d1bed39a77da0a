"""A whole study: runs, scores, timing, figures, tables. Finished parts are not repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from medadapter_train.bundle.manifest import read_manifest
from medadapter_train.errors import TrainError
from medadapter_train.model.onnx_scorer import BundleScorer
from medadapter_train.study.comparisons import Measured, comparisons, measure
from medadapter_train.study.config import StudyConfig
from medadapter_train.study.costs import costs, timing
from medadapter_train.study.evaluations import Adapter, evaluations
from medadapter_train.study.questions import Questions, load_questions, read_scores, write_scores
from medadapter_train.study.runs import Run, do_run, plan, side_by_side
from medadapter_train.study.sample import part_of
from medadapter_train.study.tables import study_markdown
from medadapter_train.study.tables_adapter import PAPER
from medadapter_train.system.files import write_atomic, write_json
from medadapter_train.system.processes import one_at_a_time
from medadapter_train.system.stamps import make_stamp

#: The name of `--only` for the bundle's scores and no run.
BUNDLE = "bundle"


def study(
    config: StudyConfig,
    data: Path,
    out: Path,
    report: Callable[[str], None],
    *,
    launch: Sequence[str] = (),
    only: Sequence[str] = (),
    bundle: Path | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Do what is not done and write `out`/study.json and `out`/study.md.

    `only`: names of the runs to do; other runs that are done are measured too. `bundle`: figures
    that need no training are measured on it, on the test share. `jobs`: runs side by side. Raises
    `TrainError`.
    """
    names = [run.name for run in config.runs]
    unknown = set(only) - {*names, *([BUNDLE] if bundle else [])}
    if unknown:
        raise TrainError("bad_option", f"--only: no run is called {', '.join(sorted(unknown))}")
    questions = load_questions(config.sets, data, config.study.most, config.study.shares)
    runs = plan(config, questions, data, out)
    with one_at_a_time(out, report):
        wanted = [run for run in runs if not only or run.table.name in only]

        def do(run: Run) -> None:
            # This setting is per thread.
            torch.set_num_threads(config.study.threads)
            sets = [questions[s.name] for s in config.measured(run.table)]
            do_run(run, sets, config.train.base, launch, report, bars=jobs == 1)

        side_by_side(do, wanted, jobs)
    done = [run for run in runs if run.scores.is_file() and run.weights.is_file()]
    report("measuring")
    measured = [measure(r, [questions[s.name] for s in config.measured(r.table)]) for r in done]
    times = _times(config, done, questions, out)
    found = comparisons(config, measured, questions, times) if measured else None
    adapter, asked = _adapter(config, measured, questions, data, out, bundle)
    spent = found["spent"] if found else []
    result: dict[str, Any] = {
        "settings": _settings(config),
        "shares": list(config.study.shares),
        "missing": [run.table.name for run in runs if run not in done],
        "comparisons": found,
        "evaluations": evaluations(adapter, asked, config.study.k, config.models)
        if adapter
        else None,
        "paper": PAPER,
        "costs": costs(config.cost, spent, times, config.reference.name, config.train.passes)
        if spent
        else None,
    }
    write_json(out / "study.json", result)
    write_atomic(out / "study.md", [study_markdown(result).encode()])
    return result


def _settings(config: StudyConfig) -> dict[str, Any]:
    """What all runs share: no folder of this machine in it, and no run's own sets."""
    shared = config.train.to_json()
    shared.pop("sets")
    return {**shared, "base": Path(config.train.base).name}


def _times(
    config: StudyConfig, done: Sequence[Run], questions: dict[str, Questions], out: Path
) -> dict[str, Any]:
    """Scoring times of the finished forms and sizes, on the same questions."""
    timed = [run for run in done if run.table.kind in ("reference", "cross", "layers")]
    sets = [questions[s.name] for s in config.sets if s.role == "main"]
    if not timed:
        return {}
    return timing(timed, sets, config.study.timing, config.study.threads, out)


def _adapter(
    config: StudyConfig,
    measured: Sequence[Measured],
    questions: dict[str, Questions],
    data: Path,
    out: Path,
    bundle: Path | None,
) -> tuple[Adapter | None, dict[str, Questions]]:
    """The adapter that is evaluated, and its questions."""
    main = tuple(s.name for s in config.sets if s.role == "main")
    if bundle is None:
        for one in measured:
            if one.run.table.kind == "reference":
                return Adapter(f"run `{one.run.table.name}`", {}, one.parts, main), questions
        return None, questions
    manifest = read_manifest(bundle)
    asked = load_questions(config.sets, data, shares=("test",))
    inputs = [bundle / "adapter.ort", bundle / "tokenizer.json", *(q.path for q in asked.values())]
    stamp = make_stamp("study-bundle", inputs, {"keys": [q.keys for q in asked.values()]})
    scores = out / "scores" / f"{BUNDLE}-{stamp.value[:10]}.jsonl"
    if not scores.is_file():
        scorer = BundleScorer(bundle, config.study.threads)
        write_scores(scores, scorer, list(asked.values()))
    scored = read_scores(scores, asked.values())
    parts = {q.name: part_of(q.keys, scored[q.name], manifest) for q in asked.values()}
    name = f"{manifest['name']} {manifest['version']}, test share"
    return Adapter(name, manifest, parts, main), asked
