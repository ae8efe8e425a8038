"""Figures of behaviour on tracks that are known."""

import numpy as np
import pytest

from talkgen.face.head import HeadModel
from talkgen.training.behaviour_measure import (
    Stretch,
    blink_spans,
    lid_openness,
    made_turns,
    measure,
    posed_landmarks,
)
from talkgen.types import MOTION_CHANNELS

BLINKS = [MOTION_CHANNELS.index(f"eyeBlink{side}") for side in ("Left", "Right")]


def stretch(frames: int = 750) -> Stretch:
    """Half a minute: a blink every 3 s, a brow raise every 5 s, a head that sways in yaw."""
    time = np.arange(frames) / 25
    openness = np.ones(frames, np.float32)
    weights = np.zeros((frames, 52), np.float32)
    for start in range(50, frames - 10, 75):
        openness[start : start + 3] = 0.2
    for start in range(60, frames - 20, 125):
        weights[start : start + 15, MOTION_CHANNELS.index("browInnerUp")] = 0.6
    rotation = np.zeros((frames, 3), np.float32)
    rotation[:, 1] = np.radians(4) * np.sin(2 * np.pi * 0.5 * time)
    eyes = np.zeros((frames, 2), np.float32)
    eyes[(time % 4) > 3, 1] = np.radians(8)
    return Stretch(openness, rotation, weights, eyes, np.ones(frames, bool))


def test_known_figures():
    out = measure([stretch(), stretch()])
    assert out["blinks a minute"] == pytest.approx(20, abs=2)
    assert out["blink ms"] == pytest.approx(120)
    assert out["head yaw spread deg"] == pytest.approx(4 / np.sqrt(2), rel=0.05)
    assert out["head pitch spread deg"] == 0
    assert out["head speed deg/s"] == pytest.approx(4 * np.pi * 2 / np.pi, rel=0.1)
    assert out["gaze yaw spread deg"] == pytest.approx(8 * np.sqrt(3 / 16), rel=0.1)
    assert out["gaze shifts a minute"] == pytest.approx(30, abs=4)
    assert out["brow raises a minute"] == pytest.approx(12, abs=2)


def test_lids_of_the_head_are_read_like_tracked_ones():
    head = HeadModel.from_pretrained("head")
    weights = np.zeros((40, 52), np.float32)
    weights[20:23, BLINKS] = 1.0
    openness = lid_openness(posed_landmarks(head, weights))
    assert openness[:15] == pytest.approx(1.0, abs=1e-3)
    first, lengths = blink_spans(openness)
    assert (first.tolist(), lengths.tolist()) == ([20], [3])


def test_looks_have_directions():
    weights = np.zeros((1, 52), np.float32)
    weights[0, MOTION_CHANNELS.index("eyeLookInLeft")] = 0.4
    weights[0, MOTION_CHANNELS.index("eyeLookUpLeft")] = 0.2
    assert made_turns(weights, 0.5)[0] == pytest.approx([-0.1, 0.2])
