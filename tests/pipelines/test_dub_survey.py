"""The first look at a video: stretches between cuts, who is who, memory that hardly grows."""

import dataclasses
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from talkgen.io.pictures import open_pictures
from talkgen.io.writer import VideoWriter
from talkgen.pipelines.dub_people import listen, people_of, speaker
from talkgen.pipelines.dub_survey import Survey, survey
from talkgen.types import Face, ImageArray

SHOT = 40


def face(number: int, place: float) -> Face:
    rng = np.random.default_rng(number)
    points = rng.uniform(0, 40, (478, 3)).astype(np.float32)
    points[33, :2], points[263, :2] = (5, 10), (35, 10)
    points[:, 0] += np.float32(place)
    box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    return Face(points, box, np.zeros(52), np.zeros(3), id=number)


class Scripted:
    """Sees one face in the first shot, two in the second, that of the first again in the third."""

    def track(self, frames: Iterable[ImageArray]) -> Iterator[list[Face]]:
        for n, _ in enumerate(frames):
            shot = n // SHOT % 3
            ids = {0: [0], 1: [1, 2], 2: [3]}[shot]
            yield [face(4 * (n // (3 * SHOT)) + k, 45.0 * (k == 2)) for k in ids]


class Names:
    """Embeds a face by where it is: the second face of the second shot is somebody else."""

    threshold = 0.5

    def embed(self, image: ImageArray, seen: Face) -> np.ndarray:
        other = float(seen.landmarks[33, 0]) % 45 > 20 or image.mean() > 120
        return np.array([0.0, 1.0] if other else [1.0, 0.0], np.float32)


def video(path: Path, frames: int) -> Path:
    with VideoWriter(path, size=(96, 64), fps=25) as writer:
        for n in range(frames):
            level = (20, 110, 200)[n // SHOT % 3]
            picture = np.full((64, 96, 3), level, np.uint8)
            picture[:, : 32 * (n // SHOT % 3)] = 255 - level
            writer.write(picture)
    return path


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Survey]:
    source = open_pictures(video(tmp_path / "v.mp4", 3 * SHOT))
    made = survey(source, Scripted(), Names())
    yield made
    made.close()


def test_stretches_end_at_cuts(found: Survey) -> None:
    assert found.count == 3 * SHOT
    assert found.cuts == [0, SHOT, 2 * SHOT]
    assert sorted(found.stretches) == [0, 1, 2, 3]
    for number, first in ((0, 0), (1, SHOT), (2, SHOT), (3, 2 * SHOT)):
        stretch = found.stretches[number]
        assert stretch.frames == list(range(first, first + SHOT))
        assert stretch.begins_cut
        assert stretch.ends_cut
        key, teeth = stretch.portraits()
        assert key is not None
        assert key.face.landmarks.shape == (478, 3)
        assert teeth is None
    records = list(found.records())
    assert [index for index, _ in records] == list(range(3 * SHOT))
    assert sorted(records[SHOT][1]) == [1, 2]
    assert np.array_equal(records[5][1][0], face(0, 0.0).landmarks)


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    peaks = []
    for shots in (3, 12):
        source = open_pictures(video(tmp_path / f"v{shots}.mp4", shots * SHOT))
        tracemalloc.start()
        survey(source, Scripted(), Names()).close()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    grown = (peaks[1] - peaks[0]) / (9 * SHOT)
    assert grown < 3_000  # bytes a picture; its landmarks alone are 5 736


def test_people(found: Survey) -> None:
    for stretch in found.stretches.values():  # two people in the second shot
        stretch.embedding = np.array([0.0, 1.0] if stretch.number == 2 else [1.0, 0.0], np.float32)
    people = people_of(found, 0.5)
    assert [sorted(s.number for s in p.stretches) for p in people] == [[0, 1, 3], [2]]
    assert [p.number for p in people] == [1, 2]
    assert speaker(people) is people[0]


def test_who_speaks(found: Survey) -> None:
    for stretch in found.stretches.values():
        stretch.embedding = np.array([0.0, 1.0] if stretch.number == 2 else [1.0, 0.0], np.float32)
    people = people_of(found, 0.5)
    shown: list[tuple[int, float]] = []

    def of_lips(lips: np.ndarray, sound: SimpleNamespace) -> SimpleNamespace:
        shown.append((len(lips), sound.seconds))
        second = lips[0, 33, 0] > 40
        return SimpleNamespace(offset=1 if second else 9, confidence=0.4 if second else 0.9)

    blocks = (np.ones(16_000, np.float32) for _ in range(5))
    listen(people, found, blocks, SimpleNamespace(of_lips=of_lips))
    assert [p.follows for p in people] == [0.0, 0.4]  # a far offset is another's speech
    assert speaker(people).number == 2
    assert all(count == SHOT for count, _ in shown)
    silent = [dataclasses.replace(p, follows=0.0) for p in people]
    assert speaker(silent) is silent[0]
