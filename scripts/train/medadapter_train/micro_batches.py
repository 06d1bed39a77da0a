"""Packing by length: which passes of a step go through the encoder together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from medadapter_train.packed import Packed

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
