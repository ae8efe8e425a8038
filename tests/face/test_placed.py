"""Faces made of a few points, and the stretched head."""

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.face.fit import fit_face
from talkgen.face.head import HeadModel
from talkgen.face.placed import FIVE, IBUG, face_from_points
from talkgen.face.stretch import POOR_FIT, fit_stretched, stretched
from talkgen.types import MOTION_CHANNELS


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained()


@pytest.fixture(scope="module")
def landmarks(head: HeadModel) -> np.ndarray:
    """A neutral face of 20 px a cm in a picture of 600 x 500, a little turned."""
    fit = fit_face(head, head.landmarks(head.vertices) * 20 + np.float32([300, 250, 0]))
    from dataclasses import replace

    turned = replace(fit, rotation=np.float32([0.0, 0.15, 0.2]))
    return turned.project(head.landmarks(head.vertices))


SIZE = (600, 500)


@pytest.mark.parametrize("rows", [FIVE, IBUG])
def test_a_human_face_comes_back_from_few_points(
    head: HeadModel, landmarks: np.ndarray, rows: tuple[int, ...]
) -> None:
    face = face_from_points(landmarks[list(rows), :2], SIZE, head)
    off = np.linalg.norm(face.landmarks[:, :2] - landmarks[:, :2], axis=1) / face.interocular
    assert off[list(rows)].mean() < 0.02
    assert off.mean() < 0.06


def test_the_five_points_may_be_given_from_the_other_side(
    head: HeadModel, landmarks: np.ndarray
) -> None:
    points = landmarks[list(FIVE), :2]
    swapped = points[[1, 0, 2, 4, 3]]
    a, b = (face_from_points(p, SIZE, head).landmarks for p in (points, swapped))
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_all_478_points_are_taken_as_they_are(head: HeadModel, landmarks: np.ndarray) -> None:
    face = face_from_points(landmarks, SIZE, head)
    np.testing.assert_array_equal(face.landmarks, landmarks.astype(np.float32))
    flat = face_from_points(landmarks[:, :2], SIZE, head)
    np.testing.assert_array_equal(flat.landmarks[:, :2], landmarks[:, :2].astype(np.float32))
    assert np.corrcoef(flat.landmarks[:, 2], landmarks[:, 2])[0, 1] > 0.9


def test_five_points_of_a_cat_are_met_by_a_stretched_head(head: HeadModel) -> None:
    cat = np.float32([[352, 460], [664, 460], [504, 576], [440, 628], [572, 628]])
    face = face_from_points(cat, (1200, 1200), head)
    assert np.linalg.norm(face.landmarks[list(FIVE), :2] - cat, axis=1).max() < 4
    plain = fit_face(head, face.landmarks)
    other, fit = fit_stretched(head, face.landmarks)
    assert plain.error > POOR_FIT
    assert fit.error < 0.6 * plain.error
    wide, high = (np.ptp(other.vertices, axis=0) / np.ptp(head.vertices, axis=0))[:2]
    assert wide > 1.15 * high


def test_a_stretched_head_is_stretched_in_all_it_does(head: HeadModel) -> None:
    by = np.float32([1.2, 0.8, 1.1])
    other = stretched(head, by)
    weights = np.zeros(52, np.float32)
    weights[MOTION_CHANNELS.index("jawOpen")] = 0.7
    identity = np.ones(head.num_identity, np.float32)
    want = head.deform(head.neutral(identity), weights) * by
    have = other.deform(other.neutral(identity), weights)
    eyes = np.unique(head.faces[np.isin(head.part, (2, 3))])
    rest = np.setdiff1d(np.arange(len(want)), eyes)
    np.testing.assert_allclose(have[rest], want[rest], atol=1e-4)
    np.testing.assert_array_equal(head.vertices, HeadModel.from_pretrained().vertices)


def test_a_face_that_fits_keeps_the_head(head: HeadModel, landmarks: np.ndarray) -> None:
    assert fit_stretched(head, landmarks)[0] is head


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[10, 10], [900, 10], [50, 60], [20, 90], [80, 90]], "outside"),
        ([[10, 10], [20, 20], [30, 30], [40, 40], [50, 50]], "one line"),
        ([[10, 10]] * 5, "one line"),
    ],
)
def test_points_that_are_no_face_are_refused(
    head: HeadModel, points: list[list[float]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        face_from_points(np.float32(points), SIZE, head)
