"""The training loop: packed questions, accumulated gradients, resumable to the step.

One optimizer step takes `batch` questions, one packed question a micro-batch. Under `accelerate
launch` with several processes each takes its part of the step's questions.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from medadapter_train.checkpoint import load_state, load_weights, save_state, save_weights
from medadapter_train.config import TrainConfig
from medadapter_train.errors import TrainError
from medadapter_train.losses import ranking_loss
from medadapter_train.passes import Passes
from medadapter_train.rankers import (
    freeze_word_embeddings,
    head_parameters,
    make_encoder,
    make_ranker,
)
from medadapter_train.store import TokenStore
from medadapter_train.validation import macro_gain, table, validate

log = logging.getLogger("medadapter")


class Trainer:
    """A run in folder `out`: checkpoint.pt, weights/, log.jsonl. `run()` starts or resumes it."""

    def __init__(self, config: TrainConfig, out: Path) -> None:
        self.config, self.out = config, out
        self.accelerator = Accelerator(
            cpu=not torch.cuda.is_available(),
            mixed_precision="bf16" if config.bf16 else "no",
            log_with="tensorboard",
            project_dir=out,
        )
        self.accelerator.init_trackers("tensorboard")
        if config.batch % self.accelerator.num_processes:
            raise TrainError("bad_config", "train.batch: must be a multiple of the processes")
        torch.set_num_threads(config.threads)
        set_seed(config.seed)
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.json").write_text(json.dumps(asdict(config), indent=1))
        self.encoder = make_encoder(config.base, config.attention)
        self.encoder.tokenizer.save(str(out / "tokenizer.json"))
        with self.accelerator.main_process_first():
            self.passes = Passes(config, self.encoder, out / "tokens")
            self.held_out = self._validation_store()
        earlier = load_weights(Path(config.init_weights)) if config.init_weights else None
        self.model = make_ranker(config.base, config.attention, config.seed, earlier)
        freeze_word_embeddings(self.model)
        self.optimizer = self._optimizer()
        self.wrapped, self.optimizer = self.accelerator.prepare(self.model, self.optimizer)
        self.step = 0
        self.best = float("-inf")
        self.since_best = 0

    def _validation_store(self) -> TokenStore | None:
        c = self.config
        if not c.validate_sets:
            return None
        paths = [Path(c.data_folder) / f for f in c.validate_sets]
        return TokenStore.build(paths, "validation", self.encoder, self.out / "tokens")

    def _optimizer(self) -> torch.optim.Optimizer:
        c = self.config
        fast = set(head_parameters(self.model))
        trained = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        head = [p for n, p in trained if n in fast]
        body = [p for n, p in trained if n not in fast]
        groups = [
            {"params": [p for p in body if p.dim() > 1], "lr": c.learning_rate},
            {"params": [p for p in body if p.dim() == 1], "lr": c.learning_rate, "weight_decay": 0},
            {"params": head, "lr": c.head_learning_rate},
        ]
        for group in groups:
            group["initial_lr"] = group["lr"]
        return torch.optim.AdamW(groups, weight_decay=c.weight_decay)

    @property
    def steps(self) -> int:
        return self.config.passes // self.config.batch

    def rate(self, step: int) -> float:
        """Warm-up, constant, then linear decay over the last `decay_share` of the run."""
        warm = min(1.0, (step + 1) / max(1, self.config.warmup_steps))
        left = (self.steps - step) / max(1.0, self.steps * self.config.decay_share)
        return min(warm, left, 1.0)

    def run(self) -> float:
        """Train to the end; returns the best validation gain."""
        self._resume()
        c = self.config
        started, first = time.monotonic(), self.step
        running = 0.0
        with _progress() as bar:
            task = bar.add_task("training", total=self.steps, completed=self.step)
            while self.step < self.steps and not self._gave_up():
                loss = self._one_step()
                self.step += 1
                running = loss if running == 0 else 0.98 * running + 0.02 * loss
                bar.update(task, completed=self.step, description=f"loss {running:.4f}")
                if self.step % 20 == 0:
                    speed = (self.step - first) * c.batch / (time.monotonic() - started)
                    self._note(loss=round(running, 4), questions_per_second=round(speed, 2))
                passes = self.step * c.batch
                if passes % c.validate_every < c.batch or self.step == self.steps:
                    self._validate()
                if passes % c.checkpoint_every < c.batch or self.step == self.steps:
                    self._save()
        self.accelerator.end_training()
        return self.best

    def _gave_up(self) -> bool:
        """Early stop: validation has not got better for `patience` times."""
        return 0 < self.config.patience <= self.since_best

    def _one_step(self) -> float:
        c, weights = self.config, self.config.loss_weights
        self.wrapped.train()
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self.rate(self.step)
        mine = range(self.accelerator.process_index, c.batch, self.accelerator.num_processes)
        total = 0.0
        for offset in mine:
            packed, labels = self.passes.at(self.step * c.batch + offset)
            packed, labels = packed.to(self.accelerator.device), labels.to(self.accelerator.device)
            last = offset + self.accelerator.num_processes >= c.batch
            # Processes exchange gradients once a step, with its last question.
            with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
                loss = ranking_loss(self.wrapped(packed), labels, weights) / len(mine)
                self.accelerator.backward(loss)
            total += float(loss.detach())
        if not total < float("inf"):
            raise TrainError("diverged", f"the loss is not finite at step {self.step}")
        self.accelerator.clip_grad_norm_(self.wrapped.parameters(), c.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def _validate(self) -> None:
        if not self.accelerator.is_main_process:
            return
        name = self._keep_weights()
        if self.held_out is None:
            return
        self.model.eval()
        with self.accelerator.autocast():
            scores = validate(self.model, self.held_out, self.config.validate_per_set, [])
        gain = macro_gain(scores)
        log.info("step %d\n%s", self.step, table(scores))
        self._note(validation={k: asdict(v) for k, v in scores.items()}, gain=gain)
        self.since_best += 1
        if gain > self.best:
            self.best, self.since_best = gain, 0
            (self.out / "best.json").write_text(json.dumps({"weights": name, "gain": gain}))

    def _keep_weights(self) -> str:
        """The weights alone, for a later choice and average; the newest few and the best stay."""
        folder = self.out / "weights"
        name = f"step-{self.step:05d}.safetensors"
        save_weights(folder / name, self.model.state_dict())
        best = self.out / "best.json"
        kept = json.loads(best.read_text())["weights"] if best.is_file() else None
        for old in sorted(folder.glob("step-*.safetensors"))[: -self.config.keep]:
            if old.name != kept:
                old.unlink()
        return name

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            self._keep_weights()
            save_state(
                self.out / "checkpoint.pt",
                {
                    "step": self.step,
                    "best": self.best,
                    "since_best": self.since_best,
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "rng": torch.get_rng_state(),
                },
            )

    def _resume(self) -> None:
        state = load_state(self.out / "checkpoint.pt")
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        self.step, self.best = int(state["step"]), float(state["best"])
        self.since_best = int(state.get("since_best", 0))
        log.info("resumed at step %d", self.step)

    def _note(self, **values: object) -> None:
        """One JSON line of figures; no text of the data."""
        if self.accelerator.is_main_process:
            numbers = {k: v for k, v in values.items() if isinstance(v, float)}
            self.accelerator.log(numbers, step=self.step)
            with (self.out / "log.jsonl").open("a") as stream:
                stream.write(json.dumps({"step": self.step, **values}) + "\n")
            if "loss" in values and not sys.stderr.isatty():
                log.info("step %d/%d %s", self.step, self.steps, values)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
