"""Crops are cut where they should be, and their points come back to the picture."""

import numpy as np
import pytest

from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.face.region import (
    Region,
    box_of,
    crop_matrix,
    cut,
    detail_region,
    distinct,
    overlap,
    region_of,
    to_picture,
)
from talkgen.types import MOTION_CHANNELS


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.uniform(-40, 40, (478, 3)).astype(np.float32)
    points[33] = (-30, 0, 0)
    points[263] = (30, 0, 0)
    return points


def turned(points: np.ndarray, angle: float, scale: float, at: tuple[float, float]) -> np.ndarray:
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flat = points[:, :2] @ matrix.T + at
    return np.concatenate([flat, points[:, 2:] * scale], 1)


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.5])
def test_region_turns_with_the_face(points: np.ndarray, angle: float) -> None:
    plain = region_of(points)
    region = region_of(turned(points, angle, 2.0, (100.0, 50.0)))
    assert region.roll == pytest.approx(angle, abs=1e-5)
    assert region.size == pytest.approx(2 * plain.size, rel=1e-5)


def test_crop_shows_what_lies_there() -> None:
    # A picture whose colour is its place: the crop must show the places of its matrix.
    x, y = np.meshgrid(np.arange(200), np.arange(150))
    image = np.stack([x, y, 0 * x], 2).astype(np.uint8)
    for region in (Region(90, 70, 40, 0.4), Region(100, 75, 120, -0.3)):
        crop, matrix = cut(image, region, 48)
        columns, rows = np.meshgrid(np.arange(48), np.arange(48))
        grid = np.stack([columns, rows, np.ones_like(rows)], 2) @ matrix.T
        inside = (grid > 2).all(2) & (grid[..., 0] < 197) & (grid[..., 1] < 147)
        assert inside.mean() > 0.8
        assert np.abs(crop[..., :2][inside] - grid[inside]).max() < 1.6


@pytest.mark.parametrize("size", [3.0, 40.0, 5000.0])
def test_cut_never_fails(size: float) -> None:
    image = np.full((20, 30, 3), 7, np.uint8)
    for x in (-400.0, 15.0, 900.0):
        crop, _ = cut(image, Region(x, 10.0, size, 0.3), 32)
        assert crop.shape == (32, 32, 3)
        assert (crop == 7).all()


def test_points_come_back(points: np.ndarray) -> None:
    region = Region(50, 60, 64, 0.5)
    matrix = crop_matrix(region, 128)
    picture = to_picture(points, matrix)
    assert picture[:, 2] == pytest.approx(points[:, 2] * 0.5, rel=1e-5)
    middle = np.full((478, 3), (127 / 2, 127 / 2, 0), np.float32)
    assert to_picture(middle, matrix)[0, :2] == pytest.approx((50, 60))


def test_detail_regions_sit_on_their_parts(points: np.ndarray) -> None:
    for part in ("mouth", "left", "right"):
        region = detail_region(points, part, 0.5)
        assert region.size == pytest.approx(0.5 * region_of(points).size)


def test_duplicates_go() -> None:
    boxes = [np.array(b, np.float32) for b in ([0, 0, 10, 10], [1, 1, 11, 11], [30, 0, 40, 10])]
    assert overlap(boxes[0], boxes[0]) == pytest.approx(1.0)
    assert overlap(boxes[0], boxes[2]) == 0.0
    assert distinct(boxes, [0.5, 0.9, 0.1], 0.5) == [1, 2]
    inner = np.array([2, 2, 5, 5], np.float32)
    assert overlap(boxes[0], inner) > 0.5


def test_box(points: np.ndarray) -> None:
    assert box_of(points) == pytest.approx([*points.min(0)[:2], *points.max(0)[:2]])


def test_mirror_is_its_own_inverse() -> None:
    assert (MIRROR[MIRROR] == np.arange(478)).all()
    assert MIRROR[33] == 263
    assert MIRROR[61] == 291
    assert MIRROR[468] == 473
    names = np.array(MOTION_CHANNELS)
    assert names[MIRROR_CHANNELS][names.tolist().index("jawLeft")] == "jawRight"
    assert names[MIRROR_CHANNELS][names.tolist().index("jawOpen")] == "jawOpen"
