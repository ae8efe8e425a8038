"""Cutting people out of plain backgrounds, composing them anew, and a tiny fit."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from talkgen.face.matte import MatteConfig
from talkgen.training import matte_train
from talkgen.training.matte_extract import PARTS, parts_of, plain_matte, spread_colours
from talkgen.training.matte_prepare import SIDE, beside_face, crop_of, held_out
from talkgen.training.matte_views import Backgrounds, PeopleSet, scene

ITS_FACE = Path(__file__).resolve().parents[1] / "render" / "astronaut_face.npz"
DATA = Path(os.environ.get("TALKGEN_DATA", "../shared"))
TINY = MatteConfig(side=64, stem=4, widths=(4, 6, 6, 8), depths=(1, 1, 1, 1), joined=(4, 4, 4, 4))


def made_person(size: int = 480) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A picture of a figure before a shaded wall, its alpha, its landmarks, and the wall."""
    with np.load(ITS_FACE) as read:
        points = read["landmarks"].copy()
    points[:, :2] -= (points[:, :2].min(0) + points[:, :2].max(0)) / 2
    points *= 0.36 * size / np.ptp(points[:, 1])
    points[:, :2] += (size / 2, 0.45 * size)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size * 2 - 1
    wall = (np.array([205, 210, 208]) - 10 * (x**2 + y**2)[..., None]).astype(np.float32)
    figure = np.zeros((size, size, 3), np.float32)
    alpha = np.zeros((size, size), np.float32)

    def paint(mask: np.ndarray, colour: tuple[int, int, int]) -> None:
        part = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
        alpha[:] = np.maximum(alpha, part)
        figure[:] = figure * (1 - part[..., None]) + part[..., None] * np.array(colour)

    def ellipse(cx: float, cy: float, a: float, b: float) -> np.ndarray:
        centre, axes = (int(cx * size), int(cy * size)), (int(a * size), int(b * size))
        return cv2.ellipse(np.zeros((size, size), np.uint8), centre, axes, 0, 0, 360, 1, -1)

    paint(ellipse(0.5, 0.4, 0.19, 0.26), (60, 40, 30))  # hair
    neck = np.zeros((size, size), np.uint8)
    neck[int(0.6 * size) : int(0.8 * size), int(0.43 * size) : int(0.57 * size)] = 1
    paint(neck, (180, 130, 105))
    paint(ellipse(0.5, 1.0, 0.42, 0.25), (40, 60, 120))  # clothes
    oval = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(points[:468, :2].astype(np.int32)), 1)
    paint(oval, (200, 150, 125))
    figure /= np.maximum(alpha, 1e-3)[..., None]
    picture = figure * alpha[..., None] + wall * (1 - alpha[..., None])
    picture += rng.normal(0, 1.5, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), alpha, points.astype(np.float32), wall


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return made_person()


def test_plain_matte_is_exact(person: tuple[np.ndarray, ...]) -> None:
    picture, alpha, points, wall = person
    found, colours, explained = plain_matte(picture, points)
    assert explained > 0.98
    assert np.abs(found - alpha).mean() < 0.012
    over = colours * found[..., None] + wall * (1 - found[..., None])
    assert np.abs(over - picture).mean() < 4


def test_parts_lie_where_they_should(person: tuple[np.ndarray, ...]) -> None:
    picture, _, points, _ = person
    alpha, colours, _ = plain_matte(picture, points)
    parts = parts_of(colours, alpha, points)
    assert parts.shape == (5, *alpha.shape)
    assert np.abs(parts.sum(0) - 1).max() < 1e-4
    size = len(picture)
    label = parts.argmax(0)
    for name, (x, y) in {
        "background": (0.1, 0.1), "hair": (0.5, 0.18), "face": (0.5, 0.5), "neck": (0.5, 0.7),
        "clothes": (0.3, 0.93),
    }.items():  # fmt: skip
        assert PARTS[label[int(y * size), int(x * size)]] == name


def test_colours_spread_from_what_is_known() -> None:
    image = np.zeros((40, 50, 3), np.float32)
    image[:, :25], image[:, 25:] = (10, 20, 30), (200, 100, 50)
    known = np.zeros((40, 50), bool)
    known[:, :10] = known[:, 40:] = True
    out = spread_colours(image, known)
    assert out[20, 2] == pytest.approx([10, 20, 30], abs=6)
    assert out[20, 47] == pytest.approx([200, 100, 50], abs=6)
    assert 10 < out[20, 25, 0] < 200


