"""Questions with their candidates as packed token ids, without padding between them.

`micro_batches` packs by length: which passes of a step go through the encoder together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """One question's tokens. `lengths[i]` is the token count of candidate i.

    prefix [p], candidates [C, t] right-padded with 0, lengths [C].
    """

    prefix: Tensor
    candidates: Tensor
    lengths: Tensor

    def to(self, device: torch.device) -> Packed:
        return Packed(self.prefix.to(device), self.candidates.to(device), self.lengths.to(device))

    @classmethod
    def of(cls, prefix: Sequence[int], candidates: Sequence[Sequence[int]]) -> Packed:
        lengths = torch.tensor([len(c) for c in candidates])
        padded = torch.zeros(len(candidates), int(lengths.max()), dtype=torch.long)
        for row, ids in zip(padded, candidates, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return cls(torch.tensor(prefix), padded, lengths)

    @property
    def tokens(self) -> int:
        """Tokens of the prefix and of all candidates, without padding."""
        return self.prefix.numel() + int(self.lengths.sum())


@dataclass(frozen=True, slots=True)
class Part:
    """Where one question's tokens lie in what is packed: rows `start` to `end`, its prefix first.

    tokens [n]: places of its candidates' tokens in [C * t], shape (C, t); bias [C, 1, 1, t] hides
    the padding; firsts [C]: rows of the candidates' first tokens.
    """

    start: int
    end: int
    prefix: int
    tokens: Tensor
    shape: tuple[int, int]
    bias: Tensor
    firsts: Tensor


def inside(packed: Packed) -> Tensor:
    """Which of [C, t] are tokens and no padding."""
    columns = torch.arange(packed.candidates.shape[1], device=packed.prefix.device)
    return columns < packed.lengths[:, None]


def flat_inputs(packs: Sequence[Packed]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, types (0 prefix, 1 candidate) and positions [n] of all tokens, question after question.

    Each candidate's positions follow its prefix's.
    """
    ids, types, positions = [], [], []
    for packed in packs:
        p, device, kept = packed.prefix.numel(), packed.prefix.device, inside(packed)
        columns = torch.arange(packed.candidates.shape[1], device=device)
        ids += [packed.prefix, packed.candidates[kept]]
        positions += [torch.arange(p, device=device), (p + columns).expand(kept.shape)[kept]]
        types += [torch.zeros_like(packed.prefix), torch.ones_like(ids[-1])]
    return torch.cat(ids), torch.cat(types), torch.cat(positions)


def parts_of(packs: Sequence[Packed], dtype: torch.dtype) -> list[Part]:
    """Where each question lies in `flat_inputs`."""
    parts, start = [], 0
    for packed in packs:
        kept = inside(packed)
        tokens = kept.flatten().nonzero().squeeze(1)
        count, t = packed.candidates.shape
        p = packed.prefix.numel()
        bias = torch.zeros(count, 1, 1, t, dtype=dtype, device=kept.device)
        bias = bias.masked_fill(~kept[:, None, None, :], -1e4)
        firsts = packed.lengths.cumsum(0) - packed.lengths + start + p
        end = start + p + tokens.numel()
        parts.append(Part(start, end, p, tokens, (count, t), bias, firsts))
        start = end
    return parts


#: A packed question and its candidates' targets [C].
Pass = tuple[Packed, Tensor]


def micro_batches(passes: Sequence[Pass], most_tokens: int) -> Iterator[list[Pass]]:
    """Groups of passes of at most `most_tokens` tokens, like lengths together; 0: each alone.

    A question longer than that is a group of its own. The same passes give the same groups.
    """
    ordered = sorted(passes, key=lambda p: p[0].tokens) if most_tokens else passes
    group: list[Pass] = []
    total = 0
    for one in ordered:
        tokens = one[0].tokens
        if group and total + tokens > most_tokens:
            yield group
            group, total = [], 0
        group.append(one)
        total += tokens
    if group:
        yield group
