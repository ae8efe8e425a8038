"""A portrait is recognised as a frame of a track from the track's weights and pose alone."""

import numpy as np
import pytest

from talkgen.face.fit import FOCAL_SIDES, fit_face
from talkgen.face.head import HeadModel
from talkgen.motion.match import match_portrait
from talkgen.types import Motion

SIZE = (640, 480)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained("head")


def some_track(head: HeadModel, seed: int) -> tuple[Motion, np.ndarray, np.ndarray]:
    """Return a smooth track of 40 frames, its identity, and its landmarks (40, 478, 3)."""
    rng = np.random.default_rng(seed)
    identity = rng.normal(0, 0.7, head.num_identity).astype(np.float32)
    steps = np.linspace(0, 1, 40)[:, None]
    weights = 0.35 * np.abs(np.sin(4 * steps * rng.random(52) + rng.normal(0, 1, 52))) ** 3
    rotation = 0.08 * np.sin(5 * steps + rng.normal(0, 1, 3))
    place = np.asarray([0.1, -0.4, 8.0]) + 0.1 * np.sin(4 * steps + rng.normal(0, 1, 3))
    motion = Motion(weights, rotation, place, space="camera", frame_size=SIZE)
    neutral = head.neutral(identity)
    points = []
    for frame in range(40):
        iod = FOCAL_SIDES * max(SIZE) / motion.translation[frame, 2]
        scale = iod / head.interocular_of(neutral)
        turned = (
            turn(motion.rotation[frame])
            @ head.landmarks(head.deform(neutral, motion.blendshapes[frame])).T
        )
        xyz = (turned * scale).T
        xyz[:, :2] += motion.translation[frame, :2] * iod + np.asarray(SIZE) / 2
        points.append(xyz.astype(np.float32))
    return motion, identity, np.stack(points)


def turn(rotation: np.ndarray) -> np.ndarray:
    """Return Rz(roll) @ Ry(yaw) @ Rx(pitch)."""
    (sp, sy, sr), (cp, cy, cr) = np.sin(rotation), np.cos(rotation)
    x = np.asarray([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    y = np.asarray([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.asarray([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return z @ y @ x


@pytest.mark.parametrize("frame", [0, 17, 39])
def test_the_frame_and_its_head_are_found(head: HeadModel, frame: int) -> None:
    motion, identity, points = some_track(head, seed=frame)
    match = match_portrait(head, fit_face(head, points[frame]), points[frame], SIZE, motion)
    assert match is not None
    assert abs(match.frame - frame) <= 1  # neighbours are all but the same
    assert match.error < 0.01
    made = head.landmarks(head.neutral(match.identity))
    real = head.landmarks(head.neutral(identity))
    assert np.abs(made - real)[:, :2].mean() / head.interocular < 0.02


def test_another_pose_is_no_frame(head: HeadModel) -> None:
    motion, _, points = some_track(head, seed=1)
    far = points[5] * [1, 1, 1] + [150, 0, 0]
    assert match_portrait(head, fit_face(head, far), far, SIZE, motion) is None
