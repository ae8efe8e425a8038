"""Faces keep their ids through a video, and a search is made only when there is reason to."""

import dataclasses

import numpy as np
import pytest

from talkgen.face.region import Region, box_of, region_of
from talkgen.face.tracking import LOOK_AGAIN, REMEMBERED, Tracker
from talkgen.types import Face, ImageArray

GREY = np.random.default_rng(0).integers(90, 170, (200, 300, 3)).astype(np.uint8)
SHAPE = np.random.default_rng(1).uniform(-0.5, 0.5, (478, 3))
SHAPE[33], SHAPE[263] = (-0.3, -0.1, 0), (0.3, -0.1, 0)


def face_at(x: float, y: float = 100.0, size: float = 60.0) -> Face:
    landmarks = SHAPE * size + (x, y, 0)
    return Face(landmarks, box_of(landmarks), np.zeros(52), np.zeros(3))


class World:
    """A made-up video: `there` says which faces stand in the frame; counts the searches."""

    def __init__(self) -> None:
        self.there: list[Face] = []
        self.searches = self.turned = 0
        self.tracker = Tracker(self.search, self.read, max_faces=8)

    def search(self, image: ImageArray, known: list[Face], *, turned: bool) -> list[Face]:
        self.searches += 1
        self.turned += turned
        centres = [k.box[0] for k in known]
        return [f for f in self.there if all(abs(f.box[0] - c) > 20 for c in centres)]

    def read(self, image: ImageArray, region: Region) -> Face | None:
        regions = [(region_of(f.landmarks), f) for f in self.there]
        return next((f for r, f in regions if np.hypot(r.x - region.x, r.y - region.y) < 20), None)

    def step(self, *faces: Face, image: ImageArray = GREY) -> list[int | None]:
        self.there = list(faces)
        return [face.id for face in self.tracker.step(image)]


@pytest.fixture
def world() -> World:
    return World()


def test_ids_stay_when_another_leaves(world: World) -> None:
    assert world.step(face_at(60), face_at(200)) == [0, 1]
    assert world.step(face_at(62), face_at(202)) == [0, 1]
    assert world.step(face_at(204)) == [1]
    assert world.step(face_at(206)) == [1]


def test_a_face_that_comes_back_to_its_place_keeps_its_id(world: World) -> None:
    world.step(face_at(60), face_at(200))
    for _ in range(10):
        assert world.step(face_at(200)) == [1]
    seen: list[list[int | None]] = [world.step(face_at(70), face_at(200)) for _ in range(6)]
    assert seen[-1] == [1, 0]


def test_an_id_is_never_given_twice(world: World) -> None:
    world.step(face_at(60))
    for _ in range(3):
        assert world.step() == []
    moved = GREY.copy()
    moved[:40] += 60  # the frame changes: a reason to search
    assert world.step(face_at(240), image=moved) == [1]  # elsewhere: someone else
    for _ in range(REMEMBERED + 2):
        world.step()
    assert world.step(face_at(60), image=moved) == [2]  # too late


def test_after_a_cut_all_are_new(world: World) -> None:
    assert world.step(face_at(60)) == [0]
    other = np.random.default_rng(5).integers(0, 256, GREY.shape).astype(np.uint8)
    assert world.step(face_at(60), image=other) == [1]
    assert world.step(face_at(60), image=np.ascontiguousarray(other[:, :-2])) == [2]  # other size


def test_a_flash_is_no_cut(world: World) -> None:
    assert world.step(face_at(60)) == [0]
    assert world.step(
        face_at(60), image=np.clip(GREY.astype(int) + 60, 0, 255).astype(np.uint8)
    ) == [0]
    assert world.step(face_at(60)) == [0]


def test_no_search_while_all_is_well(world: World) -> None:
    for _ in range(2 * LOOK_AGAIN):
        world.step(face_at(60))
    assert world.searches == 2


def test_no_search_of_still_frames_without_a_face(world: World) -> None:
    for _ in range(LOOK_AGAIN):
        assert world.step() == []
    assert world.searches == 1
    assert world.turned == 1
    changed = GREY.copy()
    changed[100:] = 30
    assert world.step(face_at(60), image=changed) == [0]


def test_a_face_that_jumps_or_grows_is_another(world: World) -> None:
    world.step(face_at(60))
    assert world.step(face_at(60, size=140)) == [1]


def test_face_carries_an_id() -> None:
    assert face_at(0).id is None
    assert dataclasses.replace(face_at(0), id=3).id == 3
