"""Shading that comes with a smile."""

from pathlib import Path

import numpy as np
import pytest

from talkgen.errors import CheckpointError
from talkgen.face.head import HeadModel
from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.wrinkles import BRIGHTEST, DARKEST, WrinkleMap, log_gains, shade
from talkgen.types import MOTION_CHANNELS


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained()


@pytest.fixture(scope="module")
def shipped() -> WrinkleMap:
    return WrinkleMap.from_pretrained()


def smile(left: float, right: float) -> np.ndarray:
    out = np.zeros(len(MOTION_CHANNELS), np.float32)
    out[MOTION_CHANNELS.index("mouthSmileLeft")] = left
    out[MOTION_CHANNELS.index("mouthSmileRight")] = right
    return out


def test_a_smile_darkens_the_folds_and_leaves_the_forehead(
    head: HeadModel, shipped: WrinkleMap
) -> None:
    gains = log_gains(shipped.by_side(head), smile(0.6, 0.6), smile(0, 0))
    assert gains is not None
    marks = head.landmarks(head.vertices)

    def near(index: int, reach: float) -> np.ndarray:
        return gains[np.linalg.norm(head.vertices - marks[index], axis=1) < reach]

    for fold in (216, 436):  # beside the corners of the mouth
        assert near(fold, 1.0).min() < -0.03
    assert np.abs(near(9, 1.5)).max() < 0.05
    assert gains.min() >= DARKEST
    assert gains.max() <= BRIGHTEST
    np.testing.assert_allclose(gains, gains[head.mirror], atol=1e-3)


def test_each_side_has_its_own(head: HeadModel, shipped: WrinkleMap) -> None:
    gains = log_gains(shipped.by_side(head), smile(0.6, 0.0), smile(0, 0))
    assert gains is not None
    left = head.vertices[:, 0] > 1.0
    right = head.vertices[:, 0] < -1.0
    assert np.abs(gains[left]).max() > 0.03
    assert np.abs(gains[right]).max() == 0.0


def test_the_portraits_own_smile_has_no_shading(head: HeadModel, shipped: WrinkleMap) -> None:
    assert log_gains(shipped.by_side(head), smile(0.4, 0.3), smile(0.4, 0.3)) is None


def test_fast_shading_is_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    points = np.float32([[2, 2, 0], [36, 4, 0], [8, 30, 0], [38, 34, 0]])
    faces = np.int32([[0, 1, 2], [1, 3, 2]])
    skin = rasterize(points, faces, Fragments.empty(40, 40))
    gains = np.float32([-0.3, 0.2, 0.1, -0.1])
    frame = rng.integers(20, 250, (40, 40, 3), np.uint8)
    there = interpolate(skin, faces, gains[:, None], np.zeros((40, 40, 1), np.float32))
    plain = np.clip(frame * np.exp(there), 0, 255)
    drawn = frame.copy()
    shade(drawn, skin, faces, gains, threads=2)
    assert np.abs(drawn - plain).max() < 3.0
    np.testing.assert_array_equal(drawn[skin.triangle < 0], frame[skin.triangle < 0])


def test_save_and_load(tmp_path: Path, head: HeadModel, shipped: WrinkleMap) -> None:
    shipped.save_pretrained(tmp_path)
    np.testing.assert_array_equal(WrinkleMap.from_pretrained(tmp_path).smile, shipped.smile)
    with pytest.raises(CheckpointError, match="vertices"):
        WrinkleMap(shipped.smile[:-1]).by_side(head)
