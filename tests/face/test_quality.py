"""Verdicts: a good portrait passes, and what is done to it shows in the order that it should."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkgen.face.points import LEFT_LIDS, LIPS, RIGHT_LIDS
from talkgen.face.quality import LIMITS, VERDICTS, assess, blur_sigma, measure
from talkgen.io.image import read_image
from talkgen.types import Face

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
ITS_FACE = Path(__file__).resolve().parents[1] / "render" / "astronaut_face.npz"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return read_image(PORTRAIT)


@pytest.fixture(scope="module")
def face() -> Face:
    with np.load(ITS_FACE) as read:
        return Face(**read)


def scaled(image: np.ndarray, face: Face, size: float) -> tuple[np.ndarray, Face]:
    """The picture shrunk so that the face is `size` pixels high."""
    factor = np.float32(size / face.size)
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return small, dataclasses.replace(
        face, landmarks=face.landmarks * factor, box=face.box * factor
    )


def level(image: np.ndarray, face: Face) -> int:
    return VERDICTS.index(assess(image, face).verdict)


def test_the_portrait_is_usable(image: np.ndarray, face: Face) -> None:
    quality = assess(image, face)
    assert quality.verdict == "usable"
    assert quality.reasons == ()
    assert quality.message == ""
    assert set(quality.measures) <= set(LIMITS)
    assert all(np.isfinite(v) for v in quality.measures.values())


def test_size_falls_in_order(image: np.ndarray, face: Face) -> None:
    levels = [level(*scaled(image, face, s)) for s in (100, 80, 40, 15)]
    assert levels == [0, 0, 1, 2]
    quality = assess(*scaled(image, face, 40))
    assert len(quality.reasons) == 1  # one reason, not a small and a blurred face
    assert "40 px high" in quality.message
    assert "larger picture" in quality.message
    assert "\n" not in quality.message


def test_blur_falls_in_order(image: np.ndarray, face: Face) -> None:
    size = face.size
    blurred = [cv2.GaussianBlur(image, (0, 0), s * size) for s in (0.004, 0.025, 0.07)]
    levels = [level(b, face) for b in blurred]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[1:] == [1, 2]
    assert "blurred" in assess(blurred[1], face).message


def test_an_enlarged_small_face_shows_no_more(image: np.ndarray, face: Face) -> None:
    small, _ = scaled(image, face, 36)
    large = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    measures = measure(large, face)
    assert measures["size"] == pytest.approx(face.size)
    assert 24 < measures["detail"] < 54
    assert measure(image, face)["detail"] > 1.5 * measures["detail"]


@pytest.mark.parametrize("sigma", [1.5, 3.0, 6.0])
def test_blur_of_a_known_edge(sigma: float) -> None:
    edge = np.zeros((128, 256), np.float32)
    edge[:, np.arange(256) // round(9 * sigma) % 2 > 0] = 180  # bars, wide for the blur
    soft = cv2.GaussianBlur(edge, (0, 0), sigma)
    bright = 40 + 0.2 * soft  # contrast and brightness do not count
    assert blur_sigma(soft) == pytest.approx(sigma, rel=0.25)
    assert blur_sigma(bright) == pytest.approx(blur_sigma(soft), rel=0.1)


def test_pose_falls_in_order(image: np.ndarray, face: Face) -> None:
    yaws = [
        level(image, dataclasses.replace(face, rotation=np.radians([0, yaw, 0])))
        for yaw in (0, 25, -35, 50, -70)
    ]
    assert yaws == [0, 0, 0, 1, 2]
    turned = assess(image, dataclasses.replace(face, rotation=np.radians([0, -50, 0])))
    assert "turned by 50 degrees" in turned.message


def test_light(image: np.ndarray, face: Face) -> None:
    over = [np.clip(image.astype(np.float32) * g, 0, 255).astype(np.uint8) for g in (1, 1.8, 9)]
    levels = [level(o, face) for o in over]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[2] >= 1
    assert "burnt out" in assess(over[2], face).message
    dim = (image * 0.03).astype(np.uint8)
    assert "black" in assess(dim, face).message
    shadow = image.copy()
    middle = int(face.landmarks[4, 0])
    shadow[:, :middle] = (shadow[:, :middle] * 0.15).astype(np.uint8)
    assert "one cheek" in assess(shadow, face).message
    fog = (120 + 0.05 * image).astype(np.uint8)
    assert "contrast" in assess(fog, face).message


def test_confidence_tells_what_is_covered(image: np.ndarray, face: Face) -> None:
    sure = np.full(478, 0.9, np.float32)
    assert assess(image, dataclasses.replace(face, confidence=sure)).verdict == "usable"
    mouth, eyes = sure.copy(), sure.copy()
    mouth[list(LIPS)] = 0.2
    eyes[list(LEFT_LIDS + RIGHT_LIDS)] = 0.2
    hidden = assess(image, dataclasses.replace(face, confidence=mouth))
    assert hidden.verdict == "doubtful"
    assert "the mouth is covered" in hidden.message
    assert "the eyes are covered" in assess(
        image, dataclasses.replace(face, confidence=eyes)
    ).message
    unsure = assess(image, dataclasses.replace(face, score=0.3))
    assert unsure.verdict == "doubtful"
    assert "sure of it by 0.30" in unsure.message


def test_open_mouth_and_shut_eyes_are_doubtful(image: np.ndarray, face: Face) -> None:
    points = face.landmarks.copy()
    points[14, 1] += 0.4 * face.interocular
    assert "mouth is open" in assess(image, dataclasses.replace(face, landmarks=points)).message
    points = face.landmarks.copy()
    for upper, lower in ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373)):
        points[upper, :2] = points[lower, :2]
    shut = assess(image, dataclasses.replace(face, landmarks=points))
    assert shut.verdict == "doubtful"
    assert "eyes are shut" in shut.message


def test_cut_by_the_edge(image: np.ndarray, face: Face) -> None:
    x = int(face.landmarks[4, 0])  # through the nose
    crop = np.ascontiguousarray(image[:, x:])
    moved = dataclasses.replace(
        face,
        landmarks=face.landmarks - np.array([x, 0, 0], np.float32),
        box=face.box - np.array([x, 0, x, 0], np.float32),
    )
    quality = assess(crop, moved)
    assert quality.verdict == "unusable"
    assert "edge" in quality.message
    beside = dataclasses.replace(
        face,
        landmarks=face.landmarks + np.array([5000, 0, 0], np.float32),
        box=face.box + np.array([5000, 0, 5000, 0], np.float32),
    )
    assert assess(image, beside).verdict == "unusable"