def test_no_piece_shows_the_face(person: tuple[np.ndarray, ...]) -> None:
    picture, alpha, points, _ = person
    marked = np.repeat((255 * (alpha > 0.5)).astype(np.uint8)[..., None], 3, 2)
    for seed in range(6):
        piece = beside_face(marked, points, np.random.default_rng(seed))
        assert piece is not None
        assert piece.mean() < 60
    narrow = picture[:, 150:330]
    assert beside_face(narrow, points - [150, 0, 0], np.random.default_rng(0)) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, person: tuple[np.ndarray, ...]) -> Path:
    out = tmp_path_factory.mktemp("people")
    picture, _, points, wall = person
    alpha, colours, _ = plain_matte(picture, points)
    crop, shares, inside, _ = crop_of(colours, parts_of(colours, alpha, points), points)
    assert crop.shape == (SIDE, SIDE, 3)
    assert shares.shape == (SIDE, SIDE, 4)
    np.savez(
        out / "people.npz", crops=[crop] * 3, parts=[shares] * 3, inside=[inside] * 3,
        name=["a", "b", "c"], held=[False, False, True],
    )  # fmt: skip
    pieces = np.stack([cv2.resize(np.roll(wall, i, 2), (256, 256)) for i in range(12)])
    np.save(out / "backgrounds.npy", pieces.astype(np.uint8))
    return out


def test_scenes_sum_to_one_and_people_stay_apart(folder: Path) -> None:
    people, held = PeopleSet(folder), PeopleSet(folder, held=True)
    assert (people.name, held.name) == (["a", "b"], ["c"])
    backgrounds = Backgrounds(folder)
    assert set(backgrounds.rows) & set(Backgrounds(folder, held=True).rows) == set()
    rng = np.random.default_rng(0)
    for _ in range(8):
        picture, parts, weight = scene(people, 0, backgrounds, 64, rng)
        assert picture.shape == (64, 64, 3)
        assert picture.dtype == np.uint8
        assert np.abs(parts.sum(2) - 1).max() < 0.02
        assert set(np.unique(weight)) <= {0, 1}
        assert weight.mean() > 0.2
        assert parts[32, 32, 2] > 0.5  # the face stays in the middle


def test_tiny_fit_learns_and_resumes(folder: Path, tmp_path: Path) -> None:
    tiny = matte_train.SCHEDULES["tiny"]
    schedule = dataclasses.replace(tiny, minutes=5.0, steps=40, rate=1e-2, average=0.9)
    state = tmp_path / "state.pt"
    net = matte_train.fit(folder, state, schedule, config=TINY, batch=4)
    people = PeopleSet(folder)
    batch = matte_train.batch_of(
        people, Backgrounds(folder), TINY, 8, np.random.default_rng(5), jitter=0.0
    )
    torch.manual_seed(0)
    untrained = matte_train.errors(type(net)(TINY).eval(), *batch)
    assert matte_train.errors(net, *batch)["person"] < 0.8 * untrained["person"]
    again = matte_train.fit(folder, state, schedule, config=TINY, batch=4)  # nothing left to do
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_fifth_of_the_people_is_kept_aside() -> None:
    people = [f"london/{n:03d}" for n in range(1, 174)]
    assert 0.1 < np.mean([held_out(p) for p in people]) < 0.25


def test_londoner_over_another_background() -> None:
    """The shipped network on a real person kept aside, cut out and composited."""
    from talkgen.face.matte import HeadMatte
    from talkgen.face.region import box_of
    from talkgen.types import Face

    pytest.importorskip("mediapipe", reason="the optional package mediapipe is not installed")
    task = DATA / "models" / "face_landmarker.task"
    path = DATA / "data" / "faces" / "london" / "019_neutral.jpg"
    if not (task.is_file() and path.is_file()):
        pytest.skip(f"{path} is missing (set TALKGEN_DATA)")
    from talkgen.face.analyzer import FaceAnalyzer

    image = cv2.imread(str(path))[:, :, ::-1]
    image = cv2.resize(np.ascontiguousarray(image), (512, 512), interpolation=cv2.INTER_AREA)
    points = FaceAnalyzer.from_pretrained("mediapipe", task).analyze(image)[0].landmarks
    alpha, colours, _ = plain_matte(image, points)
    y, x = np.mgrid[:512, :512]
    back = np.stack([90 + 60 * np.sin(x / 40), 100 + 50 * np.cos(y / 33), 80 + x / 8], 2)
    mixed = colours * alpha[..., None] + back * (1 - alpha[..., None])
    face = Face(points, box_of(points), np.zeros(52, np.float32), np.zeros(3, np.float32))
    found = HeadMatte.from_pretrained().read(np.clip(mixed, 0, 255).astype(np.uint8), face)
    assert np.abs(1 - found[0] - alpha).mean() < 0.03
