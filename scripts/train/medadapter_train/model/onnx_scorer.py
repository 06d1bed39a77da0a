"""Scores with a bundle's own graph through onnxruntime: what is measured is what is served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from medadapter_train.data.candidates import Record
from medadapter_train.errors import ModelError, TrainError
from medadapter_train.model.scoring import Scored, scored_of
from medadapter_train.model.template import TextEncoder

Array = NDArray[np.float32]


class OnnxEngine:
    """A session over `adapter.ort` or an `.onnx` file, one prefix at a time."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self.session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError("graph_damaged", f"{path.name}: cannot be loaded") from error
        shape = next(i.shape for i in self.session.get_inputs() if i.name == "past")
        self.empty = np.zeros((shape[0], shape[1], shape[2], 0, shape[4]), dtype=np.float32)

    def _run(self, ids: Sequence[int], kind: int, past: Array) -> tuple[float, Array]:
        row = np.asarray([ids], dtype=np.int64)
        score, present = self.session.run(
            ["score", "present"], {"ids": row, "type_ids": np.full_like(row, kind), "past": past}
        )
        return float(score[0]), present

    def encode_prefix(self, ids: Sequence[int]) -> Array:
        """Keys and values [layers, 2, heads, p, d] of a question."""
        return self._run(ids, 0, self.empty)[1]

    def score(self, prefix: Array, ids: Sequence[int]) -> float:
        """Logit of one candidate on an encoded prefix."""
        return self._run(ids, 1, prefix)[0]

    def score_all(
        self, prefix: Sequence[int], candidates: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        """Logits [C]; equal candidates are computed once."""
        past = self.encode_prefix(prefix)
        known: dict[tuple[int, ...], float] = {}
        for ids in map(tuple, candidates):
            if ids not in known:
                known[ids] = self.score(past, ids)
        return np.array([known[tuple(ids)] for ids in candidates], dtype=np.float64)


class BundleScorer:
    """Tokenizer and int8 graph of a bundle folder. With `bare` answers are scored alone too."""

    def __init__(self, folder: Path, threads: int = 1, *, bare: bool = False) -> None:
        self.bare = bare
        self.encoder = TextEncoder.load(folder / "tokenizer.json")
        self.engine = OnnxEngine(folder / "adapter.ort", threads)

    def score(self, record: Record) -> Scored:
        """Encode the question once, score every candidate on it."""
        try:
            prefix = self.encoder.prefix(record.question, record.options, record.context)
        except TrainError:
            return scored_of(record, None)
        texts = [
            self.encoder.candidate(record.options, c.answer, c.text).ids for c in record.candidates
        ]
        if self.bare:
            texts += [
                self.encoder.candidate(record.options, c.answer, "").ids for c in record.candidates
            ]
        logits = self.engine.score_all(prefix.ids, texts)
        count = len(record.candidates)
        return scored_of(record, logits[:count], logits[count:] if self.bare else None)

    def score_many(
        self, records: Iterable[Record], tick: Callable[[], None] | None = None
    ) -> Iterator[Scored]:
        """Scored questions as a stream; `tick` is called after each."""
        for record in records:
            yield self.score(record)
            if tick is not None:
                tick()
