"""The nouns check themselves on construction."""

import numpy as np
import pytest

from talkgen.errors import InputError
from talkgen.types import MOTION_CHANNELS, Audio, Emotion, Face, Motion, Portrait


def motion(frames: int = 3, **changes: object) -> Motion:
    values: dict = {
        "blendshapes": np.zeros((frames, 52)),
        "rotation": np.zeros((frames, 3)),
        "translation": np.zeros((frames, 3)),
        **changes,
    }
    return Motion(**values)


def test_channels_are_the_52_of_arkit() -> None:
    assert len(MOTION_CHANNELS) == len(set(MOTION_CHANNELS)) == 52
    lefts = {c for c in MOTION_CHANNELS if c.endswith("Left")} - {"jawLeft", "mouthLeft"}
    rights = {c for c in MOTION_CHANNELS if c.endswith("Right")} - {"jawRight", "mouthRight"}
    assert {c.removesuffix("Left") for c in lefts} == {c.removesuffix("Right") for c in rights}


def test_arrays_become_float32() -> None:
    assert motion().blendshapes.dtype == np.float32
    assert Audio(np.zeros(8, dtype=np.float64)).samples.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blendshapes": np.zeros((3, 51))}, "blendshapes"),
        ({"blendshapes": np.full((3, 52), 1.5)}, "0 to 1"),
        ({"blendshapes": np.full((3, 52), np.nan)}, "NaN"),
        ({"rotation": np.zeros((2, 3))}, "rotation"),
        ({"fps": 0.0}, "fps"),
        ({"space": "world"}, "space"),
    ],
)
def test_motion_names_what_is_wrong(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        motion(**changes)


def test_rounding_beyond_one_is_clipped() -> None:
    assert motion(blendshapes=np.full((3, 52), 1.00005)).blendshapes.max() == 1.0


def test_picture_has_to_be_uint8_rgb() -> None:
    face = Face(np.zeros((478, 3)), np.zeros(4), np.zeros(52), np.zeros(3))
    with pytest.raises(InputError, match="uint8"):
        Portrait(np.zeros((4, 4, 3), dtype=np.float32), face)


def test_face_measures() -> None:
    points = np.zeros((478, 3), dtype=np.float32)
    points[263, 0] = 30.0
    points[263, 1] = 40.0
    face = Face(points, np.array([1, 2, 21, 42]), np.zeros(52), np.zeros(3))
    assert face.interocular == 50.0
    assert face.size == 40.0


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "at least one"),
        ({"intensity": [0.5]}, "at least one"),
        ({"weights": np.ones((2, 8))}, "sum to 1"),
        ({"weights": [[-1, 2, 0, 0, 0, 0, 0, 0]]}, "0 to 1"),
        ({"weights": np.eye(8)[:2], "intensity": [1.0]}, "length"),
        ({"weights": np.eye(8)[:2], "intensity": [1.0, 1.2]}, "intensity"),
        ({"weights": np.zeros((0, 8))}, "length"),
        ({"valence_arousal": [[0.0, -1.5]]}, "-1 to 1"),
        ({"action_units": {"smile": [0.5]}}, "no action unit"),
        ({"action_units": {"AU12": [1.5]}}, "0 to 1"),
        ({"weights": np.eye(8)[:2], "times": [1.0, 1.0]}, "rise"),
        ({"weights": np.eye(8)[:2], "fps": 0}, "fps"),
    ],
)
def test_emotion_says_what_is_wrong(parts: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Emotion(**parts)


def test_emotion_samples_have_times() -> None:
    track = Emotion(weights=np.eye(8)[:3], fps=10)
    assert len(track) == 3
    assert np.allclose(track.sample_times, [0, 0.1, 0.2])
    assert Emotion(action_units={"AU12L": [0.5]}).sample_times.tolist() == [0]
