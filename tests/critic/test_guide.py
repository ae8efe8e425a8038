"""Guidance follows a critic's gradient within bounds, and is kept only where it helps."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.critic.guide import LEAST, MOST, guided, search
from talkgen.motion.emotion import GAP_SLOPES, emotion_offsets, parse_emotion
from talkgen.motion.facs import FELT, PROTOTYPES, units_of
from talkgen.types import EMOTIONS, MOTION_CHANNELS, Motion

FRAMES = 100
SLOPES = np.array([GAP_SLOPES.get(c, 0.0) for c in MOTION_CHANNELS], np.float32)


def channel(name: str) -> int:
    return MOTION_CHANNELS.index(name)


def felt_motion(text: str) -> Motion:
    """An emotion on a mouth that opens and shuts."""
    weights = emotion_offsets(parse_emotion(text), np.arange(FRAMES) / 25)
    weights[:, channel("jawOpen")] += 0.1 * (1 + np.sin(np.arange(FRAMES) / 3))
    zeros = np.zeros((FRAMES, 3))
    return Motion(np.clip(weights, 0, 1), zeros, zeros)


class Critic:
    """Sees an emotion by a sum of channels; keeps what it was shown."""

    def __init__(self, name: str, **slopes: float) -> None:
        self.index = EMOTIONS.index(name)
        self.slopes = np.zeros(52)
        for prefix, slope in slopes.items():
            self.slopes[[c.startswith(prefix) for c in MOTION_CHANNELS]] = slope
        self.shown: list[np.ndarray] = []

    def __call__(self, weights: np.ndarray, at: np.ndarray) -> np.ndarray:
        assert len(weights) == len(at)
        self.shown.append(weights)
        p = 1 / (1 + np.exp(1.0 - weights @ self.slopes))
        out = np.repeat(((1 - p) / 7)[:, None], 8, 1)
        out[:, self.index] = p
        return out


@pytest.mark.parametrize("speaks", [0.0, 1.0])
def test_units_go_where_the_critic_sees_more(speaks: float) -> None:
    critic = Critic("sad", browInnerUp=1.0, mouthFrown=-1.0)
    text = "sad:0.6"
    found = search("sad", felt_motion(text), parse_emotion(text), np.full(FRAMES, speaks), critic)
    assert found is not None
    assert found.kept
    assert found.after > found.before + 0.02
    usual = PROTOTYPES["sad"]
    assert found.units["AU1"] > 1.2 * usual["AU1"]
    assert found.units["AU15"] < 0.9 * usual["AU15"]
    for unit, value in found.units.items():
        assert LEAST * usual[unit] - 1e-4 <= value <= MOST * usual[unit] + 1e-4
        assert 0.6 * value <= 1 + 1e-4  # at the strength asked for
    gaps = np.concatenate(critic.shown) @ SLOPES
    own = felt_motion(text).blendshapes @ SLOPES
    assert gaps.max() <= own.max() + 1e-4  # the lips stay speech's


def test_what_does_not_help_is_not_kept() -> None:
    blind = Critic("fear")
    found = search("fear", felt_motion("fear"), parse_emotion("fear"), np.zeros(FRAMES), blind)
    assert found is not None
    assert not found.kept
    assert found.units == pytest.approx(PROTOTYPES["fear"], abs=1e-4)


def test_what_is_hardly_asked_for_is_left_alone() -> None:
    critic = Critic("happy", mouthSmile=1.0)
    motion = felt_motion("happy:0.1")
    none = search("happy", motion, parse_emotion("happy:0.1"), np.zeros(FRAMES), critic)
    assert none is None
    assert search("sad", motion, parse_emotion("happy:0.1"), np.zeros(FRAMES), critic) is None


def test_a_guided_track_asks_for_the_found_units() -> None:
    track = parse_emotion("0:neutral,1:happy:0.5,3:sad:0.8")
    out = guided(track, {"happy": {"AU6": 0.9, "AU12": 0.5}})
    units = units_of(out)
    assert units["AU12"].max() == pytest.approx(0.25, abs=1e-3)
    assert units["AU6"].max() == pytest.approx(0.45, abs=1e-3)
    assert units["AU15"].max() == pytest.approx(0.8 * PROTOTYPES["sad"]["AU15"], abs=1e-3)
    np.testing.assert_array_equal(out.weights, track.weights)
    same = guided(track, {name: PROTOTYPES[name] for name in FELT})
    times = np.arange(100) / 25
    np.testing.assert_allclose(
        emotion_offsets(same, times), emotion_offsets(track, times), atol=1e-5
    )
    most = guided(parse_emotion("happy"), {"happy": {"AU12": 1.6}})
    assert units_of(most)["AU12"].max() == 1.0
    neutral = parse_emotion("neutral")
    assert guided(neutral, {}) is neutral
