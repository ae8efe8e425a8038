"""The labels of rendered heads agree with what their pictures show."""

import cv2
import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.render.rings import LOWER_LID, UPPER_LID
from talkgen.synthetic.expressions import set_gaze, spread
from talkgen.synthetic.heads import PART_NAMES, HeadStudio
from talkgen.synthetic.scene import Camera

SIDE = 160
OUTER_LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)


@pytest.fixture(scope="module")
def studio():
    return HeadStudio.plain(seed=3, size=SIDE)


def show(studio, values=None, rotation=(0, 0, 0), person=4, gaze=None):
    weights = spread(values or {})
    if gaze is not None:
        weights = set_gaze(weights, np.array([gaze, gaze]))
    camera = Camera(0.6 * SIDE / 17, np.array([0.5, 0.55], np.float32), 120.0, np.zeros(2))
    return studio.draw(
        np.random.default_rng(0), person=person, weights=weights, rotation=np.array(rotation),
        camera=camera,
    )  # fmt: skip


def part(head, *names):
    return np.isin(head.parts, [PART_NAMES.index(n) for n in names])


def off_edge(mask, points):
    """Return how many pixels each point lies from the rim of a mask."""
    rim = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    distance = cv2.distanceTransform(1 - rim, cv2.DIST_L2, 5)
    x, y = np.clip(np.rint(points[:, :2]).astype(int), 0, SIDE - 1).T
    return distance[y, x]


def test_what_comes_out(studio):
    head = studio.sample(1)
    assert head.image.shape == (SIDE, SIDE, 3)
    assert head.image.dtype == np.uint8
    assert head.landmarks.shape == (478, 3)
    assert head.weights.shape == (52,)
    assert head.gaze.shape == (2, 2)
    assert head.depth.shape == head.parts.shape == (SIDE, SIDE)
    assert head.visible.shape == (478,)
    assert head.visible.dtype == bool
    drawn = np.isfinite(head.depth)
    assert 0.2 < drawn.mean() < 0.98
    assert np.allclose(np.linalg.norm(head.normals[drawn], axis=1), 1, atol=1e-3)
    assert set(np.unique(head.parts)) <= set(range(len(PART_NAMES)))
    assert np.isfinite(head.landmarks).all()


def test_same_seed_same_picture(studio):
    a, b, c = studio.sample(5), studio.sample(5), studio.sample(6)
    assert np.array_equal(a.image, b.image)
    assert np.array_equal(a.landmarks, b.landmarks)
    assert a.person == b.person
    assert not np.array_equal(a.image, c.image)


def test_a_person_stays_that_person(studio):
    a = studio.draw(np.random.default_rng(1), person=9)
    b = studio.draw(np.random.default_rng(2), person=9)
    assert a.person == b.person
    assert np.array_equal(a.identity, b.identity)
    assert not np.array_equal(a.image, b.image)


def test_no_rotation_looks_straight(studio):
    head = show(studio)
    nose, left, right = head.landmarks[[1, 473, 468]]
    assert abs(nose[0] - (left[0] + right[0]) / 2) < 0.02 * SIDE
    assert nose[2] < left[2] - 3
    assert left[0] > right[0]


@pytest.mark.parametrize(("rotation", "axis", "sign"), [((0, 0.4, 0), 0, -1), ((0.4, 0, 0), 1, 1)])
def test_the_nose_follows_the_rotation(studio, rotation, axis, sign):
    """Positive yaw turns the nose to the left of the picture, positive pitch down."""
    turned, straight = show(studio, rotation=rotation), show(studio)
    moved = turned.landmarks[1, axis] - turned.landmarks[[468, 473], axis].mean()
    before = straight.landmarks[1, axis] - straight.landmarks[[468, 473], axis].mean()
    assert sign * (moved - before) > 0.03 * SIDE


