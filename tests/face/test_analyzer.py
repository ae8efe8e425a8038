"""Finding, reading and following faces with the shipped networks."""

import numpy as np
import pytest
import skimage.data

from talkgen.errors import InputError
from talkgen.face.analyzer import FaceAnalyzer, check_image
from talkgen.protocols import FaceAnalyzer as Protocol
from talkgen.types import Face

# What the MediaPipe Face Landmarker reads on the astronaut: landmark to x, y in pixels.
TEACHER = {
    33: (195.0, 100.5), 133: (213.3, 103.5), 159: (202.3, 97.5), 145: (203.8, 103.9),
    362: (236.6, 104.6), 263: (255.6, 103.3), 386: (248.3, 99.7), 374: (246.2, 105.9),
    468: (203.1, 101.0), 473: (246.5, 103.1), 61: (202.0, 138.8), 291: (244.4, 140.3),
    0: (223.0, 140.4), 17: (221.9, 155.0), 13: (222.8, 142.9), 14: (222.2, 149.6),
}  # fmt: skip


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer.from_pretrained()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def face(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> Face:
    (face,) = analyzer.analyze(astronaut)
    return face


def test_is_an_analyzer(analyzer: FaceAnalyzer) -> None:
    assert isinstance(analyzer, Protocol)


def test_unknown_backend() -> None:
    with pytest.raises(InputError, match="backend"):
        FaceAnalyzer.from_pretrained("telepathy")


def test_reads_the_astronaut_as_the_teacher_does(face: Face) -> None:
    for point, place in TEACHER.items():
        gap = np.linalg.norm(face.landmarks[point, :2] - place) / face.interocular
        assert gap < 0.05, point
    assert face.score > 0.8
    assert face.box == pytest.approx((180, 70, 271, 178), abs=5)
    assert np.abs(face.rotation).max() < 0.35
    assert face.landmarks[1, 2] < face.landmarks[234, 2]


def test_same_picture_same_face(analyzer: FaceAnalyzer, astronaut: np.ndarray, face: Face) -> None:
    (again,) = analyzer.analyze(astronaut)
    assert np.array_equal(again.landmarks, face.landmarks)


def test_enlarged_picture(analyzer: FaceAnalyzer, astronaut: np.ndarray, face: Face) -> None:
    large = np.kron(astronaut, np.ones((3, 3, 1), np.uint8))
    (found,) = analyzer.analyze(large)
    gap = np.linalg.norm(found.landmarks[:, :2] / 3 - face.landmarks[:, :2], axis=1)
    assert gap.mean() / face.interocular < 0.03


def test_turned_and_mirrored(analyzer: FaceAnalyzer, astronaut: np.ndarray, face: Face) -> None:
    (found,) = analyzer.analyze(astronaut[:, ::-1])
    assert found.rotation == pytest.approx(face.rotation * [1, -1, -1], abs=0.12)


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "brick", "grass", "coins", "moon"])
def test_no_face_in_other_pictures(analyzer: FaceAnalyzer, name: str) -> None:
    assert analyzer.analyze(getattr(skimage.data, name)()) == []


def test_no_face_in_blank_and_noise(analyzer: FaceAnalyzer) -> None:
    rng = np.random.default_rng(0)
    for image in (
        np.zeros((300, 400, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        rng.integers(0, 256, (256, 256, 3), dtype=np.uint8),
        np.tile(np.linspace(0, 255, 200).astype(np.uint8)[:, None, None], (1, 200, 3)),
        np.zeros((1, 1, 3), np.uint8),
    ):
        assert analyzer.analyze(image) == []


def test_several_faces_largest_first(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> None:
    head = astronaut[0:256, 96:352]
    canvas = np.full((384, 640, 3), 128, np.uint8)
    canvas[64:192, 32:160] = head[::2, ::2]
    canvas[64:320, 320:576] = head
    faces = analyzer.analyze(canvas)
    assert len(faces) == 2
    assert faces[0].size > 1.7 * faces[1].size
    assert faces[0].box[0] > 320 > faces[1].box[0]


def test_odd_arrays(analyzer: FaceAnalyzer, astronaut: np.ndarray, face: Face) -> None:
    with pytest.raises(InputError, match="uint8"):
        analyzer.analyze(astronaut.astype(np.int32))
    with pytest.raises(InputError, match="shape"):
        analyzer.analyze(np.zeros((4, 4, 5), np.uint8))
    with pytest.raises(InputError, match="pixels"):
        analyzer.analyze(np.zeros((0, 4, 3), np.uint8))
    assert check_image(np.zeros((5, 6), np.uint8)).shape == (5, 6, 3)
    grey = astronaut[..., 1]
    (found,) = analyzer.analyze(grey)
    assert found.box == pytest.approx(face.box, abs=6)
    (found,) = analyzer.analyze(astronaut[::1, ::1][:, :, [0, 1, 2]])
    assert np.array_equal(found.landmarks, face.landmarks)


def test_sideways_does_not_fail(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> None:
    for turns in (1, 2, 3):
        assert isinstance(analyzer.analyze(np.rot90(astronaut, turns)), list)


def test_follows_a_moving_face_without_lag(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> None:
    steps = [0, 3, 6, 12, 18, 18, 18]
    frames = [astronaut[0:300, 60 + s : 360 + s] for s in steps]
    tracks = list(analyzer.track(frames))
    assert [len(t) for t in tracks] == [1] * len(frames)
    first = tracks[0][0]
    for step, (found,) in zip(steps, tracks, strict=True):
        expected = first.landmarks[:, :2] - (step, 0)
        gap = np.linalg.norm(found.landmarks[:, :2] - expected, axis=1).mean()
        assert gap / first.interocular < 0.02


def test_track_through_cuts_and_empty_frames(analyzer: FaceAnalyzer, astronaut: np.ndarray) -> None:
    empty = np.zeros((300, 300, 3), np.uint8)
    one = astronaut[0:300, 60:360]
    other = astronaut[0:300, 120:420]
    counts = [len(faces) for faces in analyzer.track([empty, one, empty, other, other])]
    assert counts == [0, 1, 0, 1, 1]
    assert list(analyzer.track([])) == []
