"""Changes of a face's crop, laid into pictures of every size."""

import cv2
import numpy as np
import pytest

from talkgen.render.conditions import CHANNELS, LABELS, NUM_MAPS
from talkgen.render.face_crop import SIDE, FaceCrop
from talkgen.render.paste import (
    check_regions,
    face_mask,
    matched,
    own_detail,
    paste,
    region_strength,
    tempered,
)


def crop_at(x: float, y: float, side: float, roll: float = 0.0) -> FaceCrop:
    """Return the crop about (x, y), `side` pixels of the picture wide, turned by `roll`."""
    cos, sin = np.cos(roll), np.sin(roll)
    linear = np.float32([[cos, sin], [-sin, cos]]) * np.float32(SIDE / side)
    shift = np.float32([SIDE / 2 - 0.5] * 2) - linear @ np.float32([x, y])
    return FaceCrop(np.column_stack([linear, shift]).astype(np.float32))


def smooth_picture(width: int, height: int) -> np.ndarray:
    rough = np.random.default_rng(0).integers(20, 120, (9, 9, 3)).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("size", "side", "roll"), [(120, 60, 0.0), (300, 200, 0.4), (900, 700, -0.2)]
)
def test_a_change_comes_back_to_its_place(size: int, side: float, roll: float) -> None:
    """What is cut from a picture and laid over black is that picture again."""
    picture = smooth_picture(size, size)
    crop = crop_at(0.5 * size, 0.55 * size, side, roll)
    frame = np.zeros_like(picture)
    paste(frame, crop, crop.cut(picture).astype(np.float32), np.ones((64, 64), np.float32))
    inside = np.zeros((SIDE, SIDE), np.uint8)
    inside[12:-12, 12:-12] = 255
    shown = cv2.warpAffine(inside, crop.back(), (size, size)) == 255
    assert shown.sum() > 500
    assert np.abs(frame[shown].astype(int) - picture[shown]).mean() < 1.0
    assert np.abs(frame[shown].astype(int) - picture[shown]).max() < 8
    outside = cv2.warpAffine(np.full((SIDE, SIDE), 255, np.uint8), crop.back(), (size, size)) == 0
    outside = cv2.erode(outside.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert not frame[outside].any()


@pytest.mark.parametrize("place", [(0, 0), (99, 50), (-20, 70), (-500, 20), (400, 900)])
def test_crops_that_leave_the_picture(place: tuple[float, float]) -> None:
    frame = np.full((80, 100, 3), 50, np.uint8)
    paste(frame, crop_at(*place, 70), np.full((SIDE, SIDE, 3), 30, "f4"), np.ones((64, 64), "f4"))
    assert frame.min() >= 45  # bicubic, at an edge that masks never have
    hidden = max(map(abs, place)) > 300
    assert frame.max() == 50 if hidden else 80 <= frame.max() <= 90


def test_nothing_changes_nothing_and_levels_stay_in_range() -> None:
    picture = smooth_picture(200, 160)
    frame, crop = picture.copy(), crop_at(100, 80, 90)
    paste(frame, crop, np.zeros((SIDE, SIDE, 3), np.float32), np.ones((64, 64), np.float32))
    np.testing.assert_array_equal(frame, picture)
    for levels, limit in ((999.0, 255), (-999.0, 0)):
        paste(frame, crop, np.full((SIDE, SIDE, 3), levels, "f4"), np.ones((64, 64), "f4"))
        assert frame[80, 100].tolist() == [limit] * 3


def maps_of_a_face() -> np.ndarray:
    """Return maps of a disc of skin with a mouth, whose nostril is no part of the surface."""
    maps = np.zeros((NUM_MAPS, 64, 64), np.float32)
    y, x = np.mgrid[:64, :64]
    disc = np.hypot(x - 32, y - 20) < 24  # leaves the crop at the top
    maps[LABELS.index("skin")] = disc
    maps[CHANNELS.index("seen")] = disc
    maps[:, 20:22, 30:32] = 0
    maps[LABELS.index("skin"), 30:36, 26:38] = 0
    maps[LABELS.index("inside"), 30:36, 26:38] = 1
    return maps


def test_mask_is_solid_inside_and_fades_to_rim_and_edges() -> None:
    mask = face_mask(maps_of_a_face())
    assert mask.min() >= 0.0
    assert mask.max() <= 1.0
    assert mask[21, 31] > 0.95  # the nostril
    assert mask[33, 32] > 0.95  # the mouth's inside
    assert mask[0].max() < 0.1  # the crop's edge
    y, x = np.mgrid[:64, :64]
    assert mask[np.hypot(x - 32, y - 20) > 26.5].max() < 0.1
    assert np.abs(np.diff(mask, axis=0)).max() < 0.5
    assert np.abs(np.diff(mask, axis=1)).max() < 0.5


def test_fine_changes_of_skin_are_left_out_and_coarse_ones_are_not() -> None:
    maps = maps_of_a_face()
    y, x = np.mgrid[:SIDE, :SIDE]
    fine = np.repeat(np.where((x + y) % 2, 20.0, -20.0)[..., None], 3, 2).astype(np.float32)
    left = np.abs(own_detail(fine, maps))[..., 0]
    assert left[60:76, 120:136].max() < 1.0  # skin
    assert left[126:138, 116:140].min() > 18.0  # the mouth's inside
    fold = np.repeat(20 * np.exp(-(((x - 60) / 6.0) ** 2))[..., None], 3, 2).astype(np.float32)
    assert np.abs(own_detail(fold, maps) - fold).max() < 4.0
    np.testing.assert_array_equal(own_detail(0 * fine, maps), 0)


def test_coarse_changes_are_laid_in_whole_and_fine_ones_by_half() -> None:
    x = np.arange(SIDE, dtype=np.float32)
    coarse = np.tile(10 * np.sin(x / 40)[None, :, None], (SIDE, 1, 3))
    fine = np.tile(np.float32([6, -6])[x.astype(int) // 2 % 2][None, :, None], (SIDE, 1, 3))
    middle = (slice(40, -40), slice(40, -40))
    kept = tempered(np.float32(coarse + fine), 0.5)
    assert np.abs(kept - coarse - 0.5 * fine)[middle].max() < 0.6
    assert np.array_equal(tempered(fine, 1.0), fine)


def test_a_step_of_colour_is_taken_out_and_features_stay() -> None:
    mask = face_mask(maps_of_a_face())
    change = np.zeros((SIDE, SIDE, 3), np.float32)
    change[120:144, 104:152] = 40.0  # the mouth
    shifted = change + np.float32([5, -3, 8])
    np.testing.assert_allclose(matched(shifted, mask), matched(change, mask), atol=1e-3)
    np.testing.assert_allclose(matched(change, mask), change, atol=0.5)
    np.testing.assert_array_equal(matched(change, np.zeros((64, 64), np.float32)), change)


def test_regions_follow_the_landmarks() -> None:
    marks = np.full((478, 3), 128, np.float32)
    marks[78], marks[308] = (108, 190, 0), (148, 190, 0)  # corners of the mouth
    from talkgen.render.rings import INNER_LIPS

    for row in INNER_LIPS:
        if row not in (78, 308):
            marks[row] = (128, 190, 0)
    strength = region_strength(marks, check_regions({"lips": 0.5, "rest": 0.0}))
    assert isinstance(strength, np.ndarray)
    assert strength[47, 32] == pytest.approx(0.5)
    assert strength[5, 5] == strength[60, 60] == 0.0
    assert region_strength(marks, check_regions({})) == 1.0
