"""A clip against itself scores best; known differences score what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from talkgen.critic.likeness import LikenessCritic, expressions, head_scores
from talkgen.critic.pictures import landmark_distance, laplacian_energy, psnr, ssim
from talkgen.critic.units import FELT_UNITS, UnitsCritic, asked_units
from talkgen.critic.watch import watch
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.head import HeadModel
from talkgen.motion.emotion import parse_emotion
from talkgen.motion.facs import weights_of_units
from talkgen.types import MOTION_CHANNELS

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def example():
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    return image, FaceAnalyzer.from_pretrained().analyze(image)[0]


@pytest.fixture(scope="module")
def head():
    return HeadModel.from_pretrained("head")


def judged(made, real):
    critic = LikenessCritic()
    video = watch(made, 25.0, [critic.reader()], beside=real)
    return critic.score(video, reference=watch(real, 25.0)).scores


def test_a_clip_is_like_itself_and_noise_costs_what_it_is(example):
    image, face = example
    same = [(image, face)] * 4
    scores = judged(same, same)
    assert scores["face_psnr"].value == 60
    assert scores["mouth_ssim"].value == pytest.approx(1)
    assert scores["mouth_sharpness"].value == pytest.approx(1)
    assert scores["m_lmd"].value == pytest.approx(0, abs=1e-3)
    soft = cv2.GaussianBlur(image, (0, 0), 2.0)
    blurred = judged([(soft, face)] * 4, same)
    assert blurred["mouth_psnr"].value < 40
    assert blurred["mouth_ssim"].value < 0.97
    assert blurred["mouth_sharpness"].value < 0.5
    assert blurred["mouth_psnr"].n == 2  # every second frame


def test_frames_of_another_size_are_not_compared_by_pixels(example):
    image, face = example
    half = np.ascontiguousarray(image[::2, ::2])
    small = replace(face, landmarks=face.landmarks / 2, box=face.box / 2)
    scores = judged([(half, small)] * 4, [(image, face)] * 4)
    assert "face_psnr" not in scores
    assert scores["lmd"].value == pytest.approx(0, abs=1e-3)


def test_ssim_is_that_of_scikit_image(example):
    metrics = pytest.importorskip("skimage.metrics")
    image, _ = example
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 12, image.shape), 0, 255)
    noisy = noisy.astype(np.uint8)
    theirs = metrics.structural_similarity(
        image, noisy, channel_axis=2, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, data_range=255,
    )  # fmt: skip
    assert ssim(image, noisy) == pytest.approx(float(theirs), abs=2e-3)
    assert psnr(image, noisy) < 30
    assert laplacian_energy(noisy) > 2 * laplacian_energy(image)


def test_landmark_distance_is_in_percent_of_the_eyes(example):
    points = example[1].landmarks
    moved = points.copy()
    eyes = np.linalg.norm(points[33, :2] - points[263, :2])
    moved[::2, 0] += np.float32(0.02 * eyes)
    assert 0.8 < landmark_distance(moved, points) < 1.1


def test_lve_and_fdd_of_a_jaw_and_a_brow(head):
    still = np.zeros((40, 52), np.float32)
    jaw, brow = still.copy(), still.copy()
    jaw[:, MOTION_CHANNELS.index("jawOpen")] = 0.5
    brow[::2, MOTION_CHANNELS.index("browInnerUp")] = 0.6
    scores = head_scores(head, jaw, still)
    assert 5 < scores["lve_mm"].value < 40
    assert scores["lve"].value == pytest.approx(scores["lve_mm"].value ** 2, rel=1e-3)
    assert scores["fdd"].value == pytest.approx(0, abs=1e-6)
    assert head_scores(head, brow, still)["fdd"].value > 0.1
    assert head_scores(head, still, brow)["fdd"].value < -0.1


def test_expressions_are_found_again(head):
    weights = np.zeros(52, np.float32)
    weights[MOTION_CHANNELS.index("jawOpen")] = 0.6
    rest = head.landmarks(head.neutral(None))
    open_ = head.landmarks(head.deform(head.neutral(None), weights))
    track = np.stack([rest, rest, open_]) * 20
    found = expressions(head, track.astype(np.float32))
    jaw = found[:, MOTION_CHANNELS.index("jawOpen")]
    assert jaw[2] > 0.4
    assert jaw[0] < 0.1


@pytest.mark.parametrize("name", ["happy", "sad", "surprise"])
def test_the_asked_emotion_agrees_most_with_its_own_face(head, name):
    rest = (head.landmarks(head.neutral(None)) * 20).astype(np.float32)
    values = {}
    for shown in ("happy", "sad", "surprise"):
        feeling = parse_emotion(shown)
        units = asked_units(feeling, 1, 25.0)[0]
        weights = weights_of_units(
            {u: np.array([v], np.float32) for u, v in zip(FELT_UNITS, units, strict=True)}
        )[0]
        face = (head.landmarks(head.deform(head.neutral(None), weights)) * 20).astype(np.float32)
        video = watch([], 25.0)
        video = replace(video, landmarks=np.stack([face] * 3))
        critic = UnitsCritic(head, rest)
        values[shown] = critic.score(video, target=parse_emotion(name)).scores["asked_units"].value
    assert max(values, key=values.get) == name
    assert values[name] > 0.5
