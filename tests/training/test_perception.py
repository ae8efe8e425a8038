"""The fit loops of the perception networks run, save their state and go on from it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from talkgen.face.detector import DetectorConfig
from talkgen.face.head import HeadModel
from talkgen.face.landmarks import LandmarkConfig
from talkgen.face.points import CONTOUR, MIRROR
from talkgen.training import perception_covers, perception_detector, perception_landmarks
from talkgen.training.perception_rendered import Mixture, RenderedFaces
from talkgen.training.perception_scenes import PictureSet, as_regions, scene
from talkgen.training.perception_views import (
    FaceSet,
    detail_view,
    disturb,
    face_view,
    inside,
    negative_view,
    random_view,
)

LANDMARKS = LandmarkConfig(
    side=64, stem=4, widths=(4, 4, 4), depths=(1, 1, 1), hidden=8, detail_side=32,
    detail_stem=4, detail_widths=(4, 4), detail_depths=(1, 1), detail_hidden=8, reader_hidden=8,
)  # fmt: skip
DETECTOR = DetectorConfig(stem=4, widths=(4, 4, 4, 4), depths=(1, 1, 1, 1), joined=4)
COUNT = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write cached faces as `scripts/prepare_faces.py` does, with made-up content."""
    path = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(0)
    shape = rng.uniform(-60, 60, (478, 3))
    shape[MIRROR] = shape * (-1, 1, 1)  # about symmetric
    shape[33], shape[263] = (-50, -20, 0), (50, -20, 0)
    shape[133], shape[362], shape[1] = (-20, -20, 0), (20, -20, 0), (0, 0, -9)
    noise = rng.normal(0, 2, (COUNT, 478, 3))
    landmarks = (shape + np.array([160, 160, 0]) + noise).astype(np.float32)
    pictures = rng.integers(0, 256, (COUNT, 320, 320, 3), dtype=np.uint8)
    np.save(path / "crops.npy", pictures)
    np.save(path / "pictures.npy", pictures)
    held = np.arange(COUNT) % 4 == 0
    np.savez(
        path / "faces.npz", landmarks=landmarks, scores=rng.uniform(0, 1, (COUNT, 52)),
        rotation=rng.normal(0, 0.1, (COUNT, 3)), held=held, person=np.arange(COUNT) // 2,
        picture_size=np.full((COUNT, 2), 320), picture_landmarks=landmarks, picture_held=held,
    )  # fmt: skip
    return path


def test_views_carry_their_labels_along(folder: Path) -> None:
    faces = FaceSet(folder)
    rng = np.random.default_rng(1)
    assert len(faces) == 9
    for index in range(4):
        view = random_view(faces, index, rng)
        matrix = face_view(view, 1.3, rng)
        # A dot painted on a landmark of the crop shows up where the label says.
        view.crop = np.zeros_like(view.crop)
        x, y = np.rint(view.landmarks[1, :2]).astype(int)
        view.crop[y - 4 : y + 5, x - 4 : x + 5] = 255
        seen = view.take(matrix, 128).astype(float).mean(2)
        rows, columns = np.mgrid[:128, :128]
        spot = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
        label = (inside(view.landmarks, matrix)[1, :2] + 0.5) * 128 - 0.5
        assert np.abs(spot - label).max() < 1.0


def test_views_of_parts_and_of_nothing(folder: Path) -> None:
    faces = FaceSet(folder)
    rng = np.random.default_rng(1)
    for index in range(8):
        view = random_view(faces, index, rng)
        for matrix in (
            detail_view(view, "mouth", 0.5, rng),
            detail_view(view, "right", 0.4, rng),
            negative_view(view, 1.3, rng),
        ):
            assert disturb(view.take(matrix, 32), rng).shape == (32, 32, 3)


def test_scenes_know_their_faces(folder: Path) -> None:
    pictures = PictureSet(folder)
    rng = np.random.default_rng(0)
    count = 0
    for _ in range(30):
        image, faces, ignored = scene(pictures, 64, rng)
        assert image.shape == (64, 64, 3)
        assert ignored.shape[1] == 3
        for region, row in zip(as_regions(faces), faces, strict=True):
            count += 1
            assert 0 <= region.x < 64
            right, left = row[4:6], row[6:8]
            assert np.arctan2(*(left - right)[::-1]) == pytest.approx(region.roll, abs=0.5)
    assert count > 10


