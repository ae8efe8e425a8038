"""The pieces that the mesh renderer is made of."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkgen.raster.bands import over_rows
from talkgen.render.background import build_relief, smoothstep
from talkgen.render.composite import lay_over, sample, sample_moved
from talkgen.render.inpaint import polygon_mask, push_pull
from talkgen.render.lift import lifted_residual
from talkgen.render.mouth import mouth_parts, teeth_row
from talkgen.render.pose import (
    BEYOND_RAD,
    LIMITS_RAD,
    Limited,
    limited,
    project,
    rotation_matrix,
)


def test_rotation_matches_the_contract() -> None:
    angles = np.float32([0.2, -0.4, 0.3])
    want = Rotation.from_euler("xyz", angles).as_matrix()
    np.testing.assert_allclose(rotation_matrix(angles), want, atol=1e-6)


def test_projection_puts_the_origin_at_the_translation() -> None:
    points = project(np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32), 7.0, [30.0, 40.0])
    np.testing.assert_allclose(points, [[30, 40, 0]])


def test_turns_in_range_are_drawn_as_asked_others_softly_limited() -> None:
    source = np.float32([0.1, 0.2, -0.1])
    wide = source + np.float32(LIMITS_RAD) * np.float32([-1, 1, 0.9])
    np.testing.assert_allclose(limited(wide, source), wide, atol=1e-6)
    large = np.abs(limited(source + np.float32([2.0, -2.0, 2.0]), source) - source)
    assert (large <= np.float32(LIMITS_RAD) + BEYOND_RAD + 1e-6).all()
    assert (large > np.float32(LIMITS_RAD) + 0.8 * BEYOND_RAD).all()


def test_what_was_limited_is_counted() -> None:
    count = Limited()
    source = np.zeros(3, np.float32)
    for yaw in (0.1, 0.5, 0.9, -0.8):
        asked = np.float32([0, yaw, 0])
        count.note(asked, limited(asked, source))
    assert (count.frames, count.limited) == (4, 2)
    assert 15 < count.most_deg < 22
    assert "2 of 4 frames" in str(count)
    count.clear()
    assert not str(count)


def test_limit_grows_with_the_turn() -> None:
    turns = [limited(np.float32([0, yaw, 0]), np.zeros(3, np.float32))[1] for yaw in
             np.linspace(0, 0.75, 40)]  # fmt: skip
    assert (np.diff(turns) > 0).all()


def test_push_pull_keeps_what_is_known_and_fills_with_its_colours() -> None:
    image = np.zeros((40, 50, 3), np.float32)
    image[:, :25], image[:, 25:] = [200, 10, 10], [10, 10, 200]
    known = np.ones((40, 50), np.float32)
    known[10:30, 5:15] = 0
    filled = push_pull(image * known[..., None], known)
    np.testing.assert_allclose(filled[known > 0], image[known > 0], atol=1e-3)
    assert np.abs(filled[20, 8] - [200, 10, 10]).max() < 25


def test_polygon_grows_and_shrinks() -> None:
    square = np.float32([[20, 20], [60, 20], [60, 60], [20, 60]])
    areas = [polygon_mask(square, (80, 80), grow).sum() for grow in (-5.0, 0.0, 5.0)]
    assert areas[0] < 0.7 * areas[1] < 0.7 * areas[2]


def test_residual_is_met_at_the_landmarks_and_fades_far_away() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-4, 4, (60, 3)).astype(np.float32)
    residual = (1.5 * np.sin(points[:, :2] / 3)).astype(np.float32)
    weight = np.ones(60, np.float32)
    there = lifted_residual(points, points, residual, weight, 90.0)
    assert np.abs(there - residual).mean() < 0.15 * np.abs(residual).mean()
    far = lifted_residual(points + 100, points, residual, weight, 90.0)
    np.testing.assert_allclose(far, np.median(residual, axis=0)[None].repeat(60, 0), atol=1e-3)


def test_a_wild_landmark_cannot_pull_the_mesh_apart() -> None:
    points = np.random.default_rng(1).uniform(-4, 4, (60, 3)).astype(np.float32)
    residual = np.zeros((60, 2), np.float32)
    residual[7] = [500, 0]
    lifted = lifted_residual(points, points, residual, np.ones(60, np.float32), 90.0)
    assert np.abs(lifted).max() < 0.1 * 90


def test_teeth_differ_and_have_gum_and_gaps() -> None:
    for upper in (True, False):
        row = teeth_row(upper)
        bright, gum, cover = (row.texture[..., k] for k in range(3))
        assert 0.9 < np.percentile(bright, 99) < 1.15
        assert gum[-1].mean() > 0.9  # far from the edge there is only gum
        assert gum[2].mean() < 0.05  # none at the edge
        assert cover[1].min() < 0.3  # round corners leave gaps
        half = row.texture.shape[1] // 2
        assert np.abs(row.texture[:, :half] - row.texture[:, -half:][:, ::-1]).max() > 0.05


def test_mouth_parts_fit_together() -> None:
    parts = mouth_parts(np.float32([0, 3.3, -11.2]), 2.5)
    assert parts.faces.max() < len(parts.vertices)
    upper, lower = parts.kind == 0, parts.kind == 1
    edge = parts.place[:, 1] == 0
    front = np.abs(parts.vertices[:, 0]) < 0.5
    # The upper incisors overlap the lower ones, from in front.
    assert (
        parts.vertices[upper & edge & front, 1].min()
        > parts.vertices[lower & edge & front, 1].max()
    )
    assert (
        parts.vertices[upper & edge & front, 2].max()
        < parts.vertices[lower & edge & front, 2].min()
    )
    assert set(parts.jaw[upper]) == {0.0}
    assert set(parts.jaw[lower]) == {1.0}


def small_relief():  # type: ignore[no-untyped-def]
    depth = np.full((60, 60), -80.0, np.float32)
    mesh = np.random.default_rng(0).uniform(370, 430, (200, 2)).astype(np.float32)
    return build_relief(
        (820, 800), mesh, depth, np.ones_like(depth), (370, 370), np.float32([400, 450]),
        np.float32([0, -1]), 8.0, np.float32([400, 400]), 70.0,
    )  # fmt: skip


def test_relief_rests_without_motion() -> None:
    relief = small_relief()
    nodes, _ = relief.move(
        np.eye(3, dtype=np.float32), 8.0, np.float32([400, 400]), 8.0, np.float32([400, 400]),
        np.zeros((200, 2), np.float32),
    )  # fmt: skip
    np.testing.assert_allclose(nodes[:, :2], relief.nodes, atol=1e-3)


def test_torso_follows_half_of_the_shift_and_none_of_the_turn() -> None:
    relief = small_relief()
    still = np.zeros((200, 2), np.float32)
    centre = np.float32([400, 400])
    inside = relief.ring == 0
    torso = inside & (relief.head == 0)
    head = inside & (relief.head == 1)
    assert torso.any()
    assert head.any()
    shifted, _ = relief.move(np.eye(3, dtype=np.float32), 8.0, centre + 6, 8.0, centre, still)
    offset = shifted[:, :2] - relief.nodes
    np.testing.assert_allclose(offset[head], 6.0, atol=1e-2)
    np.testing.assert_allclose(offset[torso], 3.0, atol=1e-2)
    turn = rotation_matrix(np.float32([0, 0.2, 0]))
    turned, _ = relief.move(turn, 8.0, centre, 8.0, centre, still)
    offset = turned[:, :2] - relief.nodes
    assert np.abs(offset[torso]).max() < 1e-2
    assert np.abs(offset[head]).max() > 2


def test_rows_are_covered_once() -> None:
    seen = np.zeros(501, int)

    def draw(first: int, last: int) -> None:
        seen[first:last] += 1

    over_rows(draw, 501, 3)
    assert (seen == 1).all()


def test_nothing_is_laid_over_where_the_share_is_zero() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    before = frame.copy()
    share = np.zeros((20, 20), np.float32)
    share[5:9, 5:9] = 0.5
    lay_over(frame, np.full((20, 20, 3), 255, np.float32), share)
    np.testing.assert_array_equal(frame[share == 0], before[share == 0])
    assert (frame[share > 0] >= before[share > 0]).all()


@pytest.mark.parametrize("threads", [1, 3])
def test_only_the_moving_columns_are_drawn(threads: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (150, 90, 3), np.uint8)
    ys, xs = np.mgrid[:150, :90].astype(np.float32)
    places = np.stack([xs, ys], axis=-1)
    places[40:70, 20:50, 0] += 3.5
    span = np.tile(np.int32([90, 0]), (150, 1))
    span[40:70] = [20, 50]
    out = image.copy()
    sample_moved(image, places, span, out, threads)
    np.testing.assert_array_equal(out, sample(image, places))
    assert (out[40:70, 20:50] != image[40:70, 20:50]).any()
    marked = np.zeros_like(image)
    sample_moved(image, places, span, marked, threads)
    assert not marked[:32].any()
    assert not marked[:, 50:].any()


def test_smoothstep_ends_flat() -> None:
    value = smoothstep(1.0, 3.0, np.float32([0, 1, 2, 3, 9]))
    np.testing.assert_allclose(value, [0, 0, 0.5, 1, 1])