def test_lid_and_lip_landmarks_lie_on_the_rims_of_their_parts(studio):
    head = show(studio, {"jawOpen": 0.4})
    eyes = part(head, "eye", "iris")
    lids = head.landmarks[[*UPPER_LID["left"][1:-1], *LOWER_LID["right"][1:-1]]]
    assert off_edge(eyes, lids).mean() < 1.5
    lips = cv2.morphologyEx(part(head, "lips", "mouth", "teeth", "tongue").astype(np.uint8),
                            cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))  # fmt: skip
    assert off_edge(lips, head.landmarks[list(OUTER_LIPS)]).mean() < 2.0


def test_iris_landmarks_lie_on_the_iris(studio):
    head = show(studio, gaze=(0.05, 0.2))
    x, y = np.rint(head.landmarks[[468, 473], :2]).astype(int).T
    assert part(head, "iris")[y, x].all()


def test_a_blink_closes(studio):
    opened, shut = show(studio), show(studio, {"eyeBlink": 1.0})
    assert part(opened, "eye", "iris").sum() > 60
    assert part(shut, "eye", "iris").sum() < 0.1 * part(opened, "eye", "iris").sum()
    assert opened.visible[[468, 473]].all()
    assert not shut.visible[[468, 473]].any()


@pytest.mark.parametrize("person", range(6))
def test_lids_of_every_shape_of_face_close(studio, person):
    """Free identities have eyeballs of any prominence: none may come through its lids."""
    shut = show(studio, {"eyeBlink": 1.0}, person=person)
    assert part(shut, "eye", "iris").sum() <= 12
    upper, lower = shut.landmarks[[386, 159]], shut.landmarks[[374, 145]]
    assert np.linalg.norm((upper - lower)[:, :2], axis=1).max() < 0.012 * SIDE


def test_the_tongue_comes_out(studio):
    inside = show(studio, {"jawOpen": 0.4})
    out = show(studio, {"jawOpen": 0.4, "tongueOut": 1.0})
    assert part(out, "tongue").sum() > part(inside, "tongue").sum() + 30
    assert out.action_units["AU19"] == 1.0


@pytest.mark.parametrize("gaze", [(0.0, 0.4), (0.3, 0.0), (-0.2, -0.3)])
def test_the_gaze_label_is_what_the_eyes_do(studio, gaze):
    head, ahead = show(studio, gaze=gaze), show(studio)
    assert np.allclose(head.gaze, [gaze, gaze], atol=1e-5)
    moved = (head.landmarks - ahead.landmarks)[[468, 473], :2].mean(axis=0)
    if gaze[1]:
        assert np.sign(moved[0]) == -np.sign(gaze[1])
    if gaze[0]:
        assert np.sign(moved[1]) == np.sign(gaze[0])


def test_the_far_side_of_a_profile_is_not_visible(studio):
    """With the nose to the left of the picture the subject's left side is seen."""
    head = show(studio, rotation=(0, 1.3, 0), person=0)
    right, left = [33, 50, 234, 205, 132, 116], [263, 280, 425, 345]
    assert not head.visible[right].any()
    assert head.visible[left].mean() > 0.7
    assert show(studio).visible.mean() > 0.75


def test_landmarks_lie_at_the_depth_of_the_picture(studio):
    head = show(studio, rotation=(0.1, 0.3, 0.0))
    inner = np.flatnonzero(head.visible)
    inner = inner[np.isin(inner, [1, 4, 5, 9, 8, 151, 50, 280, 199, 205, 425])]
    assert len(inner) >= 6
    x, y = np.rint(head.landmarks[inner, :2]).astype(int).T
    scale = 0.6 * SIDE / 17
    assert np.abs(head.depth[y, x] - head.landmarks[inner, 2] / scale).mean() < 0.2


def test_impossible_sizes_are_refused(studio):
    with pytest.raises(InputError, match="`size` is 8 pixels"):
        studio.sample(0, size=8)
    with pytest.raises(InputError, match="`skins` is empty"):
        HeadStudio(studio.head, [], studio.backgrounds)
