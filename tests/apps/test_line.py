"""Visitors take turns."""

from __future__ import annotations

import random

import pytest

from talkgen.apps.line import FairLine


def taken(line: FairLine[str], count: int | None = None) -> list[str]:
    return [line.take() for _ in range(len(line) if count is None else count)]


def line_of(*requests: tuple[str, str]) -> FairLine[str]:
    line: FairLine[str] = FairLine()
    for item, visitor in requests:
        line.put(item, visitor)
    return line


def test_alone_it_is_first_come_first_served() -> None:
    assert taken(line_of(*[(f"a{n}", "a") for n in range(4)])) == ["a0", "a1", "a2", "a3"]


def test_one_who_asks_for_much_lets_the_others_in_between() -> None:
    line = line_of(*[(f"a{n}", "a") for n in range(4)], ("b0", "b"), ("b1", "b"), ("c0", "c"))
    assert taken(line) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_a_newcomer_goes_before_the_second_request_of_one_being_served() -> None:
    line = line_of(("a0", "a"), ("a1", "a"), ("a2", "a"))
    assert line.take() == "a0"
    line.put("b0", "b")
    assert taken(line) == ["b0", "a1", "a2"]


def test_nobody_waits_for_ever_while_new_visitors_come() -> None:
    line = line_of(("a0", "a"), ("a1", "a"))
    line.take()
    served = []
    for n in range(10):
        line.put(f"new{n}", f"n{n}")
        line.put(f"newer{n}", f"m{n}")
        served.append(line.take())
    assert "a1" in served[:3]


def test_who_comes_back_has_no_credit_for_having_been_away() -> None:
    line = line_of(("a0", "a"))
    line.take()
    for n in range(6):
        line.put(f"b{n}", "b")
    taken(line, 4)
    line.put("a1", "a")
    line.put("a2", "a")
    assert taken(line) == ["a1", "b4", "a2", "b5"]


def test_order_tells_beforehand_and_leaves_the_line_as_it_is() -> None:
    rng = random.Random(3)
    line = line_of(*[(f"{n}", rng.choice("abc")) for n in range(12)])
    taken(line, 2)
    before = line.order()
    assert line.order() == before
    assert taken(line) == before


def test_one_may_leave_from_the_middle() -> None:
    line = line_of(("a0", "a"), ("a1", "a"), ("b0", "b"))
    line.leave("a1")
    assert (len(line), line.of("a"), line.of("b")) == (2, 1, 1)
    assert taken(line) == ["a0", "b0"]
    with pytest.raises(IndexError):
        line.take()


def test_the_line_forgets_visitors_who_are_gone() -> None:
    line: FairLine[str] = FairLine()
    for n in range(500):
        line.put("x", f"visitor {n}")
        line.take()
    assert len(line._last_turn) < 5
    assert len(line._served) < 5
