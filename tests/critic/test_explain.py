"""Heat over a picture: where the crop's map lands, and what the region of an emotion is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkgen.critic.explain import (
    crop_points,
    decision,
    explain,
    over_picture,
    places,
    seen_crops,
)
from talkgen.critic.expression_net import ExpressionNet
from talkgen.critic.expression_view import NET_SIDE
from talkgen.critic.fer import FERCritic
from talkgen.critic.lids import posed_landmarks
from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.types import EMOTIONS, Face


@pytest.fixture(scope="module")
def face() -> Face:
    """The mean head's landmarks, upright, in a picture of 300 pixels."""
    points = posed_landmarks(HeadModel.from_pretrained("head"), np.zeros((1, 52), np.float32))[0]
    if points[152, 1] < points[10, 1]:
        points = points * np.float32([1, -1, 1])
    if points[33, 0] > points[263, 0]:
        points = points * np.float32([-1, 1, 1])
    points = (points - points[4]) * (60 / np.linalg.norm(points[33] - points[263])) + (150, 160, 0)
    box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    return Face(points, box, np.zeros(52), np.zeros(3))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)


def test_points_of_the_crop_lie_where_the_crop_shows_them(face, image):
    marked = np.zeros_like(image)
    x, y = np.rint(face.landmarks[4, :2]).astype(int)
    marked[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = seen_crops([marked], [face])[0, 0]
    place = np.unravel_index(crop.argmax(), crop.shape)[::-1]
    np.testing.assert_allclose(place, crop_points(face)[4], atol=2)


def test_heat_lands_on_the_picture_where_it_was_in_the_crop(face, image):
    warm = np.zeros((NET_SIDE, NET_SIDE), np.float32)
    x, y = np.rint(crop_points(face)[13]).astype(int)
    warm[y - 3 : y + 4, x - 3 : x + 4] = 1
    grey = np.full_like(image, 128)
    changed = np.abs(over_picture(grey, warm, face).astype(int) - 128).sum(2)
    found = np.array(np.nonzero(changed > 60)).mean(1)[::-1]
    np.testing.assert_allclose(found, face.landmarks[13, :2], atol=2)
    assert changed[:20].max() == 0


def test_places_lie_within_the_crop(face):
    region, whole = places("happy", face)
    assert region.shape == whole.shape == (NET_SIDE, NET_SIDE)
    assert 0.3 < whole.mean() < 0.8
    assert (region & whole).sum() > 0.9 * region.sum()
    assert not places("neutral", face)[0].any()


def test_an_explanation_is_of_the_most_probable_emotion(face, image):
    torch.manual_seed(0)
    critic = FERCritic(ExpressionNet())
    found = explain(critic, image, face)
    top = EMOTIONS[int(critic.read([image], [face]).emotions[0].argmax())]
    assert found.emotion == top
    assert found.heat.max() == pytest.approx(1)
    assert found.picture.shape == image.shape
    asked = explain(critic, image, face, "sad")
    assert asked.emotion == "sad"
    assert np.isfinite(asked.agreement)
    assert np.isnan(explain(critic, image, face, "neutral").agreement)
    with pytest.raises(InputError, match="joy"):
        explain(critic, image, face, "joy")


def test_the_decision_is_the_critics_own(face, image):
    torch.manual_seed(0)
    critic = FERCritic(ExpressionNet())
    with torch.no_grad():
        logits = decision(critic.net, [face])(torch.from_numpy(seen_crops([image], [face])))
    np.testing.assert_allclose(logits.softmax(1), critic.read([image], [face]).emotions, atol=1e-5)
