"""Regions of action units lie where the muscles are, on the landmarks of the mean head."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.critic.lids import posed_landmarks
from talkgen.critic.regions import agreement, emotion_region, face_region, overlay, region
from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.motion.facs import FELT, PROTOTYPES

SIDE = 96


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """(478, 2) of the mean head, eyes level, filling a crop of 96 pixels."""
    flat = posed_landmarks(HeadModel.from_pretrained("head"), np.zeros((1, 52), np.float32))[0]
    flat = flat[:, :2] * (1, np.sign(flat[152, 1] - flat[10, 1]))  # chin under forehead
    low, high = flat.min(0), flat.max(0)
    out = (flat - low) / (high - low).max() * (SIDE - 8) + 4
    return out if out[33, 0] < out[263, 0] else out * (-1, 1) + (SIDE, 0)


def middle(mask: np.ndarray) -> np.ndarray:
    """x, y."""
    return np.array(np.nonzero(mask)).mean(1)[::-1]


def test_brows_over_eyes_over_nose_over_mouth_over_chin(points):
    heights = [middle(region([unit], points, SIDE))[1] for unit in
               ("AU1", "AU7", "AU6", "AU10", "AU25", "AU17")]  # fmt: skip
    assert heights == sorted(heights)


def test_one_side_is_one_side(points):
    right, left, both = (region([f"AU12{s}"], points, SIDE) for s in ("R", "L", ""))
    assert middle(right)[0] < points[4, 0] < middle(left)[0]
    np.testing.assert_array_equal(right | left, both)


@pytest.mark.parametrize("name", FELT)
def test_every_unit_of_the_prototypes_has_a_place_within_the_face(points, name):
    face = face_region(points, SIDE)
    for unit in PROTOTYPES[name]:
        mask = region([unit], points, SIDE)
        assert mask.sum() > 20, unit
        assert (mask & face).sum() > 0.8 * mask.sum(), unit
    whole = emotion_region(name, points, SIDE)
    assert 0.02 < (whole & face).sum() / face.sum() < 0.75


def test_agreement_of_chance_and_of_a_map_on_the_spot(points):
    face, mouth = face_region(points, SIDE), region(["AU25"], points, SIDE)
    assert agreement(np.ones((SIDE, SIDE), np.float32), mouth, face) == pytest.approx(1.0)
    assert agreement(mouth.astype(np.float32), mouth, face) > 5
    assert agreement((~mouth).astype(np.float32), mouth, face) == 0
    assert np.isnan(agreement(np.zeros((SIDE, SIDE), np.float32), mouth, face))


def test_overlay_warms_what_is_marked_and_leaves_the_rest():
    crop, heat = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    heat[40:56, 40:56] = 1
    found = overlay(crop, heat, side=192)
    assert found.shape == (192, 192, 3)
    assert found.dtype == np.uint8
    assert int(found[96, 96, 0]) > int(found[96, 96, 2]) + 50  # red, not blue
    assert np.ptp(found[5, 5].astype(int)) == 0


def test_landmarks_are_counted():
    with pytest.raises(InputError, match="478"):
        region(["AU12"], np.zeros((68, 2)), SIDE)
