"""A bundle's calibration fitted on held-out questions, in place or as a new version of it.

In place it is a stage of training; as a new version it makes a published adapter say how sure it is
of another LLM's answers, from some hundred labelled questions (docs/calibrating.md). The weights
stay as they are, so their files and self-test do too.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medadapter_train.bundle.card import model_card
from medadapter_train.bundle.manifest import write_card, write_manifest
from medadapter_train.data.candidates import set_name_of
from medadapter_train.errors import DataError
from medadapter_train.fit.calibrate import calibrate
from medadapter_train.fit.held_out import (
    held_out_questions,
    out_of_fold_questions,
    read_out_of_fold,
    training_votes,
)
from medadapter_train.model.onnx_scorer import BundleScorer
from medadapter_train.system.files import whole_folder


def recalibrate(
    bundle: Path,
    manifest: dict[str, Any],
    data: Sequence[Path],
    split: str,
    out: Path | None = None,
    version: str = "",
    threads: int = 2,
    method: str = "platt",
    out_of_fold: Path | None = None,
) -> dict[str, Any]:
    """Fit on a share of `data`; returns the fit's report. `manifest` is the bundle's, as read.

    With `out` the bundle stays untouched and a copy of this `version` appears there in one step.
    `out_of_fold`: scores that `crossfit` wrote. Of the files that they belong to, these questions
    are taken in place of the share. Raises `DataError` too_few_questions, one_class, trained_on,
    file_missing.
    """
    scorer = BundleScorer(bundle, threads)
    crossed = {} if out_of_fold is None else read_out_of_fold(out_of_fold)
    names = {name for name, _, _ in crossed}
    unknown = names - {set_name_of(path) for path in data}
    if unknown:
        raise DataError("file_missing", f"{min(unknown)}: has out-of-fold scores, but no --data")
    plain = [path for path in data if set_name_of(path) not in names]
    check_not_trained_on(manifest, plain, split)
    held_out = held_out_questions(scorer, plain, split, reduced=True)
    held_out += out_of_fold_questions(data, crossed)
    fitted = calibrate(
        held_out, method, [] if split == "all" else training_votes(plain), frozenset(names)
    )
    training = {**manifest["training"], "calibration": fitted.report}
    new = {**manifest, **fitted.fields, "training": training, "metrics": []}
    if out is None:
        _write(bundle, new)
        return fitted.report
    with whole_folder(out) as scratch:
        shutil.copytree(bundle, scratch, dirs_exist_ok=True)
        _write(scratch, {**new, "version": version})
    return fitted.report


def check_not_trained_on(manifest: dict[str, Any], files: Sequence[Path], split: str) -> None:
    """Refuse a share that was trained on: the train share of every set in training, and the
    validation share of a cross-fitted one. Raises `DataError` trained_on.
    """
    sets = manifest["training"].get("sets", [])
    trained = {set_name_of(Path(s["file"])): bool(s.get("cross_fit")) for s in sets}
    for path in files:
        crossed = trained.get(set_name_of(path))
        if crossed is not None and (
            split in ("all", "train") or (split == "validation" and crossed)
        ):
            raise DataError("trained_on", f"{path.name}: its {split} share was trained on")


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    write_card(folder, model_card(manifest))
    write_manifest(folder, manifest)
