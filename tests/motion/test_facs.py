"""The table of the face: every part of an Emotion gives the others and comes back from them."""

import numpy as np
import pytest

from talkgen.motion import facs
from talkgen.motion.facs import FELT, PROTOTYPES, VALENCE_AROUSAL
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Emotion


def only(name: str, strength: float) -> np.ndarray:
    out = np.zeros((1, len(FELT)), np.float32)
    out[0, FELT.index(name)] = strength
    return out


def test_every_emotion_has_units_that_channels_draw():
    assert set(PROTOTYPES) == set(FELT)
    assert set(VALENCE_AROUSAL) == set(EMOTIONS)
    for units in PROTOTYPES.values():
        for name in units:
            assert facs.drawn(name.rstrip("LR")), name


@pytest.mark.parametrize("name", FELT)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_classes_come_back_from_units(name, strength):
    given = only(name, strength)
    assert np.allclose(facs.strengths_of_units(facs.units_of_strengths(given)), given, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in FELT if n != "contempt"])
def test_classes_come_back_from_valence_and_arousal(name):
    given = only(name, 0.6)
    affect = facs.affect_of(Emotion(weights=np.eye(8)[[EMOTIONS.index(name)]], intensity=[0.6]))
    assert np.allclose(affect[0], 0.6 * np.array(VALENCE_AROUSAL[name]), atol=1e-5)
    assert np.allclose(facs.strengths_of_affect(affect), given, atol=1e-4)


@pytest.mark.parametrize("unit", sorted(facs.ACTION_UNITS))
def test_units_come_back_from_channels(unit):
    weights = facs.weights_of_units({unit: np.array([0.4], np.float32)})[0]
    assert facs.action_units_of(weights)[unit] == pytest.approx(0.4, abs=0.21 * (unit == "AU27")
                                                              + 0.09 * (unit == "AU25") + 1e-6)


def test_affect_is_continuous_around_the_circle():
    angles = np.linspace(0, 2 * np.pi, 721)
    affect = 0.5 * np.stack([np.cos(angles), np.sin(angles)], 1)
    found = facs.strengths_of_affect(affect)
    assert np.abs(np.diff(found, axis=0)).max() < 0.12
    assert found.min() >= 0
    assert (found.sum(1) <= 1 + 1e-5).all()
    assert not facs.strengths_of_affect(np.zeros((1, 2))).any()


def test_sides_and_overrides():
    smirk = facs.weights_of_units({"AU12R": np.array([0.5])})[0]
    assert smirk[MOTION_CHANNELS.index("mouthSmileRight")] == 0.5
    assert smirk[MOTION_CHANNELS.index("mouthSmileLeft")] == 0
    happy = np.eye(8, dtype=np.float32)[[1]]
    units = facs.units_of(Emotion(weights=happy, action_units={"AU12": [0.1]}))
    assert units["AU12"][0] == pytest.approx(0.1)
    assert units["AU6"][0] == pytest.approx(PROTOTYPES["happy"]["AU6"])


def test_resolved_fills_every_part():
    for given in (
        Emotion(weights=np.eye(8)[[4]], intensity=[0.7]),
        Emotion(valence_arousal=[[0.5, 0.3]]),
        Emotion(action_units={"AU4": [0.9], "AU7": [0.5]}),
    ):
        full = facs.resolved(given)
        assert full.weights.sum() == pytest.approx(1, abs=1e-5)
        assert full.intensity.shape == (1,)
        assert full.valence_arousal.shape == (1, 2)
        assert full.action_units
    angry = facs.resolved(Emotion(action_units={"AU4": [0.9], "AU7": [0.5], "AU24": [0.5]}))
    assert EMOTIONS[int(angry.weights[0].argmax())] == "anger"
    calm = facs.resolved(Emotion(valence_arousal=[[0.0, 0.0]]))
    assert calm.weights[0, 0] == 1
    assert calm.intensity[0] == 0
