"""Face masks: shares that sum to 1, rings at the landmarks, hidden parts left out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.face.parsing import FACE_PARTS, FaceMasks, FaceParser, filled, matted
from talkgen.face.points import LIPS, LIPS_INNER
from talkgen.io.image import read_image
from talkgen.types import Face, Portrait

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
ITS_FACE = Path(__file__).resolve().parents[1] / "render" / "astronaut_face.npz"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return read_image(PORTRAIT)


@pytest.fixture(scope="module")
def face() -> Face:
    with np.load(ITS_FACE) as read:
        return Face(**read)


@pytest.fixture(scope="module")
def parser() -> FaceParser:
    return FaceParser.from_pretrained()


def test_shares_sum_to_one(parser: FaceParser, image: np.ndarray, face: Face) -> None:
    masks = parser.parse(image, face)
    assert masks.shares.shape == (9, *image.shape[:2])
    assert masks.shares.dtype == np.float32
    assert masks.shares.min() > -1e-6
    assert np.abs(masks.shares.sum(0) - 1).max() < 1e-4
    assert np.array_equal(masks["skin"], masks.shares[1])
    with pytest.raises(InputError, match="choose one of background"):
        masks["nose"]
    with pytest.raises(InputError, match="shares"):
        FaceMasks(np.zeros((3, 4, 4), np.float32))


def test_parts_lie_where_the_landmarks_are(
    parser: FaceParser, image: np.ndarray, face: Face
) -> None:
    masks = parser.parse(image, face)
    label = masks.labels

    def at(*points: int) -> str:
        x, y = np.rint(face.landmarks[list(points), :2].mean(0)).astype(int)
        return FACE_PARTS[label[y, x]]

    assert at(0, 13) == at(14, 17) == "lips"
    assert at(468) == at(473) == "eyes"
    assert at(105, 52) == at(334, 282) == "brows"
    assert at(4) == at(50) == at(280) == at(151) == "skin"
    assert masks.head[label == FACE_PARTS.index("hair")].min() > 0.3
    assert np.all(masks.person >= masks.head - 1e-4)


def test_open_mouth_shows_its_inside(parser: FaceParser, image: np.ndarray, face: Face) -> None:
    points = face.landmarks.copy()
    lower = [i for i in LIPS_INNER if points[i, 1] >= points[list(LIPS_INNER), 1].mean()]
    points[lower, 1] += 0.2 * face.interocular
    shut, open_ = (
        parser.parse(image, dataclasses.replace(face, landmarks=p))["mouth"].sum()
        for p in (face.landmarks, points)
    )
    assert open_ > shut + 0.05 * face.interocular**2


def test_hidden_mouth_is_not_drawn(parser: FaceParser, image: np.ndarray, face: Face) -> None:
    confidence = np.full(478, 0.9, np.float32)
    whole = parser.parse(image, dataclasses.replace(face, confidence=confidence))
    confidence[list(LIPS)] = 0.05
    covered = parser.parse(image, dataclasses.replace(face, confidence=confidence))
    assert whole["lips"].sum() > 10
    assert covered["lips"].max() == 0
    assert np.array_equal(covered["eyes"], whole["eyes"])
    assert np.abs(covered.shares.sum(0) - 1).max() < 1e-4


def test_ring_edges_are_soft_and_exact() -> None:
    circle = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 64)), np.sin(a)], 1) * 20.3 + 32.2
    share = filled([circle], (64, 64))
    assert share.sum() == pytest.approx(np.pi * 20.3**2, rel=0.03)
    assert ((share > 0.1) & (share < 0.9)).sum() > 40


def test_face_at_the_rim_and_beside_the_picture(
    parser: FaceParser, image: np.ndarray, face: Face
) -> None:
    for shift in (0.6 * image.shape[1], 5.0 * image.shape[1]):
        points = face.landmarks + np.array([shift, 0, 0], np.float32)
        box = face.box + np.array([shift, 0, shift, 0], np.float32)
        masks = parser.parse(image, dataclasses.replace(face, landmarks=points, box=box))
        assert np.isfinite(masks.shares).all()
        assert np.abs(masks.shares.sum(0) - 1).max() < 1e-4


def test_small_picture_and_wrong_picture(parser: FaceParser, image: np.ndarray, face: Face) -> None:
    factor = 48 / face.size
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    tiny = dataclasses.replace(face, landmarks=face.landmarks * factor, box=face.box * factor)
    masks = parser.parse(small, tiny)
    large = parser.parse(image, face)
    back = cv2.resize(large.person, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(masks.person - back).mean() < 0.08
    with pytest.raises(InputError, match="uint8"):
        parser.parse(image.astype(np.float32), face)


def test_portrait_gets_its_head_matte(parser: FaceParser, image: np.ndarray, face: Face) -> None:
    portrait = matted(Portrait(image, face), parser)
    assert portrait.alpha is not None
    assert portrait.alpha.shape == image.shape[:2]
    x, y = face.landmarks[4, :2].astype(int)
    assert portrait.alpha[y, x] > 0.95
    assert portrait.alpha[:8, :8].max() < 0.2
