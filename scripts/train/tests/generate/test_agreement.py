"""Cohen's kappa against figures worked by hand, and its interval."""

from __future__ import annotations

import pytest

from medadapter_train.stats.agreement import agreement


def pairs(both_yes: int, only_a: int, only_b: int, both_no: int) -> list[tuple[int, str, str]]:
    cells = [("y", "y", both_yes), ("y", "n", only_a), ("n", "y", only_b), ("n", "n", both_no)]
    rows = [(a, b) for a, b, count in cells for _ in range(count)]
    return [(i, a, b) for i, (a, b) in enumerate(rows)]


def test_kappa_is_agreement_beyond_chance() -> None:
    # 35 of 50 agree; a says yes 25 times, b 30 times: chance 0.5, kappa (0.7 - 0.5) / 0.5.
    found = agreement(pairs(20, 5, 10, 15))
    assert found.observed == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.4 < found.high
    # The large-sample standard error here is 0.127 (Fleiss, Cohen and Everitt 1969).
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.127, rel=0.15)


def test_chance_agreement_is_zero_and_full_agreement_is_one() -> None:
    assert agreement(pairs(25, 25, 25, 25)).kappa == pytest.approx(0.0)
    assert agreement(pairs(30, 0, 0, 20)).kappa == pytest.approx(1.0)


def test_one_class_alone_has_no_kappa() -> None:
    assert agreement(pairs(9, 0, 0, 0)).kappa is None


def test_candidates_of_one_question_count_as_one_draw() -> None:
    single = agreement(pairs(20, 5, 10, 15))
    grouped = agreement([(i // 5, a, b) for i, a, b in pairs(20, 5, 10, 15)])
    assert grouped.groups == 10
    assert (grouped.high or 0) - (grouped.low or 0) > (single.high or 0) - (single.low or 0)


def test_unparseable_is_a_class_of_its_own() -> None:
    rows = [(0, "y", "y"), (1, "n", "n"), (2, "y", "unparseable"), (3, "n", "n")]
    found = agreement(rows)
    assert found.observed == 0.75
    assert found.kappa == pytest.approx((0.75 - 0.375) / 0.625)
