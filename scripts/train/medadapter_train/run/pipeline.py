"""The stages of a run in order, each skipped while its stamp holds.

generate -> label -> feedback -> train -> crossfit -> choose -> export -> calibrate -> evaluate ->
publish. A stage writes under a temporary name or into a folder of its own, and its stamp last: a
run that was killed anywhere goes on with the stage that it was in. Calibration and metrics live in
the bundle's manifest, so export goes before them; each of the three has its own copy of the bundle.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import check_names, read_records
from medadapter_train.data.split import check_leak, is_trained_on, records_of
from medadapter_train.fit.config import TrainConfig, load_config
from medadapter_train.run.config import FitTable, PlanTable, RunConfig
from medadapter_train.run.data_stages import RunData
from medadapter_train.system.files import whole_folder, write_atomic, write_json
from medadapter_train.system.processes import launch
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
            # A cross-encoder has no bundle: a server scores with it, and is measured there.
            return
        self.stages.do(self._calibrate(run))
        self.stages.do(self._evaluate())
        for table in self.config.plan:
            self.stages.do(self._plan(table))
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

    def _trained_by(self, toml: Path) -> TrainConfig:
        return replace(load_config(toml), data_folder=str(self.data.resolve()))

    def _train(self, toml: Path) -> Stage:
        inputs, settings = self._trained_files(), self._settings()
        # Each configuration has its own folder, so a checkpoint of other settings is never resumed.
        stamp = make_stamp("train", inputs, settings)
        out = self.folder / f"train-{stamp.value[:12]}"
        words = self.config.run.launch

        def work() -> None:
            if words:
                launch(words, "train", toml, "--out", out, "--data", self.data)
                return
            from medadapter_train.fit.train import train

            train(self._trained_by(toml), out)

        return Stage("train", inputs, settings, [out / "weights"], work)

    def _crossfit(self, run: Path, toml: Path) -> Stage:
        out = run / "folds"

        def work() -> None:
            from medadapter_train.fit.crossfit import crossfit

            lines = crossfit(self._trained_by(toml), out, self.config.run.launch)
            print(f"out-of-fold.jsonl: {lines} lines")

        outputs = [out / "out-of-fold.jsonl"]
        return Stage("crossfit", self._trained_files(), self._settings(), outputs, work)

    def _choose(self, run: Path) -> Stage:
        out = run / "best.safetensors"
        files = self.made.files(self.config.calibrate) if self.config.run.choose else []
        # The validation share of a cross-fitted set was trained on.
        files = [file for file in files if file.name not in self.crossed]

        def work() -> None:
            if files:
                from medadapter_train.fit.choose import choose

                print(json.dumps(choose(run, files)))
                return
            from medadapter_train.fit.run_folder import best_checkpoint

            newest = max((run / "weights").glob("step-*.safetensors"))
            write_atomic(out, [(best_checkpoint(run) or newest).read_bytes()])

        return Stage("choose", [run / "weights", *files], {"choose": bool(files)}, [out], work)

    def _export(self, run: Path, toml: Path) -> Stage:
        out = self.folder / "exported"

        def work() -> None:
            from medadapter_train.bundle.export import export

            print(export(toml, out, run=run))
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
        scores = run / "folds" / "out-of-fold.jsonl" if self.crossed else None

        def fit(bundle: Path, files: list[Path]) -> None:
            from medadapter_train.bundle.manifest import read_manifest
            from medadapter_train.bundle.recalibrate import recalibrate

            manifest = read_manifest(bundle, new_card=True)
            report = recalibrate(
                bundle, manifest, files, table.split, method=table.method, out_of_fold=scores
            )
            print(json.dumps(report, indent=1))

        read = [scores] if scores else []
        return self._fitted("calibrate", "exported", "calibrated", table, read, fit)

    def _evaluate(self) -> Stage:
        table = self.config.evaluate
        figures = [self.folder / "evaluation.json", self.folder / "plots"]

        def measure(bundle: Path, files: list[Path]) -> None:
            from medadapter_train.bundle.card import record_metrics
            from medadapter_train.bundle.manifest import read_manifest
            from medadapter_train.measure.evaluate import evaluate_bundle, manifest_metrics
            from medadapter_train.measure.plots import write_plots
            from medadapter_train.measure.tables import print_tables

            manifest = read_manifest(bundle, new_card=True)
            check_names(files)
            result = evaluate_bundle(bundle, manifest, files, table.split)
            print_tables(result)
            write_json(figures[0], result)
            write_plots(result, figures[1])
            record_metrics(bundle, manifest, manifest_metrics(result), table.split)

        stage = self._fitted("evaluate", "calibrated", "bundle", table, [], measure)
        return dataclasses.replace(stage, outputs=[*stage.outputs, *figures])

    def _fitted(
        self,
        name: str,
        before: str,
        after: str,
        table: FitTable,
        read: list[Path],
        add: Callable[[Path, list[Path]], None],
    ) -> Stage:
        """A stage that adds to the manifest: on a fresh copy, so that it can be repeated. `add`
        does it to a bundle, by candidate files."""
        source, out = self.folder / before, self.folder / after
        files = self.made.files(table)
        # Cross-fitted files are fitted on by their out-of-fold scores, not by a share.
        apart = [file for file in files if not (read and file.name in self.crossed)]

        def work() -> None:
            self._check_leak(apart, table.split)
            chosen = bool(table.sets)
            held = [f for f in files if chosen or f not in apart or self._asks(f, table.split)]
            with whole_folder(out) as scratch:
                shutil.copytree(source, scratch, dirs_exist_ok=True)
                add(scratch, held or files)

        return Stage(name, [source, *files, *read], dataclasses.asdict(table), [out], work)

    def _asks(self, file: Path, split: str) -> bool:
        """Whether a question of the file is in the share; of a small file there may be none."""
        found = any(True for _ in records_of(file, split))
        if not found:
            self.report(f"{file.name}: no question in the {split} share, left out")
        return found

    def _check_leak(self, files: list[Path], split: str) -> None:
        """Refuse a question that was trained on, in whatever file it is. Raises `DataError`
        question_leak.
        """
        check_leak(
            (
                record
                for entry in self.made.sets()
                for record in read_records(self.data / entry["file"])
                if is_trained_on(record.identity, cross_fit=bool(entry.get("cross_fit")))
            ),
            (record for file in files for record in records_of(file, split)),
        )

    def _plan(self, table: PlanTable) -> Stage:
        """Fits a plan on its candidate files, by votes alone: NAME.plan.json."""
        from medadapter_train.plan.config import files_of, load_plan

        source = self.config.path(table.file)
        plan = load_plan(source)
        files = files_of(plan, [self.data])
        out = self.folder / f"{plan.name}.plan.json"
        stamp = make_stamp(f"plan-{plan.name}", [source, *files], {})

        def work() -> None:
            from medadapter_train.plan.cross import cross_validated
            from medadapter_train.plan.fit import fit_plan
            from medadapter_train.plan.questions import join

            questions = join(plan, files).whole
            fitted = fit_plan(plan, questions, stamp.value[:12])
            fitted["metrics"] = cross_validated(plan, questions)
            write_json(out, fitted)

        return Stage(f"plan-{plan.name}", [source, *files], {}, [out], work)

    def _publish(self) -> Stage:
        table = self.config.publish
        assert table is not None
        bundle = self.folder / "bundle"
        plans = sorted(self.folder.glob("*.plan.json")) if self.config.plan else []
        key = self.config.path(table.key) if table.key else None

        def work() -> None:
            from medadapter_train.bundle.folder import open_bundle, open_plan
            from medadapter_train.publish.channels import publish_to
            from medadapter_train.publish.signing import Signer
            from medadapter_train.system.object_store import Store

            opened = open_bundle(bundle)
            store = Store.from_environment(table.endpoint or None, table.bucket or None)
            signer = Signer.from_environment(key)
            publish_to(table.channel, store, opened, signer, say=print)
            # A plan has one channel: what is measured is used.
            channel = "stable" if table.channel else ""
            for path in plans:
                publish_to(channel, store, open_plan(path), signer, say=print)

        return Stage("publish", [bundle, *plans], dataclasses.asdict(table), [], work)
