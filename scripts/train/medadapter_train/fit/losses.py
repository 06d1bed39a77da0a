"""Outcome-label losses over one question's candidates.

Binary cross-entropy says how likely each candidate is right (comparable between questions, which
calibration needs); the listwise term ranks right above wrong within the question.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class LossWeights:
    """`pure` scales questions whose candidates are all right or all wrong."""

    bce: float = 1.0
    listwise: float = 0.5
    pure: float = 0.4


#: By `[train].loss`; the empty name is the mixture that the shipped adapter was trained with.
#: `cross_entropy` is the paper's (arXiv 2405.03000, section 3.3; its code trains a classifier of
#: two classes): the softmax cross-entropy of each candidate, which for one logit, the difference of
#: the two, is the binary one, all candidates alike.
LOSSES = {
    "": LossWeights(),
    "cross_entropy": LossWeights(bce=1.0, listwise=0.0, pure=1.0),
    "bce": LossWeights(bce=1.0, listwise=0.0),
    "listwise": LossWeights(bce=0.0, listwise=1.0),
}


def ranking_loss(logits: Tensor, labels: Tensor, weights: LossWeights) -> Tensor:
    """Loss of one question: logits [C], labels [C] of 0 and 1 -> scalar."""
    bce = F.binary_cross_entropy_with_logits(logits, labels)
    if bool((labels == labels[0]).all()):
        return weights.pure * weights.bce * bce
    return weights.bce * bce + weights.listwise * listwise_loss(logits, labels)


def listwise_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """ListNet's top-one cross-entropy (Cao et al., ICML 2007); the right share the target."""
    target = labels / labels.sum()
    return -(target * torch.log_softmax(logits, dim=0)).sum()
