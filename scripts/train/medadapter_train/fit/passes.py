"""The training passes: which question comes at which position, as packed token ids with labels.

`Mixture` is an endless, seeded stream of rounds over sets of unequal weight. A round holds each
set's questions `per_round` times (a quarter of them for 0.25, other ones in the next round),
shuffled together, so that small sets may be seen often without a phase of their own. The stream
depends on nothing but seed and data: a resumed or prolonged run goes on where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from medadapter_train.data.candidates import set_name_of
from medadapter_train.data.split import in_share
from medadapter_train.errors import DataError
from medadapter_train.fit.config import TrainConfig
from medadapter_train.fit.token_store import Row, TokenStore
from medadapter_train.model.packed import Packed
from medadapter_train.model.template import Encoder


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

    The share of right candidates is moved halfway towards one half, so that a question with one
    right candidate among many still shows both kinds.
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


class Passes:
    """Pass `n` of a run: the same for the same data, configuration and seed."""

    def __init__(self, config: TrainConfig, encoder: Encoder, folder: Path) -> None:
        paths = [Path(config.data_folder) / s.file for s in config.sets]
        self.store = TokenStore.build(paths, "train", encoder, folder)
        _check_classes(self.store)
        self.stores = [self.store, *self._crossed(config, encoder, folder)]
        self.rows = trained_rows(self.stores, config)
        by_name = {set_name_of(path): s for path, s in zip(paths, config.sets, strict=True)}
        self.settings = by_name
        per_round = {name: s.per_round for name, s in by_name.items()}
        names = [store.sets[index] for store, index in self.rows]
        self.mixture = Mixture(names, per_round, config.seed)
        self.mask_share = config.mask_share
        self.mask = encoder.mask
        self.keep = frozenset({encoder.cls, encoder.sep})

    def _crossed(self, config: TrainConfig, encoder: Encoder, folder: Path) -> list[TokenStore]:
        """The validation share of cross-fitted sets."""
        paths = [Path(config.data_folder) / s.file for s in config.sets if s.cross_fit]
        return [TokenStore.build(paths, "validation", encoder, folder)] if paths else []

    def at(self, position: int) -> tuple[Packed, torch.Tensor]:
        """The packed question and its candidates' outcome labels [C], 0 or 1."""
        index, rng = self.mixture.at(position)
        store, number = self.rows[index]
        row = store[number]
        own = self.settings[row.set_name]
        if row.gold >= 0 and rng.random() < own.label_only:
            candidates = row.labels
            right = [float(i == row.gold) for i in range(len(row.labels))]
        else:
            chosen = draw_candidates(row, own.candidates, rng)
            candidates = [row.candidates[i] for i in chosen]
            right = [float(row.correct[i]) for i in chosen]
        prefix = mask_ids(row.prefix, self.mask_share, self.mask, self.keep, rng)
        texts = [mask_ids(ids, self.mask_share, self.mask, self.keep, rng) for ids in candidates]
        return Packed.of(prefix, texts), torch.tensor(right)


def trained_rows(stores: Sequence[TokenStore], config: TrainConfig) -> list[tuple[TokenStore, int]]:
    """The stores' questions in `train_share`, without those of the fold that is left out. A
    question of that fold is left out of every set that holds it.
    """
    crossed = {set_name_of(Path(s.file)) for s in config.sets if s.cross_fit}
    pairs = [(store, index, key) for store in stores for index, key in enumerate(store.folds)]
    left_out = {
        key
        for store, index, key in pairs
        if store.sets[index] in crossed and key % config.folds == config.fold
    }
    return [
        (store, index)
        for store, index, key in pairs
        if in_share(key, config.train_share) and key not in left_out
    ]


def _check_classes(store: TokenStore) -> None:
    """One-class data teach nothing: refuse them."""
    seen: set[bool] = set()
    for correct in store.dataset["correct"]:
        seen.update(correct)
        if len(seen) == 2:
            return
    raise DataError("one_class", "all candidates are right, or all are wrong")
