"""Gaze read from landmarks is that of rendered heads, whose eyes are known."""

import numpy as np
import pytest

from talkgen.face.gaze import gaze_of
from talkgen.face.rotation import rotation_matrix
from talkgen.synthetic.expressions import set_gaze, spread
from talkgen.synthetic.heads import HeadStudio
from talkgen.types import Face


@pytest.fixture(scope="module")
def studio():
    return HeadStudio.plain(seed=5, size=128)


def look(studio, pitch, yaw, rotation=(0, 0, 0), person=2, values=None):
    weights = set_gaze(spread(values or {}), np.array([[pitch, yaw], [pitch, yaw]]))
    head = studio.draw(
        np.random.default_rng(1), person=person, weights=weights, rotation=np.array(rotation)
    )
    return head, gaze_of(face_of(head))


def face_of(head, score=1.0):
    points = head.landmarks
    box = np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])
    return Face(points, box, np.zeros(52), head.rotation, score)


def test_eyes_are_read_to_a_few_degrees(studio):
    off = []
    for seed in range(60):
        head = studio.sample(seed, rotation=np.array([0.05, 0.01 * (seed - 30), 0.1]))
        gaze = gaze_of(face_of(head))
        if gaze.confidence > 0.5:
            off.append(gaze.eyes.mean(axis=0) - head.gaze.mean(axis=0))
    assert len(off) > 25
    assert np.degrees(np.abs(off)).mean(axis=0).max() < 4.5


@pytest.mark.parametrize("person", [0, 1, 2])
def test_signs(studio, person):
    """Positive pitch looks down, positive yaw to the left of the picture."""
    ahead = look(studio, 0, 0, person=person)[1]
    down = look(studio, 0.3, 0, person=person)[1]
    left = look(studio, 0, 0.35, person=person)[1]
    assert (down.eyes - ahead.eyes)[:, 0] == pytest.approx([0.3, 0.3], abs=0.12)
    assert (left.eyes - ahead.eyes)[:, 1] == pytest.approx([0.35, 0.35], abs=0.12)
    assert left.direction[0] < ahead.direction[0] - 0.2
    assert down.direction[1] > ahead.direction[1] + 0.15
    assert np.linalg.norm(left.direction) == pytest.approx(1, abs=1e-5)


def test_eyes_that_counter_the_head_look_into_the_camera(studio):
    _, gaze = look(studio, 0, -0.35, rotation=(0, 0.35, 0))
    assert gaze.direction @ [0, 0, -1] > np.cos(np.radians(9))
    _, away = look(studio, 0, 0, rotation=(0, 0.35, 0))
    nose = rotation_matrix([0, 0.35, 0]) @ [0, 0, -1]
    assert away.direction @ nose > np.cos(np.radians(9))


def test_a_picture_and_its_mirror_image_agree(studio):
    head, gaze = look(studio, 0.1, 0.2, rotation=(0.1, 0.2, 0.1))
    points = head.landmarks.copy()
    points[:, 0] = 127 - points[:, 0]
    from talkgen.face.points import MIRROR

    turned = head.rotation * [1, -1, -1]
    mirrored = gaze_of(Face(points[MIRROR], np.zeros(4), np.zeros(52), turned))
    assert mirrored.eyes[::-1] * [1, -1] == pytest.approx(gaze.eyes, abs=1e-3)


def test_turning_and_moving_the_picture_changes_nothing(studio):
    head, gaze = look(studio, 0.1, 0.2)
    cos, sin = np.cos(0.5), np.sin(0.5)
    points = head.landmarks.copy()
    points[:, :2] = points[:, :2] @ np.array([[cos, sin], [-sin, cos]]) + [30, -20]
    roll = np.array([0, 0, 0.5])
    rolled = gaze_of(Face(points * 2, np.zeros(4), np.zeros(52), head.rotation + roll))
    assert rolled.eyes == pytest.approx(gaze.eyes, abs=0.01)


def test_shut_or_hidden_eyes_give_no_confidence(studio):
    assert look(studio, 0, 0)[1].confidence > 0.8
    assert look(studio, 0, 0, values={"eyeBlink": 1.0})[1].confidence < 0.2
    head, _ = look(studio, 0, 0)
    assert gaze_of(face_of(head, score=0.1)).confidence < 0.2
