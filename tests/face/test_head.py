"""The shipped head: symmetric, closed where it must be, moving as its channels say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from talkgen import hub
from talkgen.errors import CheckpointError
from talkgen.face.head import LEFT_CHANNELS, PARTS, RIGHT_CHANNELS, HeadModel
from talkgen.raster.fragments import Fragments, rasterize
from talkgen.types import MOTION_CHANNELS

FLIP = np.array([-1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel.from_pretrained("head")


def weights(**channels: float) -> np.ndarray:
    out = np.zeros(len(MOTION_CHANNELS), np.float32)
    for name, value in channels.items():
        out[MOTION_CHANNELS.index(name)] = value
    return out


def seen_parts(head: HeadModel, vertices: np.ndarray, pixels: int = 400) -> np.ndarray:
    """Return the number of pixels that each part covers from the front."""
    points = vertices * np.float32(pixels / 24)
    points[:, :2] += pixels / 2
    shown = rasterize(points.astype(np.float32), head.faces, Fragments.empty(pixels, pixels))
    return np.bincount(head.part[shown.triangle[shown.triangle >= 0]], minlength=len(PARTS))


def test_arrays_fit_together(head: HeadModel) -> None:
    count = len(head.vertices)
    assert head.vertices.shape == (count, 3)
    assert head.faces.dtype == np.int32
    assert head.faces.max() == count - 1
    assert head.uv.shape == (count, 2)
    assert head.uv.min() >= 0
    assert head.uv.max() <= 1
    assert head.part.shape == (len(head.faces),)
    assert sorted(np.unique(head.part)) == list(range(len(PARTS)))
    assert head.identity_basis.shape == (head.num_identity, count, 3)
    assert head.expression_basis.shape == (52, count, 3)
    assert head.landmark_faces.shape == (478, 3)
    np.testing.assert_allclose(head.landmark_bary.sum(axis=1), 1, atol=1e-5)
    for array in (head.vertices, head.identity_basis, head.expression_basis):
        assert np.isfinite(array).all()


def test_checkpoint_is_small() -> None:
    folder = hub.resolve("head")
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 5e6


def test_mirror_is_exact(head: HeadModel) -> None:
    mirror = head.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    np.testing.assert_array_equal(head.vertices[mirror] * FLIP, head.vertices)
    np.testing.assert_allclose(head.uv[mirror], head.uv * [-1, 1] + [1, 0], atol=1e-6)
    np.testing.assert_array_equal(head.identity_basis[:, mirror] * FLIP, head.identity_basis)
    left = head.expression_basis[list(LEFT_CHANNELS)]
    right = head.expression_basis[list(RIGHT_CHANNELS)]
    np.testing.assert_array_equal(left[:, mirror] * FLIP, right)


def test_triangles_face_outward(head: HeadModel) -> None:
    a, b, c = (head.vertices[head.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    for part, center in zip((2, 3), head.eye_centers, strict=True):
        mine = head.part == part
        outward = ((a + b + c)[mine] / 3 - center) * normal[mine]
        assert (outward.sum(axis=1) > 0).all()
    face = (head.part == 0) & ((a + b + c)[:, 2] / 3 < -6) & ((a + b + c)[:, 1] / 3 < 8)
    assert (normal[face][:, 2] < 0).mean() > 0.85


def test_lips_meet_and_hide_the_teeth_at_rest(head: HeadModel) -> None:
    points = head.landmarks(head.vertices)
    assert np.linalg.norm(points[13] - points[14]) < 0.08
    seen = seen_parts(head, head.vertices.copy(), 800)
    for part in ("teeth_upper", "teeth_lower", "tongue", "mouth_wall"):
        assert seen[PARTS.index(part)] < 30, part


def test_open_jaw_shows_the_inside_and_takes_the_lower_teeth_along(head: HeadModel) -> None:
    posed = head.deform(head.vertices, weights(jawOpen=0.6))
    seen = seen_parts(head, posed.copy())
    assert seen[PARTS.index("tongue")] > 100
    moved = np.linalg.norm(posed - head.vertices, axis=1)
    upper = np.unique(head.faces[head.part == PARTS.index("teeth_upper")])
    lower = np.unique(head.faces[head.part == PARTS.index("teeth_lower")])
    assert moved[upper].max() < 1e-3
    assert moved[lower].min() > 0.5


def test_blink_covers_the_eyeballs(head: HeadModel) -> None:
    balls = [PARTS.index("eyeball_left"), PARTS.index("eyeball_right")]
    open_ = seen_parts(head, head.vertices.copy(), 800)[balls]
    shut = head.deform(head.vertices, weights(eyeBlinkLeft=1, eyeBlinkRight=1))
    closed = seen_parts(head, shut, 800)[balls]
    assert (open_ > 800).all()
    assert (closed <= 0.01 * open_).all()


@pytest.mark.parametrize(
    ("channel", "axis", "sign"),
    [
        ("eyeLookUpLeft", 1, -1),
        ("eyeLookDownLeft", 1, 1),
        ("eyeLookOutLeft", 0, 1),
        ("eyeLookInLeft", 0, -1),
    ],
)
def test_eyes_turn_where_the_channel_says(
    head: HeadModel, channel: str, axis: int, sign: int
) -> None:
    posed = head.deform(head.vertices, weights(**{channel: 1.0}))
    rows = np.unique(head.faces[head.part == PARTS.index("eyeball_left")])
    before = np.linalg.norm(head.vertices[rows] - head.eye_centers[0], axis=1)
    after = np.linalg.norm(posed[rows] - head.eye_centers[0], axis=1)
    np.testing.assert_allclose(before, after, atol=1e-4)
    pupil = (head.landmarks(posed) - head.landmarks(head.vertices))[473]
    assert sign * pupil[axis] > 0.4
    other = (head.landmarks(posed) - head.landmarks(head.vertices))[468]
    assert np.abs(other).max() < 1e-4


def test_tongue_comes_out(head: HeadModel) -> None:
    rows = np.unique(head.faces[head.part == PARTS.index("tongue")])
    lips = np.unique(head.faces[head.part == PARTS.index("lips")])
    assert head.vertices[rows, 2].min() > head.vertices[lips, 2].min()
    posed = head.deform(head.vertices, weights(tongueOut=1))
    assert posed[rows, 2].min() < posed[lips, 2].min() - 0.5


def test_channels_move_what_they_name(head: HeadModel) -> None:
    rest = head.landmarks(head.vertices)

    def move(**channels: float) -> np.ndarray:
        return head.landmarks(head.deform(head.vertices, weights(**channels))) - rest

    assert move(jawOpen=1)[152, 1] > 1
    assert move(mouthSmileLeft=1)[291, 1] < -0.2
    assert abs(move(mouthSmileLeft=1)[61, 1]) < 0.1
    assert move(browInnerUp=1)[107, 1] < -0.2
    wide = np.ptp((rest + move(mouthPucker=1))[[61, 291], 0])
    assert wide < np.ptp(rest[[61, 291], 0]) - 0.5
    gap = rest + move(jawOpen=0.5, mouthClose=0.5)
    assert np.linalg.norm(gap[13] - gap[14]) < 0.35


def test_identity_is_linear_and_short_vectors_are_padded(head: HeadModel) -> None:
    shape = np.zeros(head.num_identity, np.float32)
    np.testing.assert_array_equal(head.neutral(shape), head.vertices)
    shape[0] = 2
    np.testing.assert_allclose(head.neutral(shape), head.neutral(shape[:1]), atol=1e-6)
    centers = head.eye_centers_of(head.neutral(shape))
    rows = np.unique(head.faces[head.part == PARTS.index("eyeball_left")])
    radius = np.linalg.norm(head.neutral(shape)[rows] - centers[0], axis=1)
    assert np.ptp(radius) < 1e-3


def test_shipped_head_is_the_measured_one(head: HeadModel) -> None:
    """A fixture: these landmarks, in cm, come out of the checkpoint that results/ speaks of."""
    identity = np.random.default_rng(7).normal(size=50).astype(np.float32) * np.float32(0.5)
    channels = np.linspace(0, 0.5, 52).astype(np.float32)
    points = head.landmarks(head.deform(head.neutral(identity), channels))
    expected = [
        [-0.004, 0.639, -12.584],
        [-0.015, 2.944, -10.865],
        [-4.413, -2.961, -8.253],
        [-0.011, 8.360, -9.622],
        [4.420, -2.965, -8.254],
        [2.370, 3.311, -10.314],
        [3.133, -3.171, -9.269],
    ]
    np.testing.assert_allclose(points[[1, 13, 33, 152, 263, 291, 473]], expected, atol=5e-3)


def test_wrong_class_is_refused(tmp_path: Path) -> None:
    shutil.copytree(hub.resolve("head"), tmp_path / "head")
    config = tmp_path / "head" / "config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values | {"_class": "Other"}))
    with pytest.raises(CheckpointError, match="HeadModel"):
        HeadModel.from_pretrained(tmp_path / "head")