def test_mirrored_scenes(folder: Path) -> None:
    pictures = PictureSet(folder)
    images, faces, ignored = perception_detector.scenes(pictures, 3, 64, np.random.default_rng(0))
    once = perception_detector.mirrored(images, faces, ignored)
    twice = perception_detector.mirrored(*once)
    assert np.array_equal(twice[0], images)
    for one, other in zip(twice[1], faces, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    """Write a shard as `scripts/render_heads.py` does, with made-up content."""
    path = tmp_path_factory.mktemp("rendered")
    faces = FaceSet(folder)
    rng = np.random.default_rng(1)
    stem = path / "shard_00000"
    np.save(f"{stem}_images.npy", rng.integers(0, 256, (6, 320, 320, 3), dtype=np.uint8))
    np.save(f"{stem}_parts.npy", np.zeros((6, 320, 320), np.uint8))
    np.savez(
        f"{stem}_labels.npz", landmarks=faces.landmarks[:6], weights=rng.uniform(0, 1, (6, 52)),
        rotation=rng.normal(0, 0.5, (6, 3)), visible=rng.random((6, 478)) < 0.8,
        gaze=np.zeros((6, 2, 2)), identity=np.zeros((6, 50)), person=np.full(6, "a#1"),
        index=np.arange(6),
    )  # fmt: skip
    return path


def test_rendered_heads_are_mixed_in(folder: Path, rendered: Path) -> None:
    drawn = RenderedFaces(rendered)
    assert len(drawn) == 6
    drawn.rotation[0, 1], drawn.rotation[1, 1] = 0.0, 1.0
    assert drawn.trust(0)[list(CONTOUR)].max() < drawn.trust(1)[list(CONTOUR)].min()
    mixture = Mixture(FaceSet(folder), drawn, 0.5)
    rng = np.random.default_rng(0)
    kinds = [mixture.draw(rng)[1] is drawn for _ in range(200)]
    assert 70 < sum(kinds) < 130
    config = LANDMARKS
    batch = perception_landmarks.coarse_batch(
        mixture, config, perception_landmarks.Recipe(batch=24), rng
    )
    assert batch.crops.shape == (24, config.side, config.side, 3)
    assert batch.visible.shape == batch.trust.shape == (24, 478)
    assert not batch.visible[~batch.there].any()


@pytest.mark.parametrize("kind", ["hand", "surgical_mask", "glasses", "strands", "beard"])
def test_covers_change_the_face_and_say_what_they_hide(kind: str) -> None:
    head = HeadModel.from_pretrained()
    points = head.landmarks(head.vertices)[:, :2]
    points = (points - points.mean(0)) * 4 + 64
    rng = np.random.default_rng(2)
    changed = hidden = 0
    for _ in range(10):
        crop = np.full((128, 128, 3), 150, np.uint8)
        mask = getattr(perception_covers, kind)(crop, points, rng)
        changed += int((crop != 150).any())
        hidden += int(perception_covers.hidden_points(points, mask).sum())
    assert changed == 10
    assert (hidden > 0) == (kind != "beard")


@pytest.mark.parametrize("part", perception_landmarks.PARTS)
def test_landmark_parts_learn_and_go_on(
    folder: Path, rendered: Path, tmp_path: Path, part: str
) -> None:
    recipe = perception_landmarks.PRESETS["tiny"]
    state = tmp_path / f"{part}.pt"
    torch.set_num_threads(1)
    net = perception_landmarks.fit(part, folder, state, recipe, config=LANDMARKS, rendered=rendered)
    again = perception_landmarks.assemble(tmp_path, LANDMARKS)
    for one, other in zip(
        getattr(net, part).parameters(), getattr(again, part).parameters(), strict=True
    ):
        assert torch.equal(one, other)
    longer = dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, steps=6))
    perception_landmarks.fit(part, folder, state, longer, config=LANDMARKS, rendered=rendered)
    assert torch.load(state, weights_only=False)["step"] == 6


def test_trust_of_turned_heads(folder: Path) -> None:
    faces = FaceSet(folder)
    faces.rotation[:2, 1] = 0.0, np.radians(28)
    assert faces.trust(0).min() == 1.0
    assert faces.trust(1).max() < 0.4


def test_detector_learns_and_goes_on(folder: Path, tmp_path: Path) -> None:
    recipe = perception_detector.PRESETS["tiny"]
    state = tmp_path / "detector.pt"
    torch.set_num_threads(1)
    perception_detector.fit(folder, state, recipe, config=DETECTOR)
    longer = dataclasses.replace(recipe, schedule=dataclasses.replace(recipe.schedule, steps=5))
    net = perception_detector.fit(folder, state, longer, config=DETECTOR)
    assert torch.load(state, weights_only=False)["step"] == 5
    report = perception_detector.evaluate(net, folder, 64, 4)
    assert 0 <= report["recall"] <= 1
