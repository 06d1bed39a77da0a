"""The training loop: packed questions, accumulated gradients, resumable to the step.

One optimizer step takes `batch` questions in micro-batches, one question each or as many as fit in
`pack_tokens`, whose gradients are accumulated. Under `accelerate launch` with several processes
each takes its part of the step's questions. The optimizer is AdamW over three groups of weights.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, set_seed

from medadapter_train.errors import TrainError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.fit.losses import LOSSES, ranking_loss
from medadapter_train.fit.passes import Passes
from medadapter_train.fit.run_folder import (
    check_same_data,
    check_same_run,
    keep_data,
    load_state,
    save_state,
)
from medadapter_train.fit.token_store import TokenStore
from medadapter_train.fit.validation import macro_gain, table, validate
from medadapter_train.model.packed import micro_batches
from medadapter_train.model.rankers import (
    Ranker,
    freeze_word_embeddings,
    head_parameters,
    make_encoder,
    make_ranker,
)
from medadapter_train.model.weights import load_weights, save_weights
from medadapter_train.system.files import write_atomic, write_json
from medadapter_train.system.processes import one_at_a_time
from medadapter_train.system.progress import step_progress

log = logging.getLogger("medadapter")
#: The gradient's norm is clipped to this.
CLIP_NORM = 1.0
#: The learning rate falls to 0 over this last share of the steps.
DECAY_SHARE = 0.35


def make_optimizer(model: Ranker, config: TrainConfig) -> torch.optim.Optimizer:
    """Matrices with weight decay, vectors without, the head with a rate of its own."""
    fast = set(head_parameters(model))
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    head = [p for n, p in trained if n in fast]
    body = [p for n, p in trained if n not in fast]
    slow = config.learning_rate
    groups = [
        {"params": [p for p in body if p.dim() > 1], "lr": slow},
        {"params": [p for p in body if p.dim() == 1], "lr": slow, "weight_decay": 0},
        {"params": head, "lr": config.head_learning_rate},
    ]
    for group in groups:
        group["initial_lr"] = group["lr"]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay)


def learning_rate_share(config: TrainConfig, step: int, steps: int) -> float:
    """Share of the full rate: warm-up, constant, then a linear fall over the last `DECAY_SHARE`."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    left = (steps - step) / max(1.0, steps * DECAY_SHARE)
    return min(warm, left, 1.0)


def train(config: TrainConfig, out: Path) -> None:
    """Train in folder `out`, from the start or from where an earlier call was stopped.

    Waits while another process trains there. Does not return in a process that is one of several:
    see `Trainer.leave`. Raises `ModelError` other_run, other_data where the folder was begun
    otherwise; `DataError`, `TrainError` diverged.
    """
    # If a run has several processes, the first one holds the folder for all.
    first = os.environ.get("RANK", "0") == "0"
    with one_at_a_time(out, log.info) if first else nullcontext():
        check_same_run(config, out)
        check_same_data(config, out)
        trainer = Trainer(config, out)
        trainer.run()
        trainer.leave()


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
        self.encoder = make_encoder(config.base, config.attention)
        if self.accelerator.is_main_process:
            write_json(out / "config.json", asdict(config))
            tokenizer = self.encoder.tokenizer.to_str(pretty=True)
            write_atomic(out / "tokenizer.json", [tokenizer.encode()])
        with self.accelerator.main_process_first():
            self.passes = Passes(config, self.encoder, out / "tokens")
            self.held_out = self._validation_store()
        if self.accelerator.is_main_process:
            keep_data(config, self.passes.stores, out)
        earlier = load_weights(Path(config.init_weights)) if config.init_weights else None
        self.model = make_ranker(config.base, config.attention, config.seed, earlier)
        freeze_word_embeddings(self.model)
        self.optimizer = make_optimizer(self.model, config)
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

    @property
    def steps(self) -> int:
        return self.config.passes // self.config.batch

    def run(self) -> float:
        """Train to the end; returns the best validation gain. See `leave` for what comes after."""
        self._resume()
        c = self.config
        started, first = time.monotonic(), self.step
        running = 0.0
        with step_progress() as bar:
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
                ended = self.step == self.steps or self._gave_up()
                if passes % c.checkpoint_every < c.batch or ended:
                    self._save()
        self.accelerator.end_training()
        return self.best

    def leave(self) -> None:
        """End the process here where it is one of several.

        The destructor of their process group takes a mutex while it holds the interpreter's lock;
        its own thread takes both in the other order. Now and then a process deadlocked there.
        """
        if self.accelerator.num_processes > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def _gave_up(self) -> bool:
        """Early stop: `patience` validations in a row brought no new best."""
        return 0 < self.config.patience <= self.since_best

    def _one_step(self) -> float:
        c, weights = self.config, LOSSES[self.config.loss]
        self.wrapped.train()
        share = learning_rate_share(c, self.step, self.steps)
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = param_group["initial_lr"] * share
        mine = range(self.accelerator.process_index, c.batch, self.accelerator.num_processes)
        drawn = [self.passes.at(self.step * c.batch + offset) for offset in mine]
        groups = list(micro_batches(drawn, c.pack_tokens))
        total = 0.0
        for number, group in enumerate(groups, start=1):
            packs = [packed.to(self.accelerator.device) for packed, _ in group]
            # Processes exchange gradients once a step, with its last micro-batch.
            last = number == len(groups)
            with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
                logits = self.wrapped(*packs).split([len(labels) for _, labels in group])
                losses = [
                    ranking_loss(own, labels.to(own.device), weights)
                    for own, (_, labels) in zip(logits, group, strict=True)
                ]
                loss = torch.stack(losses).sum() / len(mine)
                self.accelerator.backward(loss)
            total += float(loss.detach())
        if not total < float("inf"):
            raise TrainError("diverged", f"the loss is not finite at step {self.step}")
        self.accelerator.clip_grad_norm_(self.wrapped.parameters(), CLIP_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def _validate(self) -> None:
        if self.accelerator.is_main_process:
            self._measure()
        # All processes must stop at the same step: one that goes on would wait for the others for
        # ever.
        found = broadcast_object_list([self.best, self.since_best])
        self.best, self.since_best = float(found[0]), int(found[1])

    def _measure(self) -> None:
        """Keep the weights. Record them as the best if validation has a new best."""
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
            write_json(self.out / "best.json", {"weights": name, "gain": gain})

    def _keep_weights(self) -> str:
        """Write the weights for a later choice or average; keep the newest few and the best."""
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
            on_gpu = self.accelerator.device.type == "cuda"
            save_state(
                self.out / "checkpoint.pt",
                {
                    "step": self.step,
                    "best": self.best,
                    "since_best": self.since_best,
                    "model": self.model.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "rng": torch.get_rng_state(),
                    "device_rng": torch.cuda.get_rng_state() if on_gpu else None,
                },
            )

    def _resume(self) -> None:
        state = load_state(self.out / "checkpoint.pt")
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        if state.get("device_rng") is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["device_rng"])
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
