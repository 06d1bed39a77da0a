"""Golden files: what Python computes, for the TypeScript tests to reproduce.

`tokenizer.golden.jsonl`: `{text, ids}`. `template.golden.jsonl`: `{name, question, options,
context, answer, text, prefix: {ids, truncated} | {error}, candidate: {ids, truncated}}`. All texts
are the project's own. `logits.golden.jsonl`: recorded questions of `examples/recorded` with the
logits of torch in float32 and of the bundle's int8 graph.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from medadapter_train.bundle.golden_texts import sentence, tokenizer_texts
from medadapter_train.bundle.parity import onnx_logits, torch_logits
from medadapter_train.errors import TrainError
from medadapter_train.model.onnx_scorer import OnnxEngine
from medadapter_train.model.prefix import PrefixRanker
from medadapter_train.model.template import Encoded, TextEncoder

Options = list[tuple[str, str]]
YES_NO_MAYBE: Options = [("yes", "yes"), ("no", "no"), ("maybe", "maybe")]
LETTERED: Options = [
    ("A", "Penicillin V"),
    ("B", "Fluconazole"),
    ("C", "Aciclovir"),
    ("D", "No treatment"),
]


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """JSON lines in ASCII (lone surrogates survive as escapes), by rename. Returns their number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    count = 0
    with scratch.open("w", encoding="ascii") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=True) + "\n")
            count += 1
    scratch.replace(path)
    return count


def tokenizer_rows(encoder: TextEncoder) -> Iterator[dict[str, Any]]:
    for text in tokenizer_texts():
        yield {"text": text, "ids": encoder.tokenize(text)}


def template_rows(encoder: TextEncoder) -> Iterator[dict[str, Any]]:
    for case in [*_plain_cases(), *_boundary_cases(encoder)]:
        yield {**case, "options": _json_options(case["options"]), **_encode(encoder, case)}


def _json_options(options: Options) -> list[dict[str, str]]:
    return [{"label": label, "text": text} for label, text in options]


def _encode(encoder: TextEncoder, case: dict[str, Any]) -> dict[str, Any]:
    try:
        prefix: dict[str, Any] = _json(
            encoder.prefix(case["question"], case["options"], case["context"])
        )
    except TrainError as error:
        prefix = {"error": error.kind}
    candidate = encoder.candidate(case["options"], case["answer"], case["text"])
    return {"prefix": prefix, "candidate": _json(candidate)}


def _json(encoded: Encoded) -> dict[str, Any]:
    return {"ids": encoded.ids, "truncated": encoded.truncated}


def _case(
    name: str,
    question: str = "Is the treatment effective?",
    options: Options | None = None,
    context: str | None = None,
    answer: str | None = None,
    text: str = "It is. Answer: yes",
) -> dict[str, Any]:
    options = YES_NO_MAYBE if options is None else options
    return {
        "name": name,
        "question": question,
        "options": options,
        "context": context,
        "answer": answer,
        "text": text,
    }


def _plain_cases() -> Iterator[dict[str, Any]]:
    yield _case("closed", answer="yes")
    yield _case("closed with context", context=sentence(3), answer="no")
    yield _case("closed, label in capitals", options=[("Yes", "yes"), ("NO", "no")], answer="NO")
    yield _case("lettered", sentence(0), LETTERED, answer="B", text="Fungal. Answer: B")
    yield _case("lettered with context", sentence(1), LETTERED, sentence(4), "D")
    yield _case("nothing parsed", options=LETTERED, text="Hard to say.")
    yield _case("answer that is no option", options=LETTERED, answer="Z")
    yield _case("free text", "Which vitamin?", [], text="Vitamin C.")
    yield _case("free text with context", "Which vitamin?", [], sentence(2), None, "Vitamin C.")
    yield _case("blank context", context=" \n ", answer="yes")
    yield _case("invisible context", context="\u200b\ufeff", answer="yes")
    yield _case("empty context", context="", answer="maybe")
    yield _case("empty text", answer="no", text="")
    yield _case("blank text", answer="no", text="  \n\t ")
    yield _case("text to trim", answer="yes", text="\n\n  Answer: yes \n")
    yield _case("option of two lines", options=[("A", "one\ntwo"), ("B", "three")], answer="A")
    yield _case("option whose text is empty", options=[("A", ""), ("B", "b")], answer="A")
    yield _case("options that are numbers", options=[("1", "1"), ("2", "two")], answer="1")
    yield _case("markers in the question", "Is [SEP] a token? [CLS]", answer="yes", text="[SEP]")
    yield _case("surrogates", "Is \ud800 a letter?", context="\udfff", text="No: \ud83d")
    yield _case("Unicode", "Есть ли жар? 有发热吗？", context="λόγος ΣΟΦΟΣ", text="да – 是")
    yield _case("word seam", "suffix", [("A", "ation")], "context", "A", "ation")
    yield _case("ten options", sentence(5), [(c, f"Choice {c}") for c in "ABCDEFGHIJ"], None, "J")


def _boundary_cases(encoder: TextEncoder) -> Iterator[dict[str, Any]]:
    b = encoder.budget
    head = len(encoder.prefix("word", YES_NO_MAYBE, None).ids)
    room = b.prefix_tokens - head - 1
    for extra in (-1, 0, 1, 2, 3, 200):
        words = " ".join(str(i % 10) for i in range(room + extra))
        yield _case(f"context {extra:+d} from the budget", "word", context=words, answer="yes")
    for left in (0, 1, 2, 3, 4):
        count = b.prefix_tokens - head + 1 - left
        question = " ".join(["word"] * count)
        yield _case(f"room for {left} tokens of context", question, context=sentence(6))
        yield _case(f"room for {left} tokens, none there", question)
    long_question = " ".join(["word"] * b.prefix_tokens)
    yield _case("question one over", " ".join(["word"] * (b.prefix_tokens - head + 2)))
    yield _case("question far over", long_question, context=sentence(7))
    body = b.candidate_tokens - 1 - 3
    for extra in (-1, 0, 1, 2, 3, 300):
        words = " ".join(str(i % 10) for i in range(body + extra))
        yield _case(f"text {extra:+d} from the budget", answer="yes", text=words)
    for extra in (-1, 0, 1, 40):
        count = b.answer_tokens - 2 + extra
        option = ("A", " ".join(str(i % 10) for i in range(count)))
        yield _case(f"answer {extra:+d} from its budget", "word", [option], None, "A")
        yield _case(
            f"answer {extra:+d} from its budget, long text",
            "word",
            [option],
            None,
            "A",
            " ".join(sentence(i) for i in range(20)),
        )


#: Candidates of a recorded question.
MOST_CANDIDATES = 8


def recorded_rows(
    files: Sequence[Path], encoder: TextEncoder, ranker: PrefixRanker, engine: OnnxEngine
) -> Iterator[dict[str, Any]]:
    """Logits of the first 8 candidates of every recorded question."""
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            raw = json.loads(line)
            options = list((raw["options"] or {}).items())
            prefix = encoder.prefix(raw["question"], options, raw["context"]).ids
            texts = [
                encoder.candidate(options, c["answer"], c["text"]).ids
                for c in raw["candidates"][:MOST_CANDIDATES]
            ]
            pairs = [(prefix, ids) for ids in texts]
            both = zip(torch_logits(ranker, pairs), onnx_logits(engine, pairs), strict=True)
            candidates = [
                {"index": i, "torch": round(float(t), 6), "int8": round(float(q), 6)}
                for i, (t, q) in enumerate(both)
            ]
            yield {"id": raw["id"], "candidates": candidates}
