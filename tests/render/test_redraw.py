"""A frame's own pixels make its new mouth; what is above and around stays."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.face.fit import fit_face
from talkgen.render.donor import teeth_shown
from talkgen.render.mesh import MeshRenderer
from talkgen.render.redraw import LOWER, MouthRedrawer, Redrawn, Seen, closed_marks
from talkgen.types import MOTION_CHANNELS, Face, Portrait

ROOT = Path(__file__).parents[2]
JAW = MOTION_CHANNELS.index("jawOpen")


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    image = np.array(Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        face = Face(**{name: read[name] for name in read.files})
    return Portrait(image, face)


@pytest.fixture(scope="module")
def redrawer(portrait: Portrait) -> MouthRedrawer:
    return MouthRedrawer(MeshRenderer.from_pretrained().prepare(portrait), threads=1)


@pytest.fixture(scope="module")
def seen(portrait: Portrait, redrawer: MouthRedrawer) -> Seen:
    ready = redrawer.ready
    fit = fit_face(ready.head, portrait.face.landmarks, identity=ready.fit.identity)
    return Seen(fit, portrait.face.landmarks)


def whole(image: np.ndarray, made: Redrawn) -> np.ndarray:
    out = image.copy()
    x0, y0, x1, y1 = made.box
    out[y0:y1, x0:x1] = made.region
    return out


def mouth(seen: Seen, image: np.ndarray, jaw: float, redrawer: MouthRedrawer, share=1.0):
    weights = np.array(redrawer.ready.retargeter.rest)
    weights[JAW] = jaw
    return whole(image, redrawer.draw(image, seen, weights, share))


def test_jaw_moves_and_the_rest_stays(
    portrait: Portrait, redrawer: MouthRedrawer, seen: Seen
) -> None:
    image, marks = portrait.image, portrait.face.landmarks
    opened = mouth(seen, image, 0.6, redrawer)
    shut = mouth(seen, image, 0.0, redrawer)
    rows, columns = np.nonzero((opened != image).any(axis=2))
    eyes = marks[[145, 374], 1].max()
    assert rows.min() > eyes  # nothing at the eyes or above
    assert columns.min() > marks[:468, 0].min() - 0.8 * seen.interocular
    assert columns.max() < marks[:468, 0].max() + 0.8 * seen.interocular
    x, y = marks[[13, 14], :2].mean(0).astype(int)
    reach = int(0.12 * seen.interocular)
    inside = (slice(y, y + 2 * reach), slice(x - reach, x + reach))
    assert np.abs(opened[inside].astype(int) - shut[inside]).mean() > 12
    assert mouth(seen, image, 0.6, redrawer).tobytes() == opened.tobytes()


def test_no_share_no_change(portrait: Portrait, redrawer: MouthRedrawer, seen: Seen) -> None:
    image = portrait.image
    still = mouth(seen, image, 0.6, redrawer, 0.0)
    assert np.abs(still.astype(int) - image).max() <= 2
    half = mouth(seen, image, 0.6, redrawer, 0.5).astype(int)
    full = mouth(seen, image, 0.6, redrawer).astype(int)
    assert 0 < np.abs(half - image).sum() < np.abs(full - image).sum()


def test_only_the_mouth_is_asked(portrait: Portrait, redrawer: MouthRedrawer, seen: Seen) -> None:
    weights = np.array(redrawer.ready.retargeter.rest)
    other = weights.copy()
    other[~LOWER] = 1.0
    one, two = (redrawer.draw(portrait.image, seen, w).region for w in (weights, other))
    assert (one == two).all()


def test_face_beside_the_picture(portrait: Portrait, redrawer: MouthRedrawer, seen: Seen) -> None:
    made = redrawer.draw(portrait.image[:20, :20].copy(), seen, redrawer.ready.retargeter.rest)
    assert made.region.shape[:2] == (made.box[3] - made.box[1], made.box[2] - made.box[0])


def test_lips_that_the_network_puts_apart_are_shut(seen: Seen) -> None:
    marks = seen.landmarks[:, :2].astype(np.float32).copy()
    marks[13], marks[14] = (100.0, 100.0), (100.0, 100.5)
    shut, parted = closed_marks(marks, 100.0)
    assert parted == 0.0
    assert np.allclose(shut[13], shut[14])
    marks[14, 1] = 110.0
    same, parted = closed_marks(marks, 100.0)
    assert parted == 1.0
    assert same is marks


def test_teeth_are_found_where_they_show(portrait: Portrait) -> None:
    face = portrait.face
    own = teeth_shown(portrait.image, face.landmarks[:, :2], face.interocular)
    dark = portrait.image // 8  # no teeth without light
    lips = face.landmarks[:, :2].copy()
    lips[13] = lips[14]
    assert 0.0 <= own <= 1.0
    assert teeth_shown(dark, lips, face.interocular) == 0.0


def test_what_lies_before_the_chin_stays(
    portrait: Portrait, redrawer: MouthRedrawer, seen: Seen
) -> None:
    marks, reach = portrait.face.landmarks, 0.16 * seen.interocular
    x, y = 0.5 * (marks[17, :2] + marks[152, :2])
    rows, columns = np.mgrid[: len(portrait.image), : portrait.image.shape[1]]
    disc = np.hypot(columns - x, rows - y) < reach
    covered = portrait.image.copy()
    covered[disc] = 20
    made = mouth(seen, covered, 0.5, redrawer)
    off = np.abs(made.astype(int) - covered).max(axis=2)
    inner = np.hypot(columns - x, rows - y) < 0.8 * reach
    assert off[inner].max() < 25  # of 150 where the chin would show
    lips = slice(int(marks[13, 1]) - 3, int(marks[14, 1]) + 3), slice(int(x) - 9, int(x) + 9)
    assert off[lips].mean() > 3  # the mouth moves all the same
    bare = mouth(seen, portrait.image, 0.5, redrawer)
    moved = np.abs(bare.astype(int) - portrait.image).max(axis=2)
    assert moved[inner].mean() > 3
