"""The pictures that measure and teach the detector: known places, no other faces, fair counting."""

import numpy as np
import pytest

from talkgen.face.region import Region, box_of, region_of
from talkgen.training import perception_lures
from talkgen.training.detector_benchmark import (
    SMALLEST,
    TURN,
    Sources,
    Tally,
    box_iou,
    compose,
    composed,
    matched,
    painted_out,
)


@pytest.fixture
def found() -> Sources:
    """Grey pictures whose "face" is a red, uneven disc, over blue ones."""
    rng = np.random.default_rng(0)
    angle, away = rng.uniform(0, 2 * np.pi, 478), 50 * np.sqrt(rng.uniform(0, 1, 478))
    shape = 128 + np.stack([np.cos(angle), np.sin(angle)], axis=1) * away[:, None]
    shape[33], shape[263] = (98, 118), (158, 118)
    image = np.full((256, 256, 3), 120, np.uint8)
    rows, columns = np.mgrid[:256, :256]
    disc = np.hypot(rows - 128, columns - 128) < 50
    image[disc] = rng.integers(0, 60, (int(disc.sum()), 3))
    image[disc, 0] += 190
    blue = np.full((300, 400, 3), (10, 10, 200), np.uint8)
    return Sources([(image, shape.astype(np.float32), "a")], [blue])


def test_faces_lie_where_the_boxes_say(found: Sources) -> None:
    seen = 0
    for picture in composed(found, 12, seed=3):
        grey = picture.image.std(axis=2).max() < 3
        height, width = picture.image.shape[:2]
        for box, region in zip(picture.boxes, picture.regions, strict=True):
            assert (box >= 0).all()
            assert box[2] < width
            assert box[3] < height
            assert region.size >= SMALLEST - 1
            assert abs(region.roll) < TURN + 1e-3
            x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
            assert grey or int(picture.image[y, x, 0]) > picture.image[y, x, 2] + 60
            seen += 1
        if len(picture.boxes) == 0 and not grey:  # no red anywhere
            assert not (picture.image[..., 0] > 120).any()
    assert seen > 6


def test_same_seed_same_pictures(found: Sources) -> None:
    one, other = (compose(found, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.boxes, other.boxes)


def test_painted_out_leaves_nothing_of_the_face(found: Sources) -> None:
    image, points, _ = found.faces[0]
    painted = painted_out(image, points)
    assert painted.shape == image.shape
    assert painted[90:166, 90:166, 0].mean() < 160
    assert np.array_equal(painted[:20], image[:20])


def test_a_wanted_face_is_hit_once() -> None:
    wanted = [np.array([0, 0, 10, 10]), np.array([20, 0, 30, 10])]
    boxes = [np.array([1, 0, 11, 10]), np.array([0, 0, 10, 10]), np.array([26, 0, 36, 10])]
    hit, left = matched(wanted, boxes, [0.6, 0.9, 0.8])
    assert hit == [-1, 0, -1]
    assert left == [1]
    assert box_iou(wanted[0], boxes[0]) == pytest.approx(90 / 110)


def test_tally() -> None:
    tally = Tally([0.9, 0.8, 0.7, 0.3], [True, True, False, True], [], 4)
    assert tally.at(0.75) == {"threshold": 0.75, "recall": 0.5, "precision": 1.0, "false": 0}
    assert tally.at(0.5)["precision"] == pytest.approx(0.6667)
    assert tally.recall_at(0.99) == {"threshold": 0.8, "recall": 0.5}
    assert tally.recall_at(0.7) == {"threshold": 0.3, "recall": 0.75}
    assert Tally().recall_at() == {"threshold": 1.0, "recall": 0.0}


@pytest.mark.parametrize("kind", ["featureless", "beast", "lure"])
def test_lures_replace_the_face(found: Sources, kind: str) -> None:
    image, points, _ = found.faces[0]
    for seed in range(6):
        changed = getattr(perception_lures, kind)(
            image, region_of(points), np.random.default_rng(seed)
        )
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert np.abs(changed.astype(int) - image)[90:166, 90:166].mean() > 5


def test_backgrounds_and_covers(found: Sources) -> None:
    image, points, _ = found.faces[0]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        background = perception_lures.faceless(image, points, 64, rng)
        assert background.shape == (64, 64, 3)
        before = background.copy()
        perception_lures.covered(background, Region(32, 32, 40), rng)
        assert (before != background).any()


def test_box_of_points() -> None:
    assert box_of(np.array([[1, 2], [5, 9], [3, 0]])).tolist() == [1, 0, 5, 9]
