"""Tables of asked against read, and paired changes."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.training.asked_measure import interval, named, paired, told_apart

PEOPLE = ["a", "a", "b", "b"]


def test_named_counts_rows_and_columns():
    found = named(
        ["happy", "sad", "happy", "sad"], ["happy", "sad", "happy", "fear"], PEOPLE,
        ("happy", "sad"),
    )  # fmt: skip
    assert found["top1"] == 0.75
    assert found["n"] == 4
    assert found["people"] == 2
    assert found["classes"] == ["happy", "sad", "fear"]
    assert found["confusion"] == [[2, 0, 0], [0, 1, 1]]
    assert found["of each class"] == {"happy": 1.0, "sad": 0.5}
    low, high = found["top1, 95 %"]
    assert (low, high) == (0.5, 1.0)


def test_what_a_reader_does_not_know_is_not_asked_of_it():
    found = named(["contempt", "happy"], ["happy", "happy"], ["a", "b"], ("happy",))
    assert (found["n"], found["top1"]) == (1, 1.0)
    assert found["confusion"] == [[1]]


def test_interval_draws_people_not_performances():
    """Ten performances of each of two people who differ: as unsure as two values."""
    values, groups = np.repeat([0.0, 1.0], 10), np.repeat(["a", "b"], 10)
    assert interval(values, groups) == [0.0, 1.0]
    low, high = interval(values, np.arange(20))
    assert high - low < 0.6


def test_told_apart_does_not_mind_a_bias():
    asked = ["happy", "happy", "sad", "sad"]
    chances = np.array([[0.10, 0.90], [0.20, 0.80], [0.05, 0.95], [0.08, 0.92]])
    assert told_apart(asked, chances, ("happy", "sad")) == {"happy": 1.0, "sad": 1.0}
    assert told_apart(asked, np.full((4, 2), 0.5), ("happy", "sad"))["happy"] == 0.5
    assert told_apart(["happy"] * 4, chances, ("happy", "sad")) == {}


def test_paired_finds_a_change_and_no_change():
    rng = np.random.default_rng(0)
    before = rng.random(40)
    names = [str(i) for i in range(40)]
    better = paired(before, before + rng.normal(0.1, 0.05, 40), names)
    assert better["change"] == pytest.approx(0.1, abs=0.03)
    assert better["change, 95 %"][0] > 0
    assert better["sign test p"] < 0.001
    same = paired(before, before + rng.normal(0.0, 0.05, 40), names)
    assert same["change, 95 %"][0] < 0 < same["change, 95 %"][1]
    none = paired(before, before, names)
    assert (none["up"], none["down"], none["sign test p"]) == (0, 0, 1.0)
