"""The mesh renderer on the example portrait, with the landmarks of a real reading."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from talkgen.errors import InputError
from talkgen.render import portrait as portrait_module
from talkgen.render.mesh import MeshRenderer, resized
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.rings import INNER_LIPS
from talkgen.types import MOTION_CHANNELS, Face, Motion, Portrait

ROOT = Path(__file__).parents[2]


def weights(**values: float) -> np.ndarray:
    """Return (52,) weights; a name without a side sets both."""
    out = np.zeros(len(MOTION_CHANNELS), np.float32)
    for name, value in values.items():
        for k, channel in enumerate(MOTION_CHANNELS):
            if channel in (name, name + "Left", name + "Right"):
                out[k] = value
    return out


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    image = np.array(Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        face = Face(**{name: read[name] for name in read.files})
    return Portrait(image, face)


@pytest.fixture(scope="module")
def renderer() -> MeshRenderer:
    return MeshRenderer.from_pretrained()


@pytest.fixture(scope="module")
def ready(renderer: MeshRenderer, portrait: Portrait) -> PreparedPortrait:
    return renderer.prepare(portrait)


def offsets(*rows: np.ndarray) -> Motion:
    still = np.zeros((len(rows), 3), np.float32)
    return Motion(np.stack(rows), still, still)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((a.astype(float) - b) ** 2), 1e-9)))


def mouth_box(points: np.ndarray) -> tuple[slice, slice]:
    ring = points[list(INNER_LIPS), :2]
    (x0, y0), (x1, y1) = ring.min(axis=0).astype(int), ring.max(axis=0).astype(int) + 1
    return slice(y0, y1), slice(x0, x1)


def test_fitted_values_give_the_photograph(ready: PreparedPortrait) -> None:
    np.testing.assert_array_equal(ready.frame(ready.fit.weights), ready.image)


def test_next_to_the_fitted_values_it_is_nearly_the_photograph(ready: PreparedPortrait) -> None:
    fit = ready.fit
    frame = ready.frame(fit.weights, fit.rotation, fit.translation + np.float32([0.06, 0]))
    assert not np.array_equal(frame, ready.image)
    x0, y0, x1, y1 = ready.landmarks[:, [0, 1, 0, 1]].min(axis=0).astype(int)
    x1, y1 = ready.landmarks[:, :2].max(axis=0).astype(int)
    assert psnr(frame[y0:y1, x0:x1], ready.image[y0:y1, x0:x1]) > 38


def test_pixels_away_from_the_head_stay_bit_identical(ready: PreparedPortrait) -> None:
    fit = ready.fit
    frame = ready.frame(
        fit.weights + weights(jawOpen=0.4), fit.rotation + np.float32([0.03, 0.1, 0])
    )
    changed = (frame != ready.image).any(axis=2)
    middle = ready.landmarks[:, :2].mean(axis=0)
    ys, xs = np.nonzero(changed)
    assert changed.mean() > 0.02
    assert np.hypot(xs - middle[0], ys - middle[1]).max() < 5.0 * ready.interocular
    assert not changed[-60:].any()


def test_lips_meet_at_rest_though_the_photograph_smiles(ready: PreparedPortrait) -> None:
    def gap(sealed: float, values: np.ndarray) -> float:
        points = ready.head.landmarks(ready.vertices(values, sealed))
        up = np.float32([0, -1, 0])
        return float((points[13] - points[14]) @ up / np.linalg.norm(points[33] - points[263]))

    assert gap(0.0, ready.fit.weights) > 0.08
    assert gap(1.0, ready.retargeter.rest) < 0.004


def test_speech_opens_the_mouth_on_a_dark_inside_with_teeth(
    renderer: MeshRenderer, ready: PreparedPortrait
) -> None:
    shut, wide = renderer.render(ready, offsets(weights(), weights(jawOpen=0.6)))
    box = mouth_box(ready.landmarks)
    inside = wide[box].mean(axis=2)
    assert np.percentile(inside, 5) < 70  # the dark behind
    assert np.percentile(inside, 95) > 180  # the teeth of the photograph
    lips = shut[box].mean(axis=2)
    assert np.percentile(lips, 2) > np.percentile(inside, 2) + 25


def test_a_shut_mouth_shows_no_teeth(renderer: MeshRenderer, ready: PreparedPortrait) -> None:
    (shut,) = renderer.render(ready, offsets(weights()))
    rows, columns = mouth_box(ready.landmarks)
    source = ready.image[rows, columns].astype(float)
    drawn = shut[rows, columns].astype(float)

    def toothlike(pixels: np.ndarray) -> float:
        bright = pixels.mean(axis=2) > 185
        return float((bright & (pixels[..., 0] - pixels[..., 2] < 40)).mean())

    assert toothlike(source) > 0.12
    assert toothlike(drawn) < 0.5 * toothlike(source)


def test_a_blink_covers_the_iris(renderer: MeshRenderer, ready: PreparedPortrait) -> None:
    rest, blink = renderer.render(ready, offsets(weights(), weights(eyeBlink=1.0)))
    for iris, cheek in ((468, 50), (473, 280)):
        (x, y), (u, v) = ready.landmarks[[iris, cheek], :2].round().astype(int)
        skin = ready.image[v - 2 : v + 3, u - 2 : u + 3].mean()
        assert rest[y - 1 : y + 2, x - 1 : x + 2].mean() < 0.5 * skin
        assert blink[y - 3 : y, x - 2 : x + 3].mean() > 0.6 * skin


def test_the_eyes_turn(renderer: MeshRenderer, ready: PreparedPortrait) -> None:
    aside = weights()
    for name in ("eyeLookOutLeft", "eyeLookInRight"):
        aside[MOTION_CHANNELS.index(name)] = 0.5
    rest, turned = renderer.render(ready, offsets(weights(), aside))
    for iris in (468, 473):
        x, y = ready.landmarks[iris, :2].round().astype(int)
        reach = round(0.12 * ready.interocular)

        def center(frame: np.ndarray, x: int = x, y: int = y, reach: int = reach) -> float:
            part = frame[y - 2 : y + 3, x - reach : x + reach + 1].astype(float).mean(axis=(0, 2))
            dark = np.clip(part.mean() - part, 0, None)
            return float((dark * np.arange(len(part))).sum() / dark.sum())

        assert center(turned) > center(rest) + 0.5  # towards the subject's left, image right


def test_head_turns_the_way_of_the_contract(ready: PreparedPortrait) -> None:
    fit = ready.fit
    frame = ready.frame(fit.weights, fit.rotation + np.float32([0, 0.2, 0]))
    x, y = ready.landmarks[1, :2].round().astype(int)  # nose tip
    patch = ready.image[y - 8 : y + 9, x - 10 : x + 11]
    search = frame[y - 14 : y + 15, x - 40 : x + 41]
    match = cv2.matchTemplate(search, patch, cv2.TM_CCOEFF_NORMED)
    _, score, _, (found, _) = cv2.minMaxLoc(match)
    assert score > 0.6
    assert found + 10 < 40 - 3  # positive yaw: nose to image left


def test_same_input_same_frame_on_any_number_of_threads(ready: PreparedPortrait) -> None:
    values = ready.fit.weights * 0.5 + weights(jawOpen=0.3)
    turn = ready.fit.rotation + np.float32([0.05, -0.1, 0.02])
    first = ready.frame(values, turn)
    np.testing.assert_array_equal(first, ready.frame(values, turn))
    before, ready.threads = ready.threads, 1
    single = ready.frame(values, turn)
    ready.threads = before
    np.testing.assert_array_equal(first, single)


def test_size_is_the_longer_side(renderer: MeshRenderer, portrait: Portrait) -> None:
    cut = replace(portrait, image=portrait.image[:400])
    small, factor = resized(cut, 256)
    assert small.image.shape == (200, 256, 3)
    assert factor == 0.5
    np.testing.assert_allclose(small.face.landmarks, portrait.face.landmarks * 0.5, rtol=1e-5)
    (frame,) = renderer.render(cut, offsets(weights(jawOpen=0.2)), size=256)
    assert frame.shape == (200, 256, 3)
    with pytest.raises(InputError, match="size"):
        resized(cut, 8)


def test_a_large_portrait_needs_little_memory(renderer: MeshRenderer, portrait: Portrait) -> None:
    large = renderer.prepare(portrait, size=2560)
    values = large.fit.weights + weights(jawOpen=0.3)
    turn = large.fit.rotation + np.float32([0, 0.1, 0])
    large.frame(values, turn)
    tracemalloc.start()
    large.frame(values, turn)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * large.image.nbytes


def test_a_coarse_relief_draws_the_same_picture(
    renderer: MeshRenderer, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = renderer.prepare(portrait, size=1536)
    values = large.fit.weights + weights(jawOpen=0.3)
    turn = large.fit.rotation + np.float32([0.05, 0.2, 0.1])
    monkeypatch.setattr(portrait_module, "SHEET_PX", large.interocular)
    fine = large.frame(values, turn)
    monkeypatch.setattr(portrait_module, "SHEET_PX", large.interocular / 4)
    coarse = large.frame(values, turn)
    assert not np.array_equal(fine, coarse)
    assert psnr(fine, coarse) > 38


def test_a_face_at_the_rim_of_the_picture_is_drawn(
    renderer: MeshRenderer, portrait: Portrait
) -> None:
    x, y = portrait.face.landmarks[:, :2].mean(axis=0).astype(int)
    shift = np.float32([x - 20, y - 20, 0])
    face = replace(
        portrait.face,
        landmarks=portrait.face.landmarks - shift,
        box=portrait.face.box - np.tile(shift[:2], 2),
    )
    cut = Portrait(np.ascontiguousarray(portrait.image[y - 20 :, x - 20 :]), face)
    ready = renderer.prepare(cut)
    frame = ready.frame(ready.fit.weights * 0.5, ready.fit.rotation + np.float32([0.1, 0.2, 0]))
    assert frame.shape == cut.image.shape
