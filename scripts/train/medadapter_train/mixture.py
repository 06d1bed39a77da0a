"""Which question comes when: an endless, seeded stream of rounds over sets of unequal weight.

A round holds each set's questions `per_round` times (a quarter of them for 0.25, other ones in the
next round), shuffled together, so that small sets may be seen often without a phase of their own.
The stream depends on nothing but seed and data: a resumed or prolonged run goes on where it
stopped.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from medadapter_train.store import Row


class Mixture:
    """`at(n)` is the n-th pass of the run: (row index, random source for what is drawn in it)."""

    def __init__(self, sets: Sequence[str], per_round: Mapping[str, float], seed: int) -> None:
        self.seed = seed
        self.members: dict[str, list[int]] = {}
        for index, name in enumerate(sets):
            self.members.setdefault(name, []).append(index)
        self.per_round = {n: per_round[n] for n in self.members}
        self.round_size = sum(self._taken(n, 1) for n in self.members)
        self._rounds: list[list[int]] = []

    def _taken(self, name: str, rounds: int) -> int:
        """How many passes of a set the first `rounds` rounds hold."""
        return round(rounds * self.per_round[name] * len(self.members[name]))

    def _round(self, number: int) -> list[int]:
        passes: list[int] = []
        for name, members in sorted(self.members.items()):
            for position in range(self._taken(name, number), self._taken(name, number + 1)):
                lap, place = divmod(position, len(members))
                order = members.copy()
                random.Random(f"{self.seed}/{name}/{lap}").shuffle(order)
                passes.append(order[place])
        random.Random(f"{self.seed}/{number}").shuffle(passes)
        return passes

    def at(self, position: int) -> tuple[int, random.Random]:
        start = 0
        number = 0
        while True:
            if number == len(self._rounds):
                self._rounds.append(self._round(number))
            passes = self._rounds[number]
            if position < start + len(passes):
                return passes[position - start], random.Random(f"{self.seed}/pass/{position}")
            start += len(passes)
            number += 1


def draw_candidates(row: Row, most: int, rng: random.Random) -> list[int]:
    """Indices of at most `most` candidates of distinct token ids.

    The share of right ones is drawn halfway towards one half, so that questions with one odd
    candidate in many still show both kinds.
    """
    distinct = {tuple(ids): i for i, ids in reversed(list(enumerate(row.candidates)))}
    right = [i for i in distinct.values() if row.correct[i]]
    wrong = [i for i in distinct.values() if not row.correct[i]]
    if len(right) + len(wrong) > most:
        share = (len(right) / (len(right) + len(wrong)) + 0.5) / 2
        wanted = min(len(right), max(round(share * most), most - len(wrong)))
        right = rng.sample(right, wanted)
        wrong = rng.sample(wrong, min(len(wrong), most - wanted))
    chosen = right + wrong
    rng.shuffle(chosen)
    return chosen


def mask_ids(
    ids: Sequence[int], share: float, mask: int, keep: frozenset[int], rng: random.Random
) -> list[int]:
    """Some tokens hidden: the regulariser here (dropout on CPU costs half of the throughput)."""
    if share == 0:
        return list(ids)
    return [mask if i not in keep and rng.random() < share else i for i in ids]
