"""Faces in odd pictures: lying, cut, covered, painted, tiny, huge, in odd arrays; and no faces."""

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from talkgen.errors import InputError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.region import region_of
from talkgen.training.detector_benchmark import box_iou
from talkgen.training.perception_covers import beard, glasses
from talkgen.training.perception_lures import beast
from talkgen.types import Face, ImageArray

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
DATA = Path(os.environ.get("TALKGEN_DATA", "../shared"))
PORTRAITS = DATA / "data" / "faces" / "portraits"
PAINTINGS = ("liveportrait_s0", "liveportrait_s3", "liveportrait_s8", "sadtalker_art_10")
DRAWINGS = ("sadtalker_art_5", "sadtalker_art_16", "sadtalker_full_body_1")
BEASTS = ("liveportrait_s33", "liveportrait_s31", "liveportrait_s41", "liveportrait_s40",
          "liveportrait_s23", "liveportrait_s36")  # fmt: skip


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer.from_pretrained()


@pytest.fixture(scope="module")
def portrait() -> ImageArray:
    with Image.open(PORTRAIT) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="module")
def face(analyzer: FaceAnalyzer, portrait: ImageArray) -> Face:
    (face,) = analyzer.analyze(portrait)
    return face


def stored(name: str) -> ImageArray:
    """Return a picture of the data, or skip."""
    if not PORTRAITS.is_dir():
        pytest.skip(f"{PORTRAITS} is missing (set TALKGEN_DATA)")
    with Image.open(PORTRAITS / f"{name}.jpg") as picture:
        return np.asarray(picture.convert("RGB"))


def apart(one: Face, landmarks: np.ndarray) -> float:
    """Return the mean distance from landmarks in distances of the eyes."""
    gap = np.linalg.norm(one.landmarks[:, :2] - landmarks[:, :2], axis=1)
    return float(gap.mean() / one.interocular)


def turned(image: ImageArray, points: np.ndarray, degrees: float) -> tuple[ImageArray, np.ndarray]:
    """Return a picture turned about its middle, clockwise, none of it lost, and its points."""
    height, width = image.shape[:2]
    side = int(np.hypot(height, width)) + 1
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), -degrees, 1.0)
    matrix[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    whole = cv2.warpAffine(image, matrix, (side, side), borderValue=(127, 127, 127))
    return whole, points[:, :2] @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("degrees", [-60, -45, -20, 20, 45, 60])
def test_turned(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face, degrees: float) -> None:
    image, points = turned(portrait, face.landmarks, degrees)
    (found,) = analyzer.analyze(image)
    assert apart(found, points) < 0.05
    assert found.rotation[2] - face.rotation[2] == pytest.approx(np.radians(degrees), abs=0.1)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_sideways_and_upside_down(
    analyzer: FaceAnalyzer, portrait: ImageArray, face: Face, quarters: int
) -> None:
    image, points = turned(portrait, face.landmarks, 90.0 * quarters)
    (found,) = analyzer.analyze(image)
    assert apart(found, points) < 0.05
    roll = region_of(found.landmarks).roll - region_of(face.landmarks).roll
    assert np.cos(roll - quarters * np.pi / 2) > 0.99


@pytest.mark.parametrize("share", [0.35, 0.5, 0.65])
@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_partly_out_of_frame(
    analyzer: FaceAnalyzer, portrait: ImageArray, face: Face, edge: str, share: float
) -> None:
    x0, y0, x1, y1 = face.box
    x, y = int(x0 + share * (x1 - x0)), int(y0 + share * (y1 - y0))
    part = {
        "left": portrait[:, x:], "right": portrait[:, :x],
        "top": portrait[y:], "bottom": portrait[:y],
    }[edge]  # fmt: skip
    moved = face.box - np.array([x * (edge == "left"), y * (edge == "top")] * 2)
    found = analyzer.analyze(part)
    assert len(found) <= 1
    for one in found:  # if it is found, then where it is
        assert box_iou(one.box, moved) > 0.4


def test_two_faces_touching(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face) -> None:
    x0, y0, x1, y1 = (int(v) for v in face.box)
    rim = int(0.25 * (y1 - y0))
    one = portrait[max(0, y0 - rim) : y1 + rim, x0 - 2 : x1 + 2]
    faces = analyzer.analyze(np.concatenate([one, one[:, ::-1]], axis=1))
    assert len(faces) == 2
    assert box_iou(faces[0].box, faces[1].box) < 0.1


def test_sunglasses_and_beard(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face) -> None:
    dark = portrait.copy()
    for outer, inner in ((33, 133), (263, 362)):
        middle = face.landmarks[[outer, inner], :2].mean(0)
        axes = (int(0.3 * face.interocular), int(0.22 * face.interocular))
        cv2.ellipse(dark, tuple(int(v) for v in middle), axes, 0, 0, 360, (12, 12, 14), -1)
    bearded, framed = portrait.copy(), portrait.copy()
    beard(bearded, face.landmarks[:, :2], np.random.default_rng(0))
    glasses(framed, face.landmarks[:, :2], np.random.default_rng(0))
    for image in (dark, bearded, framed):
        (found,) = analyzer.analyze(image)
        assert box_iou(found.box, face.box) > 0.75


def test_dark_bright_blurred_noisy(
    analyzer: FaceAnalyzer, portrait: ImageArray, face: Face
) -> None:
    rng = np.random.default_rng(0)
    smear = np.full((1, 15), 1 / 15, np.float32)
    for image in (
        portrait // 6,
        255 - (255 - portrait) // 3,
        cv2.filter2D(portrait, -1, smear),
        np.clip(portrait + rng.normal(0, 30, portrait.shape), 0, 255).astype(np.uint8),
    ):
        (found,) = analyzer.analyze(image)
        assert box_iou(found.box, face.box) > 0.7


def test_painted_and_drawn(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face) -> None:
    smooth = cv2.pyrMeanShiftFiltering(portrait, 12, 30)
    lines = cv2.adaptiveThreshold(
        cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY), 255, cv2.ADAPTIVE_THRESH_MEAN_C,
        cv2.THRESH_BINARY, 9, 6,
    )  # fmt: skip
    cartoon = (smooth // 48 * 48 + 24) & lines[:, :, None]
    for image in (smooth, cartoon):
        (found,) = analyzer.analyze(image)
        assert box_iou(found.box, face.box) > 0.7


@pytest.mark.parametrize("name", PAINTINGS + DRAWINGS)
def test_paintings_and_drawings(analyzer: FaceAnalyzer, name: str) -> None:
    (found,) = analyzer.analyze(stored(name))
    assert found.score > 0.7


@pytest.mark.parametrize("name", BEASTS)
def test_a_beast_is_no_human(analyzer: FaceAnalyzer, name: str) -> None:
    assert analyzer.analyze(stored(name)) == []


def test_drawn_beasts_are_no_humans(
    analyzer: FaceAnalyzer, portrait: ImageArray, face: Face
) -> None:
    region = region_of(face.landmarks)
    drawn = [beast(portrait, region, np.random.default_rng(seed)) for seed in range(8)]
    assert [len(found) for found in analyzer.analyze_batch(drawn)] == [0] * 8


@pytest.mark.parametrize("size", [8, 12, 16, 24])
def test_tiny_faces(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face, size: int) -> None:
    scale = size / face.size
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((240, 320, 3), 140, np.uint8)
    canvas[60 : 60 + len(small), 90 : 90 + small.shape[1]] = small
    found = analyzer.analyze(canvas)
    assert len(found) <= 1
    wanted = (face.box + 0.5) * scale - 0.5 + np.array([90, 60, 90, 60])
    for one in found:
        assert box_iou(one.box, wanted) > 0.4
    if size == 24:
        assert found


def test_huge_picture(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face) -> None:
    scale = 8000 / max(portrait.shape[:2])
    huge = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    started = time.process_time()
    (found,) = analyzer.analyze(huge)
    assert time.process_time() - started < 20
    assert box_iou(found.box / scale, face.box) > 0.85


def test_small_face_in_a_large_picture(
    analyzer: FaceAnalyzer, portrait: ImageArray, face: Face
) -> None:
    scale = 44 / face.size
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((3000, 4000, 3), 110, np.uint8)
    canvas[2000 : 2000 + len(small), 3100 : 3100 + small.shape[1]] = small
    (found,) = analyzer.analyze(canvas)
    assert box_iou(found.box, face.box * scale + (3100, 2000, 3100, 2000)) > 0.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 2000), (40, 40), (500, 700)])
