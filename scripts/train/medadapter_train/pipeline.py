"""The stages of a run in order, each skipped while its stamp holds.

generate -> label -> feedback -> train -> choose -> export -> calibrate -> evaluate -> publish. A
stage writes under a temporary name or into a folder of its own, and its stamp last: a run that was
killed anywhere goes on with the stage that it was in. Calibration and metrics live in the bundle's
manifest, so export goes before them; each of the three has its own copy of the bundle.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medadapter_train.errors import DataError, TrainError
from medadapter_train.jsonl import write_atomic
from medadapter_train.run_config import FeedbackTable, FitTable, GenerateTable, RunConfig
from medadapter_train.split import check_leak, share_of
from medadapter_train.stamps import Stage, Stages, make_stamp
from medadapter_train.toml_tables import to_toml


class Run:
    """A run of one file; `export` puts the stamps of the stages before it into the manifest."""

    def __init__(self, config: RunConfig, report: Callable[[str], None]) -> None:
        self.config = config
        self.folder = config.path(config.run.folder)
        self.data = self.folder / "data"
        self.stages = Stages(self.folder / "stamps", report)

    def go(self) -> None:
        """Do every stage that is not done. Raises the `TrainError` of the stage that failed."""
        for table in self.config.generate:
            self.stages.do(self._generate(table))
            self.stages.do(self._label(table))
        if self.config.feedback is not None:
            self.stages.do(self._feedback(self.config.feedback))
        sets = self._sets()
        self._link(sets)
        toml = self._effective_file(sets)
        train = self._train(sets, toml)
        run = train.outputs[0].parent
        for stage in (train, self._choose(run), self._export(run, toml)):
            self.stages.do(stage)
        if self.config.attention == "cross":
            # No bundle: what stands in front of the Worker scores, and is measured there.
            return
        self.stages.do(self._calibrate())
        self.stages.do(self._evaluate())
        if self.config.publish is not None:
            self.stages.do(self._publish())

    def _command(self, *words: object, launch: tuple[str, ...] = ()) -> None:
        """One of the program's commands, in this process unless it is launched by another."""
        arguments = [str(word) for word in words]
        if not launch:
            from medadapter_train.cli import app

            app(arguments, standalone_mode=False)
            return
        command = [*launch, "-m", "medadapter_train", *arguments]
        if subprocess.run(command, check=False).returncode:
            raise TrainError("stage_failed", f"{arguments[0]}: see its own message above")

    def _generate(self, table: GenerateTable) -> Stage:
        questions = self.config.path(table.questions)
        out = self.folder / "generated" / table.set

        def work() -> None:
            from medadapter_train.cli_show import show_bill
            from medadapter_train.fitting import read_fitted
            from medadapter_train.generate import generate

            records = list(read_fitted(questions, table.task or None))
            least = table.min_candidates
            show_bill(generate(records, out, table.llm, table.k, min_candidates=least).bill)

        # How requests are sent and what they cost does not change what comes of them.
        settings = {
            "llm": table.llm.identity(),
            "k": table.k,
            "task": table.task,
            "least": table.min_candidates,
        }
        return Stage(f"generate/{table.set}", [questions], settings, [out], work)

    def _label(self, table: GenerateTable) -> Stage:
        source, out = self.folder / "generated" / table.set, self.data / table.set
        label = self.config.label
        human = self.config.path(label.human) if label.human else None

        def work() -> None:
            from medadapter_train.cli_show import show_labels
            from medadapter_train.label import label as run

            show_labels(run(source, out, judge=label.judge, human=human, min_kappa=label.min_kappa))

        inputs = [source] if human is None else [source, human]
        judge = None if label.judge is None else label.judge.identity()
        return Stage(f"label/{table.set}", inputs, {"judge": judge}, [out], work)

    def _feedback(self, table: FeedbackTable) -> Stage:
        out = self.data / table.set
        remote = table.place.startswith("s3://")
        place = table.place if remote else str(self.config.path(table.place))
        words = ["--all-tenants"] if table.all_tenants else ["--tenant", table.tenant]
        settings = {"tenant": table.tenant, "all": table.all_tenants, "place": table.place}

        def work() -> None:
            self._command("feedback", place, "--out", out, *words)

        inputs = [] if remote else [Path(place)]
        return Stage("feedback", inputs, settings, [out], work, always=remote)

    def _sets(self) -> list[dict[str, Any]]:
        """`[train].sets` with what the run itself made and the file does not name."""
        sets = [dict(entry) for entry in self.config.train.get("sets", [])]
        named = {entry.get("file") for entry in sets}
        sets += [{"file": t.set} for t in self.config.generate if t.set not in named]
        extra = self.config.feedback
        if extra is not None and extra.set not in named:
            sets.append({"file": extra.set, "per_round": extra.per_round})
        return sets

    def _link(self, sets: list[dict[str, Any]]) -> None:
        """All candidate files of the run under one folder, by their names."""
        self.data.mkdir(parents=True, exist_ok=True)
        wanted = {str(entry.get("file")) for entry in sets}
        wanted |= {*self.config.train.get("validate_sets", [])}
        wanted |= {*self.config.calibrate.sets, *self.config.evaluate.sets}
        for name in sorted(wanted):
            file = self.data / name
            if file.is_file() and not file.is_symlink():
                continue
            source = self.config.path(self.config.run.candidates) / name
            if not self.config.run.candidates or not source.is_file():
                raise DataError("file_missing", f"{name}: neither made by the run nor there before")
            file.unlink(missing_ok=True)
            file.symlink_to(source)

    def _effective_file(self, sets: list[dict[str, Any]]) -> Path:
        """The tables that training and export read, with every set of the run in them."""
        train = {**self.config.train, "sets": sets}
        train.pop("data_folder", None)
        text = to_toml("", {"provenance": self.config.provenance})
        text += to_toml("train", train) + to_toml("bundle", self.config.bundle)
        path = self.folder / "train.toml"
        write_atomic(path, [text.encode()])
        return path

    def _train(self, sets: list[dict[str, Any]], toml: Path) -> Stage:
        names = [entry["file"] for entry in sets]
        names += [n for n in self.config.train.get("validate_sets", []) if n not in names]
        inputs = [self.data / name for name in names]
        settings = {**self.config.train, "sets": sets}
        # A folder for each configuration: a checkpoint of other settings is never gone on with.
        stamp = make_stamp("train", inputs, settings)
        out = self.folder / f"train-{stamp.value[:12]}"
        launch = self.config.run.launch

        def work() -> None:
            self._command("train", toml, "--out", out, "--data", self.data, launch=launch)

        return Stage("train", inputs, settings, [out / "weights"], work)

    def _files(self, table: FitTable) -> list[Path]:
        names = table.sets or [entry["file"] for entry in self._sets()]
        return [self.data / name for name in names]

    def _choose(self, run: Path) -> Stage:
        out = run / "best.safetensors"
        files = self._files(self.config.calibrate) if self.config.run.choose else []
        data = [word for file in files for word in ("--data", file)]

        def work() -> None:
            if data:
                self._command("choose", "--run", run, *data)
                return
            from medadapter_train.choose import best_checkpoint

            newest = max((run / "weights").glob("step-*.safetensors"))
            write_atomic(out, [(best_checkpoint(run) or newest).read_bytes()])

        return Stage("choose", [run / "weights", *files], {"choose": bool(data)}, [out], work)

    def _export(self, run: Path, toml: Path) -> Stage:
        out = self.folder / "exported"

        def work() -> None:
            self._command("export", toml, "--run", run, "--out", out)
            if self.config.attention == "cross":
                return
            from medadapter_train.bundle_writer import read_manifest, write_manifest

            manifest = read_manifest(out)
            known = {**manifest["training"], "stages": self.stages.stamps}
            write_manifest(out, {**manifest, "training": known})

        inputs = [run / "best.safetensors"]
        settings = {"bundle": self.config.bundle, "provenance": self.config.provenance}
        settings["train"] = {**self.config.train, "sets": self._sets()}
        return Stage("export", inputs, settings, [out], work)

    def _calibrate(self) -> Stage:
        table = self.config.calibrate
        more = ["--method", table.method]
        return self._fitted("calibrate", "exported", "calibrated", table, more)

    def _evaluate(self) -> Stage:
        more = ["--record", "--json", self.folder / "evaluation.json"]
        more += ["--plots", self.folder / "plots"]
        return self._fitted("evaluate", "calibrated", "bundle", self.config.evaluate, more)

    def _fitted(
        self, name: str, before: str, after: str, table: FitTable, more: list[Any]
    ) -> Stage:
        """A stage that adds to the manifest: on a fresh copy, so that it can be repeated."""
        source, out = self.folder / before, self.folder / after
        files = self._files(table)
        data = [word for file in files for word in ("--data", file)]

        def work() -> None:
            from medadapter_train.bundle_writer import whole_folder

            self._check_leak(files, table.split)
            with whole_folder(out) as scratch:
                shutil.copytree(source, scratch, dirs_exist_ok=True)
                self._command(name, "--bundle", scratch, *data, "--split", table.split, *more)

        settings = dataclasses.asdict(table)
        outputs = [out, *(word for word in more if isinstance(word, Path))]
        return Stage(name, [source, *files], settings, outputs, work)

    def _check_leak(self, files: list[Path], split: str) -> None:
        """No question that was trained on is fitted or measured on, in whatever file it stands."""
        from medadapter_train.data import read_all
        from medadapter_train.held_out import records_of

        trained = [self.data / entry["file"] for entry in self._sets()]
        check_leak(
            (record for record in read_all(trained) if share_of(record.question) == "train"),
            (record for file in files for record in records_of(file, split)),
        )

    def _publish(self) -> Stage:
        table = self.config.publish
        assert table is not None
        bundle = self.folder / "bundle"
        options = {"--channel": table.channel, "--endpoint": table.endpoint}
        options |= {"--bucket": table.bucket}
        options |= {"--key": str(self.config.path(table.key)) if table.key else ""}
        words = [word for option, value in options.items() if value for word in (option, value)]

        def work() -> None:
            self._command("publish", bundle, *words)

        return Stage("publish", [bundle], dataclasses.asdict(table), [], work)
