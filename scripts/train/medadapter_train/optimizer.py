"""AdamW over three groups of weights, and its learning rate over the run."""

from __future__ import annotations

import torch

from medadapter_train.config import TrainConfig
from medadapter_train.rankers import Ranker, head_parameters


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
    """Share of the full rate: warm-up, constant, then a linear fall over the last `decay_share`."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    left = (steps - step) / max(1.0, steps * config.decay_share)
    return min(warm, left, 1.0)
