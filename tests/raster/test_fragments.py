"""The compiled rasteriser draws what its plain reference draws."""

import numpy as np
import pytest

from talkgen.raster.fragments import (
    EMPTY,
    Fragments,
    coverage,
    interpolate,
    rasterize,
    rasterize_reference,
)


def soup(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return random triangles that overlap, cross each other and leave the picture."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-8, 72, (count, 1, 2))
    corners = centers + rng.normal(0, 9, (count, 3, 2))
    depth = rng.uniform(0, 50, (count, 3, 1))
    points = np.concatenate([corners, depth], axis=2).reshape(-1, 3).astype(np.float32)
    return points, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)


@pytest.mark.parametrize("facing", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_same_as_reference(seed: int, facing: float) -> None:
    points, faces = soup(seed)
    want = rasterize_reference(points, faces, 64, 64, facing=facing)
    have = rasterize(points, faces, Fragments.empty(64, 64), facing=facing)
    same = have.triangle == want.triangle
    assert same.mean() > 0.998  # pixels exactly on an edge may go either way
    assert (want.triangle != EMPTY).mean() > 0.1
    drawn = same & (want.triangle != EMPTY)
    np.testing.assert_allclose(have.depth[drawn], want.depth[drawn], atol=0.1)
    np.testing.assert_allclose(have.weights[drawn], want.weights[drawn], atol=5e-3)


def test_threads_draw_the_same() -> None:
    points, faces = soup(3)
    points[:, :2] *= 4
    one = rasterize(points, faces, Fragments.empty(256, 256), threads=1)
    two = rasterize(points, faces, Fragments.empty(256, 256), threads=3)
    np.testing.assert_array_equal(one.triangle, two.triangle)
    np.testing.assert_array_equal(one.depth, two.depth)


def test_interpolation_is_linear_in_the_picture() -> None:
    points = np.array([[2, 3, 5], [40, 6, 1], [9, 50, 9]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    fragments = rasterize(points, faces, Fragments.empty(64, 64))
    out = interpolate(fragments, faces, points, np.full((64, 64, 3), -1, np.float32))
    ys, xs = np.nonzero(fragments.triangle == 0)
    assert len(xs) > 500
    np.testing.assert_allclose(out[ys, xs, 0], xs, atol=1e-3)
    np.testing.assert_allclose(out[ys, xs, 1], ys, atol=1e-3)
    np.testing.assert_allclose(out[ys, xs, 2], fragments.depth[ys, xs], atol=1e-3)
    assert (out[fragments.triangle == EMPTY] == -1).all()


@pytest.mark.parametrize(("factor", "facing"), [(2, 0.0), (3, 1.0)])
def test_coverage_is_the_mean_of_the_drawn_samples(factor: int, facing: float) -> None:
    points, faces = soup(5, 25)
    fine = points * np.float32(factor)
    fine[:, :2] += np.float32((factor - 1) / 2)
    size = 64 * factor
    hit = rasterize_reference(fine, faces, size, size, facing=facing).triangle != EMPTY
    want = hit.reshape(64, factor, 64, factor).mean(axis=(1, 3))
    have = coverage(points, faces, 64, 64, facing=facing, factor=factor)
    assert 0.1 < have.mean() < 0.95
    assert (np.abs(have - want) < 1e-6).mean() > 0.995
