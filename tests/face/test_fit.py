"""The fit of the head: recovers what it was made from, and refuses what is no face."""

from __future__ import annotations

import time

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.face.fit import (
    HeadFit,
    fit_clip,
    fit_face,
    fit_identity,
    from_camera,
    rotation_angles,
    rotation_matrix,
    to_camera,
)
from talkgen.face.head import HeadModel
from talkgen.types import MOTION_CHANNELS


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained("head")


def made(
    head: HeadModel, seed: int = 0, expression: bool = True, noise: float = 0.0
) -> tuple[HeadFit, np.ndarray]:
    """Return a random head in a picture and its landmarks in pixels."""
    rng = np.random.default_rng(seed)
    weights = np.zeros(52, np.float32)
    if expression:
        for name, value in {
            "jawOpen": 0.4,
            "mouthSmileLeft": 0.5,
            "mouthSmileRight": 0.5,
            "browInnerUp": 0.5,
            "eyeBlinkLeft": 0.6,
            "eyeBlinkRight": 0.6,
        }.items():
            weights[MOTION_CHANNELS.index(name)] = value  # fmt: skip
    truth = HeadFit(
        identity=rng.normal(0, 0.7, head.num_identity).astype(np.float32),
        weights=weights,
        rotation=rng.uniform(-0.3, 0.3, 3).astype(np.float32),
        scale=float(rng.uniform(8, 20)),
        translation=rng.uniform(150, 350, 2).astype(np.float32),
    )
    vertices = head.deform(head.neutral(truth.identity), weights)
    points = truth.project(head.landmarks(vertices))
    return truth, points + rng.normal(0, noise, points.shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_recovers_pose_and_expression(head: HeadModel, seed: int) -> None:
    truth, points = made(head, seed, noise=0.3)
    found = fit_face(head, points)
    assert found.error < 0.8
    np.testing.assert_allclose(found.rotation, truth.rotation, atol=0.06)
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "browInnerUp"):
        channel = MOTION_CHANNELS.index(name)
        assert abs(found.weights[channel] - truth.weights[channel]) < 0.22, name
    assert found.weights.min() >= 0
    assert found.weights.max() <= 1


def test_known_identity_gives_close_weights(head: HeadModel) -> None:
    truth, points = made(head, 5)
    found = fit_face(head, points, identity=truth.identity)
    np.testing.assert_array_equal(found.identity, truth.identity)
    assert np.abs(found.weights - truth.weights).max() < 0.15
    np.testing.assert_allclose(found.translation, truth.translation, atol=0.06 * truth.scale)
    assert abs(found.scale / truth.scale - 1) < 0.02


def test_neutral_face_stays_neutral(head: HeadModel) -> None:
    _, points = made(head, 7, expression=False)
    assert fit_face(head, points).weights.sum() < 1.0


def test_mirrored_face_gives_mirrored_weights(head: HeadModel) -> None:
    truth, _ = made(head, 1)
    turned = HeadFit(truth.identity, truth.weights, np.zeros(3, np.float32), 10.0,
                     np.zeros(2, np.float32))  # fmt: skip
    smile = np.zeros(52, np.float32)
    smile[MOTION_CHANNELS.index("mouthSmileLeft")] = 0.7
    neutral = head.neutral(truth.identity)
    points = turned.project(head.landmarks(head.deform(neutral, smile)))
    found = fit_face(head, points).weights
    left, right = (found[MOTION_CHANNELS.index(f"mouthSmile{s}")] for s in ("Left", "Right"))
    assert left > right + 0.3


def test_several_views_share_an_identity(head: HeadModel) -> None:
    truth, _ = made(head, 3)
    views = []
    for yaw in (-0.3, 0.0, 0.3):
        view = HeadFit(truth.identity, truth.weights, np.array([0, yaw, 0], np.float32), 12.0,
                       np.array([200, 200], np.float32))  # fmt: skip
        vertices = head.deform(head.neutral(truth.identity), np.zeros(52, np.float32))
        views.append(view.project(head.landmarks(vertices)))
    shape = fit_identity(head, views)
    error = head.landmarks(head.neutral(shape)) - head.landmarks(head.neutral(truth.identity))
    error -= error.mean(axis=0)
    assert np.linalg.norm(error[:, :2], axis=1).mean() < 0.15


def test_clip_follows_the_motion(head: HeadModel) -> None:
    truth, _ = made(head, 4, expression=False)
    gap = 0.3 + 0.3 * np.sin(np.arange(12) / 2)
    frames = []
    for value in gap:
        weights = np.zeros(52, np.float32)
        weights[MOTION_CHANNELS.index("jawOpen")] = value
        vertices = head.deform(head.neutral(truth.identity), weights)
        frames.append(truth.project(head.landmarks(vertices)))
    identity, fits = fit_clip(head, np.stack(frames))
    found = np.array([f.weights[MOTION_CHANNELS.index("jawOpen")] for f in fits])
    assert len(fits) == 12
    assert np.corrcoef(found, gap)[0, 1] > 0.98
    assert all(np.array_equal(f.identity, identity) for f in fits)


def test_camera_space_goes_both_ways(head: HeadModel) -> None:
    truth, _ = made(head, 2)
    position = to_camera(truth, head, (640, 480))
    iod = head.interocular_of(head.neutral(truth.identity))
    scale, translation = from_camera(position, iod, (640, 480))
    assert scale == pytest.approx(truth.scale, rel=1e-5)
    np.testing.assert_allclose(translation, truth.translation, atol=1e-3)
    larger = HeadFit(truth.identity, truth.weights, truth.rotation, 2 * truth.scale,
                     2 * truth.translation)  # fmt: skip
    np.testing.assert_allclose(to_camera(larger, head, (1280, 960)), position, rtol=1e-5)


def test_angles_and_matrix_agree() -> None:
    from scipy.spatial.transform import Rotation

    angles = np.array([0.3, -0.4, 0.2], np.float32)
    matrix = rotation_matrix(angles)
    np.testing.assert_allclose(matrix, Rotation.from_euler("xyz", angles).as_matrix(), atol=1e-6)
    np.testing.assert_allclose(rotation_angles(matrix), angles, atol=1e-6)


def test_bad_landmarks_are_refused(head: HeadModel) -> None:
    _, points = made(head)
    with pytest.raises(InputError, match="shape"):
        fit_face(head, points[:68])
    broken = points.copy()
    broken[5, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        fit_face(head, broken)
    with pytest.raises(InputError, match="one line"):
        fit_face(head, np.zeros((478, 3), np.float32))
    with pytest.raises(InputError, match="shape"):
        fit_clip(head, points)
    with pytest.raises(InputError, match="empty"):
        fit_identity(head, [])


def test_stray_landmarks_do_little_harm(head: HeadModel) -> None:
    truth, points = made(head, 6)
    points[[50, 280, 101]] += 60
    found = fit_face(head, points)
    np.testing.assert_allclose(found.rotation, truth.rotation, atol=0.1)


def test_fit_is_fast(head: HeadModel) -> None:
    _, points = made(head, 8)
    start = fit_face(head, points)
    best = np.inf
    for _ in range(8):
        before = time.perf_counter()
        fit_face(head, points, identity=start.identity, start=start)
        best = min(best, time.perf_counter() - before)
    assert best < 0.1  # 5 ms on a free core
