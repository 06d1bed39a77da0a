"""The stages of a run that make its data, and what its later stages read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapter_train.plan.config import load_plan
from medadapter_train.run.config import (
    FEEDBACK_SET,
    FeedbackTable,
    FitTable,
    GenerateTable,
    RunConfig,
)
from medadapter_train.run.inputs import check_inputs, given, made_before
from medadapter_train.system.files import write_atomic
from medadapter_train.system.settings import to_toml
from medadapter_train.system.stamps import Stage, Stages


@dataclass(frozen=True, slots=True)
class RunData:
    """A run's candidate files under `data`: made by its stages, or linked from where they are."""

    config: RunConfig
    folder: Path
    stages: Stages

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def make(self) -> None:
        """Generate and label what has no candidates yet, read feedback, link the rest. Everything
        that could stop one of these is checked first.
        """
        check_inputs(self.config, self._wanted(), self.data)
        for table in self.config.generate:
            self.stages.do(self._generate(table))
        # All sets are generated before any is labelled: people's labels may be of any of them.
        for table in self.config.generate:
            self.stages.do(self._label(table))
        if self.config.feedback is not None:
            self.stages.do(self._feedback(self.config.feedback))
        self._link()

    def _generate(self, table: GenerateTable) -> Stage:
        questions = self.config.path(table.questions)
        out = self._generated(table)

        def work() -> None:
            from medadapter_train.data.questions import read_fitted
            from medadapter_train.generate.generate import generate
            from medadapter_train.generate.show import show_bill
            from medadapter_train.system.progress import counted_progress

            records = list(read_fitted(questions, table.task or None))
            least, k = table.min_candidates, table.k
            with counted_progress("candidates", len(records) * k) as progress:
                done = generate(records, out, table.llm, k, min_candidates=least, progress=progress)
            show_bill(done.bill)

        # The settings leave out how requests are sent and what they cost: that does not change the
        # texts.
        settings = {
            "llm": table.llm.identity(),
            "k": table.k,
            "task": table.task,
            "least": table.min_candidates,
        }
        return Stage(f"generate/{table.set}", [questions], settings, [out], work)

    def _label(self, table: GenerateTable) -> Stage:
        source, out = self._generated(table), self.data / table.set
        label = self.config.label
        human = self.config.path(label.human) if label.human else None

        def work() -> None:
            from medadapter_train.generate.human_labels import check_matched
            from medadapter_train.generate.label import label as run
            from medadapter_train.generate.show import show_labels

            if human is not None:
                check_matched(human, [self._generated(t) for t in self.config.generate])
            least = label.min_kappa
            done = run(
                source, out, judge=label.judge, human=human, min_kappa=least, of_several=True
            )
            show_labels(done)

        inputs = [source] if human is None else [source, human]
        judge = None if label.judge is None else label.judge.identity()
        settings = {"judge": judge, "min_kappa": label.min_kappa}
        return Stage(f"label/{table.set}", inputs, settings, [out], work)

    def _generated(self, table: GenerateTable) -> Path:
        """Its candidates without labels."""
        return self.folder / "generated" / table.set

    def _feedback(self, table: FeedbackTable) -> Stage:
        out = self.data / FEEDBACK_SET
        remote = table.place.startswith("s3://")
        place = table.place if remote else str(self.config.path(table.place))
        tenant = None if table.all_tenants else table.tenant
        settings = {"tenant": table.tenant, "all": table.all_tenants, "place": table.place}

        def work() -> None:
            from medadapter_train.data.feedback import write_feedback
            from medadapter_train.generate.show import console

            found = write_feedback(place, out, tenant, all_tenants=table.all_tenants)
            for line in found.told(out.name):
                console.print(line)

        inputs = [] if remote else [Path(place)]
        return Stage("feedback", inputs, settings, [out], work, always=remote)

    def sets(self) -> list[dict[str, Any]]:
        """`[train].sets` with what the run itself made and the file does not name."""
        sets = [dict(entry) for entry in self.config.train.get("sets", [])]
        named = {entry.get("file") for entry in sets}
        sets += [{"file": t.set} for t in self.config.generate if t.set not in named]
        extra = self.config.feedback
        if extra is not None and FEEDBACK_SET not in named:
            sets.append({"file": FEEDBACK_SET, "per_round": extra.per_round})
        return sets

    def files(self, table: FitTable) -> list[Path]:
        """The files of the sets that a table names, or else of every set that is trained on except
        feedback: users' labels are for training, not for measuring.
        """
        own = {FEEDBACK_SET} if self.config.feedback is not None else set()
        trained = [entry["file"] for entry in self.sets()]
        names = table.sets or [name for name in trained if name not in own] or trained
        return [self.data / name for name in names]

    def effective_file(self) -> Path:
        """The tables that training and export read, with every set of the run in them."""
        train = {**self.config.train, "sets": self.sets()}
        train.pop("data_folder", None)
        text = to_toml("", {"provenance": self.config.provenance})
        text += to_toml("train", train) + to_toml("bundle", self.config.bundle)
        path = self.folder / "train.toml"
        write_atomic(path, [text.encode()])
        return path

    def _link(self) -> None:
        """All candidate files of the run under one folder, by their names."""
        self.data.mkdir(parents=True, exist_ok=True)
        for name in sorted(self._wanted()):
            file, source = self.data / name, given(self.config, name)
            if made_before(file) is None and source is not None:
                file.unlink(missing_ok=True)
                file.symlink_to(source)

    def _wanted(self) -> set[str]:
        """The names of all candidate files that the run reads."""
        wanted = {str(entry.get("file")) for entry in self.sets()}
        wanted |= {*self.config.train.get("validate_sets", [])}
        for table in self.config.plan:
            wanted |= {*load_plan(self.config.path(table.file)).data}
        return wanted | {*self.config.calibrate.sets, *self.config.evaluate.sets}
