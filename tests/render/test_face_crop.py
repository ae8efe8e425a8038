"""The face's crop follows the head and nothing else; its maps lie where the face lies."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.render.conditions import CHANNELS, LABELS, MAP_SIDE, condition_maps
from talkgen.render.face_crop import SIDE, FaceCrop, crop_of
from talkgen.render.mesh import MeshRenderer
from talkgen.render.portrait import PreparedPortrait
from talkgen.types import MOTION_CHANNELS, Face, Portrait

ROOT = Path(__file__).parents[2]
JAW = MOTION_CHANNELS.index("jawOpen")


@pytest.fixture(scope="module")
def ready() -> PreparedPortrait:
    image = np.array(Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        face = Face(**{name: read[name] for name in read.files})
    return MeshRenderer.from_pretrained().prepare(Portrait(image, face))


def test_crop_is_upright_about_the_face_and_still_while_the_jaw_moves(
    ready: PreparedPortrait,
) -> None:
    weights = np.asarray(ready.fit.weights, np.float32).copy()
    own = crop_of(ready, ready.placed(weights))
    weights[JAW] = 0.8
    assert np.array_equal(own.matrix, crop_of(ready, ready.placed(weights)).matrix)
    marks = own.to_crop(ready.landmarks)
    assert abs(marks[33, 1] - marks[263, 1]) < 6  # both eyes at one height
    assert 80 < marks[[33, 263], 0].mean() < 176
    assert marks[152, 1] < SIDE - 20  # room for a jaw


@pytest.mark.parametrize(("turn", "shift"), [(0.3, 0.0), (-0.2, 40.0)])
def test_crop_goes_with_the_head(ready: PreparedPortrait, turn: float, shift: float) -> None:
    fit = ready.fit
    angles = np.asarray(fit.rotation, np.float32) + np.float32([0, 0, turn])
    place = np.asarray(fit.translation, np.float32) + np.float32([shift, 0])
    weights = np.asarray(fit.weights, np.float32)
    before, after = ready.placed(weights), ready.placed(weights, angles, place)
    one, other = (
        crop_of(ready, head).to_crop(ready.head.landmarks(head.points)) for head in (before, after)
    )
    assert np.abs(one[:, :2] - other[:, :2]).max() < 1.0


def test_back_is_the_inverse_and_cuts_of_large_pictures_are_smooth() -> None:
    crop = FaceCrop(np.float32([[0.1, 0.02, -30.0], [-0.02, 0.1, -10.0]]))
    points = np.float32([[400, 500], [1200, 900]])
    back = crop.back()
    there = crop.to_crop(points) @ back[:, :2].T + back[:, 2]
    assert np.abs(there - points).max() < 0.05
    grain = np.random.default_rng(0).integers(0, 255, (2000, 2400, 3)).astype(np.uint8)
    assert crop.cut(grain)[40:-40, 60:-40].std() < 25  # pixels are averaged, not skipped


def test_maps_show_lips_at_the_lips(ready: PreparedPortrait) -> None:
    weights = np.asarray(ready.fit.weights, np.float32).copy()
    weights[JAW] = 0.7
    head = ready.placed(weights)
    crop = crop_of(ready, head)
    maps = condition_maps(ready, head, crop)
    assert maps.shape == (len(CHANNELS), MAP_SIDE, MAP_SIDE)
    assert maps.dtype == np.float32
    labels = maps[: len(LABELS)]
    assert set(np.unique(labels)) == {0.0, 1.0}
    assert (labels.sum(0) <= 1).all()
    rows, columns = np.nonzero(labels[LABELS.index("lips")])
    marks = crop.to_crop(ready.head.landmarks(head.points))[[61, 291, 0, 17], :2] * MAP_SIDE / SIDE
    assert abs(columns.mean() - marks[:2, 0].mean()) < 1.5
    assert rows.min() >= marks[2, 1] - 2.5
    assert rows.max() <= marks[3, 1] + 2.5
    assert labels[LABELS.index("inside")].sum() > 5
    moved = maps[CHANNELS.index("moved_y")]
    assert moved[52:58, 28:36].max() > 0.3  # the chin goes down
    assert np.abs(moved[8:14]).max() < 0.05  # the brows stay
    still = condition_maps(ready, ready.placed(ready.fit.weights), crop)
    assert np.abs(still[CHANNELS.index("moved_x") :]).max() < 1e-4
