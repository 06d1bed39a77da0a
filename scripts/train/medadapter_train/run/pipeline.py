"""The stages of a run in order, each skipped while its stamp holds.

generate -> label -> feedback -> train -> crossfit -> choose -> export -> calibrate -> evaluate ->
publish. A stage writes under a temporary name or into a folder of its own, and its stamp last: a
run that was killed anywhere goes on with the stage that it was in. Calibration and metrics live in
the bundle's manifest, so export goes before them; each of the three has its own copy of the bundle.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medadapter_train.data.split import check_leak, is_trained_on
from medadapter_train.run.config import FitTable, RunConfig
from medadapter_train.run.data_stages import RunData, command
from medadapter_train.system.files import write_atomic
from medadapter_train.system.stamps import Stage, Stages, make_stamp


class Run:
    """A run of one file; `export` puts the stamps of the stages before it into the manifest."""

    def __init__(self, config: RunConfig, report: Callable[[str], None]) -> None:
        self.config = config
        self.folder = config.path(config.run.folder)
        self.report = report
        self.stages = Stages(self.folder / "stamps", report)
        self.made = RunData(config, self.folder, self.stages)
        self.data = self.made.data

    def go(self) -> None:
        """Do every stage that is not done. Raises the `TrainError` of the stage that failed."""
        self.made.make()
        toml = self.made.effective_file()
        train = self._train(toml)
        run = train.outputs[0].parent
        self.stages.do(train)
        if self.crossed and self.config.attention != "cross":
            self.stages.do(self._crossfit(run, toml))
        for stage in (self._choose(run), self._export(run, toml)):
            self.stages.do(stage)
        if self.config.attention == "cross":
            # No bundle: what stands in front of the Worker scores, and is measured there.
            return
        self.stages.do(self._calibrate(run))
        self.stages.do(self._evaluate())
        if self.config.publish is not None:
            self.stages.do(self._publish())

    @property
    def crossed(self) -> set[str]:
        """The files whose sets are cross-fitted."""
        return {str(s["file"]) for s in self.made.sets() if s.get("cross_fit")}

    def _settings(self) -> dict[str, Any]:
        return {**self.config.train, "sets": self.made.sets()}

    def _trained_files(self) -> list[Path]:
        names = [entry["file"] for entry in self.made.sets()]
        names += [n for n in self.config.train.get("validate_sets", []) if n not in names]
        return [self.data / name for name in names]

    def _train(self, toml: Path) -> Stage:
        inputs, settings = self._trained_files(), self._settings()
        # A folder for each configuration: a checkpoint of other settings is never gone on with.
        stamp = make_stamp("train", inputs, settings)
        out = self.folder / f"train-{stamp.value[:12]}"
        launch = self.config.run.launch

        def work() -> None:
            command("train", toml, "--out", out, "--data", self.data, launch=launch)

        return Stage("train", inputs, settings, [out / "weights"], work)

    def _crossfit(self, run: Path, toml: Path) -> Stage:
        out = run / "folds"

        def work() -> None:
            words = ["--launch", shlex.join(self.config.run.launch)]
            command("crossfit", toml, "--out", out, "--data", self.data, *words)

        outputs = [out / "out-of-fold.jsonl"]
        return Stage("crossfit", self._trained_files(), self._settings(), outputs, work)

    def _choose(self, run: Path) -> Stage:
        out = run / "best.safetensors"
        files = self.made.files(self.config.calibrate) if self.config.run.choose else []
        # The validation share of a cross-fitted set was trained on.
        files = [file for file in files if file.name not in self.crossed]
        data = [word for file in files for word in ("--data", file)]

        def work() -> None:
            if data:
                command("choose", "--run", run, *data)
                return
            from medadapter_train.fit.run_folder import best_checkpoint

            newest = max((run / "weights").glob("step-*.safetensors"))
            write_atomic(out, [(best_checkpoint(run) or newest).read_bytes()])

        return Stage("choose", [run / "weights", *files], {"choose": bool(data)}, [out], work)

    def _export(self, run: Path, toml: Path) -> Stage:
        out = self.folder / "exported"

        def work() -> None:
            command("export", toml, "--run", run, "--out", out)
            if self.config.attention == "cross":
                return
            from medadapter_train.bundle.manifest import read_manifest, write_manifest

            manifest = read_manifest(out)
            known = {**manifest["training"], "stages": self.stages.stamps}
            write_manifest(out, {**manifest, "training": known})

        inputs = [run / "best.safetensors"]
        settings = {"bundle": self.config.bundle, "provenance": self.config.provenance}
        settings["train"] = self._settings()
        return Stage("export", inputs, settings, [out], work)

    def _calibrate(self, run: Path) -> Stage:
        table = self.config.calibrate
        more: list[Any] = ["--method", table.method]
        scores = run / "folds" / "out-of-fold.jsonl"
        inputs = [scores] if self.crossed else []
        more += ["--out-of-fold", scores] if self.crossed else []
        return self._fitted("calibrate", "exported", "calibrated", table, more, inputs)

    def _evaluate(self) -> Stage:
        figures = [self.folder / "evaluation.json", self.folder / "plots"]
        more = ["--record", "--json", figures[0], "--plots", figures[1]]
        stage = self._fitted("evaluate", "calibrated", "bundle", self.config.evaluate, more, [])
        return dataclasses.replace(stage, outputs=[*stage.outputs, *figures])

    def _fitted(
        self, name: str, before: str, after: str, table: FitTable, more: list[Any], read: list[Path]
    ) -> Stage:
        """A stage that adds to the manifest: on a fresh copy, so that it can be repeated."""
        source, out = self.folder / before, self.folder / after
        files = self.made.files(table)
        # Of cross-fitted files no share is fitted on, but what their folds left out.
        apart = [file for file in files if not (read and file.name in self.crossed)]

        def work() -> None:
            from medadapter_train.system.files import whole_folder

            self._check_leak(apart, table.split)
            chosen = bool(table.sets)
            held = [f for f in files if chosen or f not in apart or self._asks(f, table.split)]
            data = [word for file in held or files for word in ("--data", file)]
            with whole_folder(out) as scratch:
                shutil.copytree(source, scratch, dirs_exist_ok=True)
                command(name, "--bundle", scratch, *data, "--split", table.split, *more)

        return Stage(name, [source, *files, *read], dataclasses.asdict(table), [out], work)

    def _asks(self, file: Path, split: str) -> bool:
        """Whether the share holds a question of the file: of a small one it may hold none."""
        from medadapter_train.data.split import records_of

        found = any(True for _ in records_of(file, split))
        if not found:
            self.report(f"{file.name}: no question in the {split} share, left out")
        return found

    def _check_leak(self, files: list[Path], split: str) -> None:
        """No question that was trained on is fitted or measured on, in whatever file it stands."""
        from medadapter_train.data.candidates import read_records
        from medadapter_train.data.split import records_of

        check_leak(
            (
                record
                for entry in self.made.sets()
                for record in read_records(self.data / entry["file"])
                if is_trained_on(record.identity, cross_fit=bool(entry.get("cross_fit")))
            ),
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
            command("publish", bundle, *words)

        return Stage("publish", [bundle], dataclasses.asdict(table), [], work)
