"""Lids that close over the eyeball, and eyeballs that stay white as lids open."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.render.inpaint import eye_layer
from talkgen.render.lids import crease_shade
from talkgen.render.mesh import MeshRenderer
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.rings import IRIS, LOWER_LID, SIDES, UPPER_LID
from talkgen.types import MOTION_CHANNELS, Face, ImageArray, Motion, Portrait

ROOT = Path(__file__).parents[2]
LIDS = {"right": (33, 133, 159, 145), "left": (263, 362, 386, 374)}


@pytest.fixture(scope="module")
def ready() -> PreparedPortrait:
    image = np.array(Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        face = Face(**{name: read[name] for name in read.files})
    return MeshRenderer.from_pretrained().prepare(Portrait(image, face))


def frame(ready: PreparedPortrait, name: str, value: float) -> ImageArray:
    """Return the frame with one channel of both sides."""
    weights = np.zeros((1, len(MOTION_CHANNELS)), np.float32)
    for side in ("Left", "Right"):
        weights[0, MOTION_CHANNELS.index(name + side)] = value
    still = np.zeros((1, 3), np.float32)
    (drawn,) = MeshRenderer(ready.head).render(ready, Motion(weights, still, still))
    return drawn


def eye_box(ready: PreparedPortrait, side: str) -> tuple[slice, slice]:
    ring = ready.landmarks[list(LIDS[side]), :2]
    (x0, y0), (x1, y1) = ring.min(axis=0).astype(int), np.ceil(ring.max(axis=0)).astype(int)
    return slice(y0, y1 + 3), slice(x0 + 3, x1 - 3)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_shut_eye_has_a_dark_seam_and_nothing_bright_in_it(
    ready: PreparedPortrait, side: str
) -> None:
    light = frame(ready, "eyeBlink", 1.0)[eye_box(ready, side)].mean(axis=2)
    skin = np.median(light)
    assert light.max() < 1.2 * skin
    assert np.median(light.min(axis=0)) < 0.75 * skin


def test_a_shut_lid_has_a_crease_between_brow_and_lashes() -> None:
    t = np.linspace(0, np.pi, 9)
    across = np.linspace(60, 140, 9)
    margin = np.stack([across, 100 + 6 * np.sin(t)], axis=1).astype(np.float32)
    crease = np.stack([across, 90 - 20 * np.sin(t)], axis=1).astype(np.float32)
    shade = crease_shade((150, 200), crease, margin, 200.0)
    column = shade[:, 100]
    fold = int(np.argmin(column[:95]))
    assert 70 < fold < 100
    assert 0.8 < column[fold] < 0.95
    assert column[fold + 7] > column[fold] + 0.03
    assert (shade[:, :50] > 0.98).all()
    assert (shade[112:] > 0.98).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_eyeball_goes_on_white_under_the_lid(ready: PreparedPortrait, side: str) -> None:
    x0, y0 = ready.layers.origin
    outer, _, top, low = ready.landmarks[list(LIDS[side]), :2] - [x0, y0]
    x = int(0.6 * outer[0] + 0.4 * top[0])
    above = ready.layers.clean[int(top[1]) - 3 : int(top[1]), x - 1 : x + 2].mean()
    middle = int((top[1] + low[1]) / 2)
    seen = ready.layers.photo[middle - 2 : middle + 3, x - 1 : x + 2].mean()
    assert above > 0.85 * seen


def test_an_eye_photographed_shut_opens_on_an_eyeball(ready: PreparedPortrait) -> None:
    points = ready.landmarks[:, :2].copy()
    for side in SIDES:
        upper, lower = list(UPPER_LID[side]), list(LOWER_LID[side])
        points[upper] = points[lower]
    skin = np.full((*ready.image.shape[:2], 3), (200, 160, 140), np.float32)
    drawn = eye_layer(skin, points, ready.interocular)
    for side in SIDES:
        x, y = points[IRIS[side][0]].round().astype(int)
        reach = round(1.6 * np.linalg.norm(points[IRIS[side][1]] - points[IRIS[side][0]]))
        white = drawn[y, [x - reach, x + reach]]
        assert white.mean() > 150.0
        assert np.ptp(white, axis=1).max() < 40.0
        assert drawn[y, x].mean() < 60.0
