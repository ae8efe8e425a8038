"""Blinks, gaze and head motion: rates and ranges of real people, same seed same motion."""

import numpy as np
import pytest

from talkgen.motion.blink import BlinkProcess
from talkgen.motion.gaze import GazeProcess, look_weights
from talkgen.motion.head_motion import DEGREE, HeadProcess, find_accents
from talkgen.types import MOTION_CHANNELS


def lids(seed: int, frames: int = 25 * 60 * 3) -> np.ndarray:
    process = BlinkProcess(np.random.default_rng(seed))
    return np.array([process.step(t % 100 < 75) for t in range(frames)])


def test_blink_rate_and_length():
    rates, lengths = [], []
    for seed in range(4):
        shut = (lids(seed) > 0.4).astype(int)
        edges = np.diff(np.concatenate([[0], shut, [0]]))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        rates.append(len(starts) / 3)
        lengths.append((ends - starts).mean() / 25)
    assert 12 < np.mean(rates) < 32
    assert 0.06 < np.mean(lengths) < 0.25


def test_same_seed_same_blinks():
    assert np.array_equal(lids(3, 500), lids(3, 500))
    assert not np.array_equal(lids(3, 500), lids(4, 500))


def test_eyes_look_the_same_way():
    to_picture_left = look_weights(0.1, 0.05, MOTION_CHANNELS)
    named = dict(zip(MOTION_CHANNELS, to_picture_left, strict=True))
    assert named["eyeLookInLeft"] == named["eyeLookOutRight"] == pytest.approx(0.2)
    assert named["eyeLookDownLeft"] == named["eyeLookDownRight"] == pytest.approx(0.1)
    assert sum(v > 0 for v in to_picture_left) == 4


def test_eyes_counter_the_head():
    process = GazeProcess(np.random.default_rng(0))
    turned = np.array([process.step(np.array([0.0, 0.1, 0.0])) for _ in range(2000)])
    assert -0.12 < turned[:, 0].mean() < -0.05


def test_head_stays_in_a_talking_persons_range():
    process = HeadProcess(np.random.default_rng(0))
    accents = np.random.default_rng(1).random(5000) < 0.04
    turns = np.array([process.step(True, bool(a))[0] for a in accents]) / DEGREE
    assert (np.abs(turns) < 12).all()
    assert (turns.std(0) > 0.5).all()
    assert (turns.std(0) < 4).all()
    speed = np.abs(np.diff(turns, axis=0)).mean() * 25
    assert 1 < speed < 25  # degrees a second


def test_accents_are_loud_peaks():
    loud = np.full(60, -30.0, np.float32)
    loud[20], loud[19], loud[21], loud[40] = -1.0, -4.0, -5.0, -20.0
    assert np.flatnonzero(find_accents(loud)).tolist() == [20]
