"""The measuring tables count what they say they count."""

import dataclasses

import numpy as np
import pytest

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.region import Region, box_of
from talkgen.training.perception_evaluate import Tally
from talkgen.training.perception_tables import _bin, jitter, noisy, sheet
from talkgen.types import MOTION_CHANNELS, Face


@pytest.fixture
def face() -> Face:
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 80, (478, 3)).astype(np.float32)
    points[33], points[263] = (30, 40, 0), (70, 40, 0)
    scores = rng.uniform(0, 1, len(MOTION_CHANNELS))
    return Face(points, box_of(points), scores, np.zeros(3), 0.9)


class Shaky:
    """A backend that reads one face, off by one pixel up or down from picture to picture."""

    def __init__(self, face: Face) -> None:
        self.face, self.sign = face, 1

    def find(self, image: np.ndarray) -> list[Region]:
        return [Region(50, 50, 60)]

    def read(self, image: np.ndarray, region: Region, *, rough: bool = False) -> Face:
        self.sign *= -1
        moved = self.face.landmarks + np.array([0, 0.5 * self.sign, 0], np.float32)
        return dataclasses.replace(self.face, landmarks=moved)


def test_tally_counts_points_missed_and_turns(face: Face) -> None:
    tally = Tally()
    moved = dataclasses.replace(
        face, landmarks=face.landmarks + np.float32([0.4, 0, 0]), rotation=np.radians([3, -2, 0])
    )
    for _ in range(5):
        tally.add(moved, face)
    tally.add(None, face)
    table = tally.table()
    assert table["n"] == 6
    assert table["found"] == pytest.approx(5 / 6, abs=1e-3)
    assert table["nme_mean"] == pytest.approx(1.0, abs=1e-3)  # 0.4 px of 40
    assert table["rotation_from_teacher_deg"] == pytest.approx([3, 2, 0], abs=0.02)
    assert table["scores_mae"] == 0


def test_jitter_of_a_shaky_reading(face: Face) -> None:
    image = np.full((100, 100, 3), 128, np.uint8)
    scatter = jitter(FaceAnalyzer(Shaky(face)), image, count=13)
    assert scatter is not None
    assert scatter["all"] == pytest.approx(100 * 0.5 / 40, rel=0.05)


def test_noise_differs_from_frame_to_frame() -> None:
    image = np.full((40, 40, 3), 128, np.uint8)
    one, other = noisy(image, 2, level=3.0)
    assert one.std() == pytest.approx(3.0, rel=0.1)
    assert (one != other).any()


def test_sheet_covers_from_below(face: Face) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    assert not sheet(image, face, 0.0).any()
    half, most = (sheet(image, face, s)[:, 50, 0] for s in (0.5, 0.8))
    assert 0 < (half > 0).sum() < (most > 0).sum()
    assert half[78] == 128
    assert half[30] == 0


def test_bins_leave_out_what_was_lost() -> None:
    seen = (True, np.array([1.0, 2.0, 3.0]), 1.5, 1.0, 0.9)
    table = _bin([seen, (False, None, None, None, None)])
    assert table["n"] == 2
    assert table["found"] == table["followed"] == 0.5
    assert table["rotation_deg"] == [1.0, 2.0, 3.0]
