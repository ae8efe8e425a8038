"""The verdict: one emotion, a compound of two, or unknown; thresholds are what decides."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.critic.verdict import COMPOUNDS, Bounds, energy_of, entropy_of, verdict
from talkgen.types import EMOTIONS


def shares(**given: float) -> dict[str, float]:
    left = (1 - sum(given.values())) / (len(EMOTIONS) - len(given))
    return {name: given.get(name, left) for name in EMOTIONS}


def test_one_emotion():
    found = verdict(shares(happy=0.86))
    assert (found.words, found.emotions) == ("happy", ("happy",))


@pytest.mark.parametrize("first", ["happy", "surprise"])
def test_two_at_once_have_one_name_in_either_order(first):
    pair = {"happy": 0.4, "surprise": 0.4} | {first: 0.5}
    found = verdict(shares(**pair))
    assert found.words == "happily surprised"
    assert found.emotions[0] == first


def test_twelve_pairs_are_named_and_others_joined():
    assert len(COMPOUNDS) == 12
    assert verdict(shares(happy=0.5, contempt=0.45)).words == "happy and contempt"


def test_neutral_makes_no_pair():
    assert verdict(shares(neutral=0.5, sad=0.45)).words == "neutral"


def test_two_likely_ones_are_doubt_where_the_face_shows_only_one():
    doubt = shares(happy=0.5, surprise=0.4)
    assert verdict(doubt, units={"AU12": 0.7, "AU6": 0.5, "AU1": 0.0}).words == "happy"
    assert verdict(doubt, units={"AU12": 0.7, "AU1": 0.6}).words == "happily surprised"


def test_units_that_both_share_show_neither():
    doubt = shares(surprise=0.5, fear=0.4)
    assert verdict(doubt, units={"AU1": 0.9, "AU2": 0.9, "AU5": 0.9}).words == "surprise"
    both = {"AU1": 0.9, "AU26": 0.6, "AU20": 0.6}
    assert verdict(doubt, units=both).words == "fearfully surprised"


def test_a_flat_distribution_is_unknown():
    found = verdict(dict.fromkeys(EMOTIONS, 1 / 8))
    assert (found.words, found.emotions) == ("unknown", ())
    assert "entropy" in found.why


def test_where_nothing_answers_is_unknown_though_one_share_is_high():
    bounds = Bounds(energy=-2.0)
    sure = shares(happy=0.9)
    assert verdict(sure, energy=-1.0, bounds=bounds).words == "unknown"
    assert verdict(sure, energy=-5.0, bounds=bounds).words == "happy"
    assert verdict(sure, energy=-1.0).words == "happy"


def test_faint_ones_are_said_to_be():
    assert verdict(shares(sad=0.7), strength=0.05).words == "faintly sad"
    assert verdict(shares(sad=0.7), strength=0.5).words == "sad"
    assert verdict(shares(neutral=0.7), strength=0.0).words == "neutral"


def test_entropy_and_energy():
    assert entropy_of(np.full(8, 1 / 8)) == pytest.approx(1.0)
    assert entropy_of(np.eye(8)[0]) == pytest.approx(0.0, abs=1e-6)
    logits = np.array([[0.0] * 8, [9.0] + [0.0] * 7])
    np.testing.assert_allclose(energy_of(logits), [-np.log(8), -9.0], atol=2e-3)
    assert np.isfinite(energy_of(np.array([1e4, -1e4]))).all()
