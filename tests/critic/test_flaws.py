"""Flaws put into a picture on purpose are found, and a clean picture shows none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from talkgen.critic.flaws import blockiness, seam, seam_profile, teeth_sharpness
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.points import CONTOUR, LIPS_INNER

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def example():
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    return image, FaceAnalyzer.from_pretrained().analyze(image)[0]


def pasted(image, face, scale, levels):
    """The picture with everything inside a ring around the face made brighter."""
    ring = face.landmarks[list(CONTOUR), :2]
    ring = ring.mean(0) + scale * (ring - ring.mean(0))
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], 1)
    return np.clip(image + levels * mask[..., None].astype(int), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.3])
def test_a_pasted_face_leaves_a_seam(example, scale):
    image, face = example
    clean = seam(seam_profile(image, face)[None])
    found = seam(seam_profile(pasted(image, face, scale, 16), face)[None])
    assert clean < 1.5
    assert 5 < found < 20


def test_a_seam_has_to_stay(example):
    """A step on another ring in every frame is no seam of the clip."""
    image, face = example
    wandering = [pasted(image, face, s, 16) for s in (0.62, 0.7, 0.78, 0.86, 1.25, 1.35, 1.45)]
    assert seam(np.stack([seam_profile(x, face) for x in wandering])) < 2


def test_coarse_coding_shows_blocks(example):
    image, face = example
    _, coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 8])
    rough = np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
    assert blockiness(image, face) == pytest.approx(1, abs=0.1)
    assert blockiness(rough, face) > 1.5


def test_blurred_teeth_are_softer(example):
    image, face = example
    sharp = teeth_sharpness(image, face)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(face.landmarks[list(LIPS_INNER), :2]).astype(np.int32)], 1)
    soft = np.where(mask[..., None] > 0, cv2.GaussianBlur(image, (0, 0), 2.0), image)
    assert sharp is not None
    assert teeth_sharpness(soft, face) < 0.8 * sharp


def test_shut_lips_show_no_teeth(example):
    from dataclasses import replace

    image, face = example
    points = face.landmarks.copy()
    points[14] = points[13]
    assert teeth_sharpness(image, replace(face, landmarks=points)) is None
