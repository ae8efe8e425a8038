"""Mouths off the manifold are pulled back; usual ones stay; the lips keep their gap."""

import numpy as np

from talkgen.motion.behaviour import usual_mouths
from talkgen.motion.emotion import GAP_SLOPES
from talkgen.motion.manifold import END, START, distance_of, regulated
from talkgen.types import MOTION_CHANNELS

SLOPES = np.array([GAP_SLOPES.get(c, 0.0) for c in MOTION_CHANNELS], np.float32)
MOUTH = [i for i, c in enumerate(MOTION_CHANNELS) if c.startswith(("jaw", "mouth"))]


def row(**values: float) -> np.ndarray:
    out = np.zeros((1, 52), np.float32)
    for name, value in values.items():
        out[0, [i for i, c in enumerate(MOTION_CHANNELS) if c.startswith(name)]] = value
    return out


def test_usual_mouths_stay_as_they_are():
    usual = np.concatenate(
        [row(), row(jawOpen=0.25, mouthLowerDown=0.15), row(mouthPucker=0.2, mouthFunnel=0.1)]
    )
    assert (distance_of(usual) < START).all()
    assert np.array_equal(regulated(usual), usual)
    assert np.array_equal(usual_mouths(usual), usual)


def test_impossible_mouths_come_back():
    wild = np.concatenate(
        [row(mouthPucker=0.9, mouthStretch=0.9), row(jaw=0.9, mouth=0.9), row(mouthPress=0.9)]
    )
    assert (distance_of(wild) > END).all()
    tame = regulated(wild)
    assert (distance_of(tame) < END + 1.5).all()  # clipping at zero may add a little
    assert tame.min() >= 0
    other = [i for i in range(52) if i not in MOUTH]
    assert np.array_equal(tame[:, other], wild[:, other])
    assert (distance_of(regulated(wild, scale=2.0)) > distance_of(tame)).all()


def test_the_way_back_is_continuous():
    shares = np.linspace(0, 1, 400)[:, None]
    ramp = (shares * row(mouthStretch=0.8, mouthPucker=0.8)).astype(np.float32)
    assert np.abs(np.diff(regulated(ramp), axis=0)).max() < 0.01


def test_the_lip_gap_stays():
    wild = row(jawOpen=0.3, mouthPucker=0.8, mouthStretch=0.8, mouthUpperUp=0.6)
    assert np.allclose(usual_mouths(wild) @ SLOPES, wild @ SLOPES, atol=2e-3)
