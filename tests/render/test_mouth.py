"""Lips that keep their height and meet, and teeth that round lips hide, on an open smile."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.motion.blend import blended
from talkgen.render.interior import rounding
from talkgen.render.mesh import MeshRenderer, sealing
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.pose import project
from talkgen.render.rings import INNER_LIPS
from talkgen.types import MOTION_CHANNELS, Face, ImageArray, Motion, Portrait

ROOT = Path(__file__).parents[2]


def weights(**values: float) -> np.ndarray:
    out = np.zeros(len(MOTION_CHANNELS), np.float32)
    for name, value in values.items():
        out[MOTION_CHANNELS.index(name)] = value
    return out


@pytest.fixture(scope="module")
def ready() -> PreparedPortrait:
    """The astronaut, who smiles with her teeth shown."""
    image = np.array(Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        face = Face(**{name: read[name] for name in read.files})
    return MeshRenderer.from_pretrained().prepare(Portrait(image, face))


def marks(ready: PreparedPortrait, values: np.ndarray) -> np.ndarray:
    """Return the landmarks of a speech frame in inter-ocular distances."""
    vertices = ready.vertices(blended(ready.retargeter.rest, values), 1.0)
    return ready.head.landmarks(vertices) / ready.head.interocular_of(ready.neutral)


def frames(ready: PreparedPortrait, *rows: np.ndarray) -> list[ImageArray]:
    still = np.zeros((len(rows), 3), np.float32)
    return list(MeshRenderer(ready.head).render(ready, Motion(np.stack(rows), still, still)))


def teeth_pixels(ready: PreparedPortrait, frame: ImageArray) -> int:
    """Return how many pixels about the mouth are as bright as teeth and as little red."""
    ring = ready.landmarks[list(INNER_LIPS), :2]
    (x0, y0), (x1, y1) = ring.min(axis=0).astype(int), ring.max(axis=0).astype(int)
    part = frame[y0 - 2 : y1 + int(0.2 * ready.interocular), x0:x1].astype(float)
    light = part.mean(axis=2)
    photo = ready.interior.photo
    assert photo is not None
    assert photo.enamel is not None
    grey = (part[..., 0] - part[..., 2]) < 0.22 * light
    return int(((light > 0.55 * photo.enamel.mean()) & grey).sum())


@pytest.mark.parametrize("jaw", [0.15, 0.3, 0.6])
def test_lips_keep_their_height_as_they_open(ready: PreparedPortrait, jaw: float) -> None:
    shut, opened = marks(ready, weights()), marks(ready, weights(jawOpen=jaw))
    assert np.linalg.norm(opened[13] - opened[14]) > 0.3 * jaw
    for outer, inner in ((0, 13), (17, 14), (37, 82), (314, 317)):
        before = np.linalg.norm(shut[outer] - shut[inner])
        after = np.linalg.norm(opened[outer] - opened[inner])
        assert after == pytest.approx(before, rel=0.15)


def test_a_mouth_photographed_open_meets(ready: PreparedPortrait) -> None:
    points = marks(ready, weights())
    upper, lower = points[[82, 13, 312]], points[[87, 14, 317]]
    assert (lower[:, 1] - upper[:, 1]).max() < 0.02
    # A line of shade, where the photograph has teeth.
    (shut,) = frames(ready, weights())
    light = shut.astype(float).mean(axis=2)
    rest = ready.vertices(ready.retargeter.rest, 1.0)
    scale, place = float(ready.fit.scale), ready.fit.translation
    seam = ready.head.landmarks(project(rest, ready.source_rotation, scale, place))
    for mark in (82, 13, 312):
        x, y = seam[mark, :2].round().astype(int)
        column = light[y - 6 : y + 7, x - 1 : x + 2].mean(axis=1)
        assert column[4:9].min() < 0.88 * min(column[:3].mean(), column[-3:].mean())


def test_round_lips_hide_the_teeth(ready: PreparedPortrait) -> None:
    shut, spoken, round_ = frames(
        ready,
        weights(),
        weights(jawOpen=0.3),
        weights(jawOpen=0.3, mouthFunnel=0.5, mouthPucker=0.3),
    )
    skin = teeth_pixels(ready, shut)  # some is as pale
    assert teeth_pixels(ready, round_) - skin < 0.25 * (teeth_pixels(ready, spoken) - skin)


def test_rounding_needs_funnel_or_pucker() -> None:
    assert rounding(weights(jawOpen=1.0, mouthSmileLeft=1.0)) == 0.0
    assert rounding(weights(mouthFunnel=0.4)) < rounding(weights(mouthFunnel=0.6))
    assert rounding(weights(mouthFunnel=0.5, mouthPucker=0.4)) == 1.0


def test_a_track_shuts_what_its_weights_leave_open(ready: PreparedPortrait) -> None:
    own = ready.fit.weights
    sealed = sealing(ready.head, ready, "camera")
    assert sealed(own) == pytest.approx(0.0, abs=1e-6)
    amounts = [sealed(own * share) for share in np.linspace(1.0, 0.0, 9)]
    assert (np.diff(amounts) >= -1e-6).all()
    assert amounts[-1] == pytest.approx(2.0)
    nearly = ready.retargeter.rest + weights(jawOpen=0.04)
    points = ready.head.landmarks(ready.vertices(nearly, 2.0))
    gap = (points[[87, 14, 317], 1] - points[[82, 13, 312], 1]).mean()
    assert gap < 0.005 * ready.head.interocular_of(ready.neutral)
