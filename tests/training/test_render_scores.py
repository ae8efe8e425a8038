"""Scores of drawn frames: what they say of frames whose difference is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.training import render_scores as scores
from talkgen.types import MOTION_CHANNELS

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def example():
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    return image, FaceAnalyzer.from_pretrained().analyze(image)[0].landmarks


def test_noise_of_known_size(example):
    image, _ = example
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 8, image.shape), 0, 255)
    assert scores.psnr(image, image) == 60
    assert scores.psnr(noisy.astype(np.uint8), image) == pytest.approx(
        20 * np.log10(255 / 8), abs=0.6
    )


def test_lip_distance_heeds_lips_alone(example):
    _, points = example
    cos, sin = 1.3 * np.cos(0.2), 1.3 * np.sin(0.2)
    moved = points.copy()
    moved[:, :2] = points[:, :2] @ np.array([[cos, sin], [-sin, cos]]) + (30, -12)
    assert scores.lip_distance(moved, points) < 1e-3
    opened = points.copy()
    apart = np.linalg.norm(points[33, :2] - points[263, :2])
    opened[list(scores.LIPS), 1] += 0.05 * apart
    assert 3 < scores.lip_distance(opened, points) < 5  # the place of all points gives way a little


def test_flat_warp_moves_the_mouth(example):
    image, points = example
    box = scores.crop_box(points, "mouth")
    same = scores.flat_warp(image, points, points, box)
    assert scores.psnr(same, scores.crop(image, box)) > 28
    target = points.copy()
    target[list(scores.LIPS), 0] += 0.1 * (points[263, 0] - points[33, 0])
    bent = scores.flat_warp(image, points, target, box)
    shift = 0.1 * (points[263, 0] - points[33, 0]) * scores.SIDE / box[2]
    moved = cv2.warpAffine(same, np.array([[1, 0, shift], [0, 1, 0.0]]), (256, 256))
    middle = slice(100, 156)
    assert scores.psnr(bent[middle, middle], moved[middle, middle]) > 20
    assert scores.psnr(bent[middle, middle], same[middle, middle]) < 22


def test_clear_frame_has_open_eyes_and_a_shut_mouth(example):
    _, points = example
    opened = points.copy()
    opened[14, 1] += 40
    shut = points.copy()
    shut[14] = shut[13]
    track, blinks = np.stack([opened, shut, shut]), np.zeros((3, 52), np.float32)
    blinks[1, [MOTION_CHANNELS.index(f"eyeBlink{side}") for side in ("Left", "Right")]] = 0.9
    assert scores.clear_frame(track, blinks) == 2


def test_flicker_of_a_still_and_of_noise():
    still = [np.full((8, 8, 3), 90, np.uint8)] * 5
    assert scores.flicker(still) == 0
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (8, 8, 3), np.uint8) for _ in range(5)]
    assert scores.flicker(noise) > 50
