"""Motion over a portrait's own expression: within range, antagonists give way, lips as asked."""

import numpy as np
import pytest

from talkgen.motion.blend import GIVES_WAY, blended
from talkgen.motion.emotion import GAP_SLOPES
from talkgen.types import MOTION_CHANNELS

INDEX = {name: i for i, name in enumerate(MOTION_CHANNELS)}


def face(**values: float) -> np.ndarray:
    out = np.zeros(52, np.float32)
    for name, value in values.items():
        for full in (name, name + "Left", name + "Right"):
            if full in INDEX:
                out[INDEX[full]] = value
    assert out.any() or not values
    return out


def test_rest_stays_without_motion_and_motion_without_rest():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0, 1, 52).astype(np.float32)
    assert np.allclose(blended(weights, face()), weights)
    assert np.allclose(blended(face(), weights), weights)


def test_names_are_channels():
    for resting, movers in GIVES_WAY.items():
        for name in (resting, *movers):
            assert any(c.startswith(name) for c in MOTION_CHANNELS), name


def test_a_smile_gives_way_to_a_frown_and_saturates_under_a_smile():
    smiling = face(mouthSmile=0.6)
    sad = blended(smiling, face(mouthFrown=0.8))
    assert sad[INDEX["mouthSmileLeft"]] < 0.05
    happy = blended(smiling, face(mouthSmile=0.8))
    assert 0.9 < happy[INDEX["mouthSmileRight"]] < 0.95


def test_sides_are_their_own():
    lopsided = face(mouthSmileLeft=0.6, mouthSmileRight=0.2)
    grin = blended(lopsided, face(mouthSmile=0.8))
    rest = 0.4
    assert 0 < grin[INDEX["mouthSmileLeft"]] - grin[INDEX["mouthSmileRight"]] < rest / 2
    half = blended(lopsided, face(mouthFrownLeft=0.5))
    assert half[INDEX["mouthSmileRight"]] == pytest.approx(0.2)
    assert half[INDEX["mouthSmileLeft"]] < 0.3


def test_a_blink_is_a_whole_one_from_half_shut_lids():
    shut = blended(face(eyeBlink=0.3), face(eyeBlink=1.0))[INDEX["eyeBlinkLeft"]]
    assert shut == pytest.approx(1.0)


def test_the_lip_gap_is_the_sum():
    slopes = np.array([GAP_SLOPES.get(c, 0.0) for c in MOTION_CHANNELS], np.float32)
    rest = face(mouthSmile=0.5, mouthClose=0.1, mouthUpperUp=0.1, noseSneer=0.1)
    said = face(jawOpen=0.3, mouthFunnel=0.3, mouthLowerDown=0.2, mouthRollLower=0.1)
    assert blended(rest, said) @ slopes == pytest.approx((rest + said) @ slopes, abs=1e-5)
