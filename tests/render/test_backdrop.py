"""The background rests while the person moves before it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.render.backdrop import build_backdrop
from talkgen.render.background import Relief, build_relief
from talkgen.render.composite import reveal, sample
from talkgen.render.mesh import MeshRenderer
from talkgen.types import Face, Portrait

SIZE = 160


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A striped background, a grey disc before it, and landmarks within."""
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    image = np.repeat((120 + 80 * np.sin(ys / 5))[..., None], 3, axis=2)
    matte = np.clip(45 - np.hypot(xs - 80, ys - 80), 0, 1).astype(np.float32)
    image = image + matte[..., None] * (40 - image)
    angles = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    marks = 80 + 30 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return image.astype(np.uint8), matte, marks.astype(np.float32)


def test_it_is_the_picture_where_no_person_is(scene: tuple[np.ndarray, ...]) -> None:
    image, matte, marks = scene
    drop = build_backdrop(image, matte, marks, 40.0)
    assert drop is not None
    clear = drop.alpha == 0
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(drop.image[clear], image[clear])
    assert (drop.alpha[matte > 0.9] > 230).all()
    # Behind the person there are stripes again and no trace of grey.
    edge = (matte > 0.5) & (np.hypot(*(np.mgrid[:SIZE, :SIZE] - 80)) > 40)
    assert drop.image[edge].mean() > 90


def test_holes_in_the_person_are_the_persons(scene: tuple[np.ndarray, ...]) -> None:
    image, matte, marks = scene
    matte[76:84, 70:120] = 0
    drop = build_backdrop(image, matte, marks, 40.0)
    assert drop is not None
    assert (drop.alpha[78:82, 72:118] > 200).all()


def test_nothing_rests_where_the_person_fills_the_picture(
    scene: tuple[np.ndarray, ...],
) -> None:
    image, matte, marks = scene
    assert build_backdrop(image, np.ones_like(matte), marks, 40.0) is None


def test_reveal_leaves_the_unmoved_picture_as_it_is(scene: tuple[np.ndarray, ...]) -> None:
    image, matte, marks = scene
    drop = build_backdrop(image, matte, marks, 40.0)
    assert drop is not None
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    places = np.stack([xs, ys], axis=-1)
    span = np.tile(np.int32([0, SIZE]), (SIZE, 1))
    out = image.copy()
    reveal(drop.image, places, drop.alpha, span, (0, 0), out)
    assert np.abs(out.astype(int) - image).max() <= 1


def test_a_moved_person_leaves_the_stripes_straight(scene: tuple[np.ndarray, ...]) -> None:
    image, matte, marks = scene
    drop = build_backdrop(image, matte, marks, 40.0)
    assert drop is not None
    ys, xs = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    places = np.stack([xs, ys - 6], axis=-1)  # all moves down by 6 pixels
    shown = sample(drop.alpha[..., None].repeat(3, 2), places)[..., 0]
    out = sample(image, places)
    reveal(drop.image, places, shown, np.tile(np.int32([0, SIZE]), (SIZE, 1)), (0, 0), out)
    away = np.hypot(xs - 80, ys - 86) > 52
    rows = away & (np.hypot(xs - 80, ys - 80) > 52)
    np.testing.assert_array_equal(out[rows], image[rows])
    assert np.abs(out[86, 60:100].astype(int) - 40).max() <= 2


def relief() -> Relief:
    depth = np.full((60, 60), -80.0, np.float32)
    mesh = np.random.default_rng(0).uniform(70, 130, (200, 2)).astype(np.float32)
    return build_relief(
        (220, 200), mesh, depth, np.ones_like(depth), (70, 70), np.float32([100, 150]),
        np.float32([0, -1]), 8.0, np.float32([100, 100]), 70.0,
    )  # fmt: skip


@pytest.mark.parametrize("shift", [(15, 0), (-15, 0), (0, 15), (0, -15)])
def test_no_edge_of_the_picture_is_drawn_inwards(shift: tuple[float, float]) -> None:
    sheet = relief()
    center = np.float32([100, 100])
    moved, _ = sheet.move(
        np.eye(3, dtype=np.float32), 8.0, center + np.float32(shift), 8.0, center,
        np.zeros((200, 2), np.float32),
    )  # fmt: skip
    offset = moved[:, :2] - sheet.nodes
    width, height = sheet.size
    x, y = sheet.nodes.T
    for distance, inwards in (
        (x, offset[:, 0]), (width - 1 - x, -offset[:, 0]),
        (y, offset[:, 1]), (height - 1 - y, -offset[:, 1]),
    ):  # fmt: skip
        assert inwards[(distance <= 0) & (sheet.face == 0)].max() <= 1e-3
    middle = np.hypot(x - 100, y - 80) < 20
    assert np.abs(offset[middle]).max() > 12


def test_a_portrait_with_a_matte_rests_as_photographed_and_changes_only_near_the_person() -> None:
    root = Path(__file__).parents[2]
    image = np.array(Image.open(root / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        face = Face(**{name: read[name] for name in read.files})
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    middle = face.landmarks[:, :2].mean(axis=0)
    matte = np.clip(75 - np.hypot(xs - middle[0], (ys - middle[1]) * 0.8), 0, 1).astype(np.float32)
    ready = MeshRenderer.from_pretrained().prepare(Portrait(image, face, alpha=matte))
    assert ready.backdrop is not None
    np.testing.assert_array_equal(ready.frame(ready.fit.weights), image)
    turned = ready.frame(ready.fit.weights, ready.fit.rotation + np.float32([0, 0.3, 0.1]))
    changed = (turned != image).any(axis=2)
    assert changed.mean() > 0.02
    reach = np.hypot(xs - middle[0], (ys - middle[1]) * 0.8)
    assert not changed[(reach > 120) & (ready.backdrop.alpha == 0)].any()
