"""A teacher's soft labels: a trained run's probabilities written into a candidate file.

Distillation (Hinton et al., arXiv 1503.02531): a larger ranker, a cross-encoder say, scores the
candidates of the training questions; the small one then learns from outcome labels and those.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medadapter_train.data.candidates import parse_records, set_name_of
from medadapter_train.model.scoring import Scorer
from medadapter_train.stats.regression import sigmoid
from medadapter_train.system.files import read_jsonl, write_jsonl


def soften(scorer: Scorer, source: Path, out: Path) -> int:
    """Write `source` to `out` with the field `soft` in every candidate; return their number.

    Questions over the token budget stay as they are. Raises `DataError` as `read_jsonl` does.
    """
    softened = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal softened
        for where, raw in read_jsonl(source):
            (record,) = parse_records([(where, raw)], set_name_of(source))
            scored = scorer.score(record)
            if scored.logits is not None:
                chances = sigmoid(scored.logits)
                for candidate, chance in zip(raw["candidates"], chances, strict=True):
                    candidate["soft"] = round(float(chance), 4)
                softened += len(chances)
            yield raw

    write_jsonl(out, rows())
    return softened
