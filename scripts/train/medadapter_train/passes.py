"""The training passes: which question comes at which position, as packed token ids with labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from medadapter_train.config import TrainConfig
from medadapter_train.data import set_name_of
from medadapter_train.errors import DataError
from medadapter_train.mixture import Mixture, draw_candidates, mask_ids
from medadapter_train.packed import Packed
from medadapter_train.split import in_share
from medadapter_train.store import Row, TokenStore
from medadapter_train.template import Encoder


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
        self.soft = config.soft
        self.mask = encoder.mask
        self.keep = frozenset({encoder.cls, encoder.sep})

    def _crossed(self, config: TrainConfig, encoder: Encoder, folder: Path) -> list[TokenStore]:
        """The validation share of cross-fitted sets."""
        paths = [Path(config.data_folder) / s.file for s in config.sets if s.cross_fit]
        return [TokenStore.build(paths, "validation", encoder, folder)] if paths else []

    def at(self, position: int) -> tuple[Packed, torch.Tensor]:
        """The packed question and its candidates' targets [C]: outcome labels of 0 and 1, or what
        lies between them and a teacher's probabilities.
        """
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
            right = [self._target(row, i) for i in chosen]
        prefix = mask_ids(row.prefix, self.mask_share, self.mask, self.keep, rng)
        texts = [mask_ids(ids, self.mask_share, self.mask, self.keep, rng) for ids in candidates]
        return Packed.of(prefix, texts), torch.tensor(right)

    def _target(self, row: Row, candidate: int) -> float:
        hard, soft = float(row.correct[candidate]), row.soft[candidate]
        return hard if soft is None else (1 - self.soft) * hard + self.soft * soft


def trained_rows(stores: Sequence[TokenStore], config: TrainConfig) -> list[tuple[TokenStore, int]]:
    """Of the stores' questions `train_share`, and none of the fold that is left out: it is left out
    of every set that it stands in."""
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