def test_blank_pictures(analyzer: FaceAnalyzer, shape: tuple[int, int]) -> None:
    for value in (0, 127, 255):
        assert analyzer.analyze(np.full((*shape, 3), value, np.uint8)) == []


def test_floats_grey_and_strides(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face) -> None:
    for dtype in (np.float32, np.float64):
        (found,) = analyzer.analyze((portrait / 255).astype(dtype))
        assert np.array_equal(found.landmarks, face.landmarks)
    wide = np.repeat(portrait, 2, axis=1)[:, ::2]
    backwards = np.ascontiguousarray(portrait[::-1])[::-1]
    columns = np.asfortranarray(portrait)
    clear = np.concatenate([portrait, np.full_like(portrait[:, :, :1], 255)], axis=2)
    for image in (wide, backwards, columns, clear):
        assert np.array_equal(analyzer.analyze(image)[0].landmarks, face.landmarks)
    for grey in (portrait[..., 1], portrait[..., 1:2], portrait[..., 1] / 255.0):
        (found,) = analyzer.analyze(grey)
        assert apart(found, face.landmarks) < 0.06


def test_arrays_that_are_no_pictures(analyzer: FaceAnalyzer, portrait: ImageArray) -> None:
    unclear = (portrait / 255).astype(np.float32)
    unclear[3, 3] = np.nan
    for image in (portrait.astype(np.float32), portrait / 255 - 0.5, unclear):
        with pytest.raises(InputError, match="floats from 0 to 1"):
            analyzer.analyze(image)
    with pytest.raises(InputError, match="analyze_batch"):
        analyzer.analyze(portrait[None])
    with pytest.raises(InputError, match="int32"):
        analyzer.analyze(portrait.astype(np.int32))
    with pytest.raises(InputError, match="`analyze` for one"):
        analyzer.analyze_batch(portrait)


def test_batches(analyzer: FaceAnalyzer, portrait: ImageArray, face: Face) -> None:
    assert analyzer.analyze_batch([]) == []
    assert analyzer.analyze_batch(np.zeros((0, 64, 64, 3), np.uint8)) == []
    blank = np.zeros((50, 70, 3), np.uint8)
    for batch in ([portrait], portrait[None]):
        ((found,),) = analyzer.analyze_batch(batch)
        assert np.array_equal(found.landmarks, face.landmarks)
    none, (found,) = analyzer.analyze_batch([blank, portrait])
    assert none == []
    assert np.array_equal(found.landmarks, face.landmarks)
