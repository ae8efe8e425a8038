"""Random expressions use every channel and stay possible; units follow the channels."""

import numpy as np
import pytest

from talkgen.synthetic.action_units import ACTION_UNITS, action_units_of
from talkgen.synthetic.expressions import PROTOTYPES, UNREPORTED, VISEMES, set_gaze, spread
from talkgen.synthetic.scene import random_face, random_rotation
from talkgen.types import MOTION_CHANNELS


@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(0)
    return np.stack([random_face(rng) for _ in range(3000)])


def test_every_channel_occurs_strongly(faces):
    assert faces.min() >= 0
    assert faces.max() <= 1
    strong = (faces > 0.4).mean(axis=0)
    rare = [n for n, s in zip(MOTION_CHANNELS, strong, strict=True) if s < 0.004]
    assert [n for n in rare if n != "mouthClose"] == []
    assert faces[:, MOTION_CHANNELS.index("mouthClose")].max() > 0.3


def test_what_the_teacher_never_reports_is_frequent(faces):
    for name in UNREPORTED:
        rows = np.flatnonzero(spread({name: 1.0}))
        assert (faces[:, rows].max(axis=1) > 0.3).mean() > 0.03, name


def test_opposites_do_not_meet(faces):
    for a, b in (("jawLeft", "jawRight"), ("eyeLookUpLeft", "eyeLookDownLeft")):
        both = faces[:, [MOTION_CHANNELS.index(a), MOTION_CHANNELS.index(b)]]
        assert both.min(axis=1).max() == 0


def test_named_values_exist():
    for values in (*PROTOTYPES.values(), *VISEMES):
        for name in values:
            assert spread({name: 1.0}).sum() > 0, name


def test_rotations_reach_profile_but_mostly_stay_in_front():
    rng = np.random.default_rng(1)
    turns = np.degrees([random_rotation(rng) for _ in range(3000)])
    assert np.abs(turns).max(axis=0) == pytest.approx([35, 90, 45], abs=4)
    assert (np.abs(turns[:, 1]) < 45).mean() > 0.7
    assert (np.abs(turns[:, 1]) > 60).mean() > 0.04


def test_gaze_sets_the_looks():
    """Positive yaw, to the left of the picture, is outwards for the subject's right eye."""
    weights = set_gaze(np.zeros(52, np.float32), np.array([[0.1, 0.2], [0.1, 0.2]]))
    value = dict(zip(MOTION_CHANNELS, weights, strict=True))
    assert value["eyeLookOutRight"] == pytest.approx(0.4)
    assert value["eyeLookInLeft"] == pytest.approx(0.4)
    assert value["eyeLookDownLeft"] == pytest.approx(0.2)
    assert value["eyeLookInRight"] == value["eyeLookUpRight"] == 0


def test_units_name_real_channels_and_follow_them():
    for channels in ACTION_UNITS.values():
        assert all(c in MOTION_CHANNELS for c, _ in channels)
    units = action_units_of(spread({"mouthSmile": 0.7, "cheekSquint": 0.5}))
    assert units["AU12"] == pytest.approx(0.7)
    assert units["AU6"] == pytest.approx(0.5)
    assert units["AU4"] == 0
    sealed = action_units_of(spread({"jawOpen": 0.3, "mouthClose": 0.3}))
    assert sealed["AU25"] == pytest.approx(0, abs=1e-6)
    assert sealed["AU26"] == pytest.approx(0.6)
