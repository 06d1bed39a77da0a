"""The study's figures, tables and costs are those of the hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import LETTERED, question

from medadapter_train.stats.metrics import area_under_curve
from medadapter_train.study.config_tables import CostTable, LlmTable, MachineTable, ModelsTable
from medadapter_train.study.costs import costs
from medadapter_train.study.evaluations import Adapter, evaluations
from medadapter_train.study.markdown import change
from medadapter_train.study.sample import Part, Sample, _auc, _draws, part_of
from medadapter_train.study.tables import study_markdown


def lettered(answers: str, logits: list[float], gold: str, models: str, bare: list[float]) -> Any:
    made = question(list(answers), logits, gold, labels=LETTERED, set_name="medqa_toy_x3")
    return replace(made, models=tuple(models), bare=np.array(bare))


def toy() -> list[Any]:
    """Four questions of three candidates. s: strong LLM, w: weak one."""
    return [
        # Vote A, right; best-of and weighted vote B, wrong.
        lettered("AAB", [-2, -2, 3], "A", "ssw", [1, 1, 0]),
        # Vote B, wrong; best-of A, weighted vote A: right.
        lettered("ABB", [4, -3, -3], "A", "ssw", [0, 1, 1]),
        # No majority: 1/3 by expectation; best-of and weighted vote C, right.
        lettered("ABC", [0, 0, 2], "C", "ssw", [0, 0, 2]),
        # All right.
        lettered("DDD", [1, 1, 1], "D", "sss", [0, 0, 0]),
    ]


def test_figures_are_those_of_the_hand() -> None:
    part = part_of(["a", "b", "c", "d"], toy(), {})
    sample = Sample([part])
    assert part.rules["single"].tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 3, 1])
    assert part.rules["majority"].tolist() == pytest.approx([1, 0, 1 / 3, 1])
    assert part.rules["best_of"].tolist() == [0, 1, 1, 1]
    assert part.rules["weighted_vote"].tolist() == [0, 1, 1, 1]
    assert sample.gain()["value"] == pytest.approx(0.75 - 7 / 12)
    assert sample.relative("weighted_vote")["value"] == pytest.approx(0.75 / (7 / 12) - 1)
    assert sample.gain()["n"] == 4
    logits = np.array([v for q in toy() for v in q.logits])
    right = np.array([c for q in toy() for c in q.correct])
    assert sample.auc()["value"] == pytest.approx(area_under_curve(logits, right))


def test_evaluations_and_their_tables_by_hand() -> None:
    part = part_of(["a", "b", "c", "d"], toy(), {})
    adapter = Adapter("toy", {}, {part.name: part}, (part.name,))

    class Known:
        strongest = "s"

    known: Any = {part.name: Known()}
    found = evaluations(adapter, known, [1, 3], ModelsTable(("s",), ("w",)))
    alone = found["answers_alone"][0]
    # Answers alone: A right, B wrong, C right, D right; sums: A, B, C, D.
    assert alone["bare_best_of"]["value"] == 0.75
    assert alone["bare_vote"]["value"] == 0.75
    assert alone["reading_vote"]["value"] == 0
    [strongest] = found["strongest"]
    # The first two candidates of three questions, all of the fourth: A; A (4 over -3); a tie of A
    # and B, both wrong; D.
    assert strongest["candidates"] == 2.25
    assert strongest["weighted_vote"]["value"] == 0.75
    assert strongest["single"]["value"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert strongest["all_over_single"]["value"] == pytest.approx(0.75 - 0.625)
    # No question has two candidates of the weak one.
    [relative] = found["relative"]
    assert relative["group"] == "black_box"
    assert relative["weighted_vote"]["relative"]["value"] == pytest.approx(0.75 / 0.625 - 1)
    assert relative["weighted_vote"]["gain"]["value"] == pytest.approx(0.75 - 0.625)
    whole = [row for row in found["k_curve"] if row["k"] == 3]
    assert [row["set"] for row in whole] == [part.name, "mean"]
    assert whole[0]["weighted_vote"]["value"] == 0.75
    one = next(row for row in found["k_curve"] if row["k"] == 1)
    assert one["gain"]["value"] == 0

    settings = {"passes": 8, "batch": 4, "base": "toy", "seed": 1}
    settings |= {"learning_rate": 8e-5, "head_learning_rate": 3e-4}
    result = {
        "settings": settings,
        "shares": ["validation"],
        "missing": ["all"],
        "comparisons": None,
    }
    text = study_markdown({**result, "evaluations": found, "costs": None})
    assert "Not run: all." in text
    assert "| medqa_toy_x3 | 4 | 58.3 | 58.3 | 75.0 | 75.0 | +16.7 (" in text
    assert "| black-box | 1 | 4 | best-of | +20.0 (" in text
    assert ") | 10.96 (11.31) | +12.5 (" in text


def test_intervals_draw_a_question_for_all_sets_that_share_it() -> None:
    values = np.array([0.0, 1.0] * 20)
    keys = tuple(str(i) for i in range(40))
    one = Part("one", keys, {"x": values, "zero": np.zeros(40)})
    other = Part("other", keys, {"x": 1 - values, "zero": np.zeros(40)})
    alone, both = Sample([one]).accuracy("x"), Sample([one, other]).accuracy("x")
    # Of 40 even flips: the binomial's own interval, .5 +- 1.96 * .079.
    assert alone["low"] == pytest.approx(0.345, abs=0.03)
    assert alone["high"] == pytest.approx(0.655, abs=0.03)
    assert both["n"] == 40
    assert (both["low"], both["high"]) == pytest.approx((0.5, 0.5))
    assert change(both) == "+50.0 (+50.0 to +50.0)"
    assert Sample([one]).relative("x", "zero")["value"] is None


def test_draws_of_the_auc_are_those_of_repeated_questions() -> None:
    part = part_of(["a", "b", "c", "d"], toy(), {})
    _, drawn = _draws(part.keys)
    _, values = _auc(part.scored, drawn)
    for counts, value in zip(drawn[:20], values, strict=False):
        taken = [q for q, n in zip(toy(), counts, strict=True) for _ in range(n)]
        logits = np.array([v for q in taken for v in q.logits])
        right = np.array([c for q in taken for c in q.correct])
        assert value == pytest.approx(area_under_curve(logits, right), nan_ok=True)


def test_costs_by_hand() -> None:
    table = CostTable(
        k=(4,),
        prompt_tokens=100,
        completion_tokens=50,
        machine=(MachineTable("box", 3.6, "made up", "2026-01-01"),),
        llm=(
            LlmTable("llm", 1.0, 10.0, "made up", "2026-01-02"),
            LlmTable("llm, tuned", 2.0, 20.0, "made up", "2026-01-02", training=3.0),
        ),
    )
    spent = [{"run": "all", "seconds": 500.0}, {"run": "short", "seconds": None}]
    found = costs(table, spent, {"all": {"ms": {"value": 100.0}}}, "all", 1000)
    [fitting] = found["fitting"]
    assert fitting["money"] == {"box": pytest.approx(0.5)}
    # 1,000 solutions of 150 tokens at 3 a million.
    [tuned] = found["tuning"]
    assert tuned == {"llm": "llm, tuned", "tokens": 150_000, "money": pytest.approx(0.45)}
    [answers, _] = found["answers"]
    # 1,000 prompts of 100 tokens at 1 a million, and 4 x 50 tokens at 10 a million.
    assert answers["prompt_once"] == pytest.approx(0.1 + 2.0)
    assert answers["prompt_each"] == pytest.approx(0.4 + 2.0)
    # 1,000 questions of 100 ms.
    assert found["scoring_1000"] == {"box": pytest.approx(0.1)}
    assert [p["date"] for p in found["prices"]] == ["2026-01-01", "2026-01-02", "2026-01-02"]
