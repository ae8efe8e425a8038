"""Blinks, gaze and head motion: rates and ranges of real people, same seed same motion."""

import numpy as np
import pytest

from talkgen.motion.blink import BlinkProcess
from talkgen.motion.facs import FELT
from talkgen.motion.gaze import GazeProcess, look_weights
from talkgen.motion.head_motion import (
    BROW_CHANCE,
    DEGREE,
    FLAT,
    HIGH,
    NONE,
    PLAIN_ACCENT,
    HeadProcess,
    accents_of,
    find_accents,
    find_pitch_tops,
)
from talkgen.motion.manner import PLAIN, Manner, manner_of, style_of
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


def test_blink_rate_follows_person_emotion_and_silence():
    def count(rate: float = 1.0, hurry: float = 1.0, speaking: bool = True) -> int:
        process = BlinkProcess(np.random.default_rng(7), rate=rate)
        shut = np.array([process.step(speaking, hurry) > 0.5 for _ in range(25 * 300)])
        return int((np.diff(shut.astype(int)) == 1).sum())

    plain = count()
    assert 75 < plain < 150  # in five minutes
    assert count(rate=0) == 0
    assert count(rate=2) > 1.4 * plain
    assert count(hurry=0.5) < 0.75 * plain
    assert count(speaking=False) < 0.85 * plain


def test_blinks_close_fast_and_open_slowly():
    closing = lids(0)
    starts = np.flatnonzero((closing[1:] > 0) & (closing[:-1] == 0)) + 1
    tops = [start + int(np.argmax(closing[start : start + 8])) for start in starts[:-1]]
    down = np.mean([top - start for start, top in zip(starts, tops, strict=False)])
    up = np.mean([np.flatnonzero(closing[top:] < 0.05)[0] for top in tops])
    assert closing[tops].min() > 0.5
    assert down < up
    assert closing.max() <= 1


def looks(manner: Manner, speaking: bool = True) -> np.ndarray:
    process = GazeProcess(np.random.default_rng(3))
    still = np.zeros(3, np.float32)
    return np.array([process.step(still, speaking=speaking, manner=manner) for _ in range(9000)])


def test_gaze_rests_on_the_viewer_and_saccades_are_sudden():
    plain = np.degrees(looks(PLAIN))
    far = np.linalg.norm(plain, axis=1) > 4
    assert 0.03 < far.mean() < 0.3
    steps = np.linalg.norm(np.diff(plain, axis=0), axis=1)
    assert np.median(steps) < 0.4
    assert steps.max() > 5


def test_sad_eyes_look_away_and_down():
    plain, sad = looks(PLAIN), looks(manner_of(np.eye(7)[FELT.index("sad")]))
    away = [(np.linalg.norm(v - np.median(v, axis=0), axis=1) > np.radians(4)).mean()
            for v in (plain, sad)]  # fmt: skip
    assert away[1] > away[0]
    assert np.median(sad[:, 1]) > np.median(plain[:, 1]) + 0.03


def test_persons_differ():
    styles = [style_of(seed) for seed in range(60)]
    assert style_of(3) == style_of(3)
    for name in ("blink", "head", "brow", "nod", "gaze"):
        values = np.array([getattr(style, name) for style in styles])
        assert 0.7 < np.median(values) < 1.4
        assert values.std() > 0.15


def test_a_nod_lifts_the_head_first():
    for seed in range(20):
        process = HeadProcess(np.random.default_rng(seed))
        process._accent(PLAIN)
        if process._nods.any():
            pitch = process._nods[:, 0]
            assert pitch.min() < 0 < pitch.max()
            assert pitch.argmin() < pitch.argmax()
            break
    else:
        raise AssertionError("no nod in twenty")


def test_pitch_tops_are_those_of_the_melody():
    pitch = np.full(80, 120.0, np.float32)
    pitch[30:37] = [130, 150, 170, 180, 165, 140, 125]  # seven semitones up
    pitch[60] = 130.0  # one and a half
    pitch[45:52] = 0.0  # unvoiced
    assert np.flatnonzero(find_pitch_tops(pitch)).tolist() == [33]
    assert not find_pitch_tops(np.zeros(50, np.float32)).any()


def test_accents_know_the_pitch():
    loud, pitch = np.full(120, -30.0, np.float32), np.full(120, 120.0, np.float32)
    for top in (20, 60, 100):
        loud[top - 1 : top + 2] = [-4.0, -1.0, -5.0]
    pitch[57:62] = [130, 150, 170, 160, 130]  # a frame before the second loud peak
    pitch[80] = 180.0  # far from any
    kinds = accents_of(loud, pitch)
    assert kinds[[20, 60, 100]].tolist() == [FLAT, HIGH, FLAT]
    assert (np.delete(kinds, [20, 60, 100]) == NONE).all()
    assert accents_of(loud)[[20, 60, 100]].tolist() == [PLAIN_ACCENT] * 3


def test_brows_rise_on_high_accents():
    raised = {}
    for kind in (PLAIN_ACCENT, FLAT, HIGH):
        process, count = HeadProcess(np.random.default_rng(0)), 0
        for _ in range(600):
            process._brows[:] = 0
            process._accent(PLAIN, kind)
            count += process._brows.any()
        raised[kind] = count / 600
    assert raised[FLAT] < 0.6 * raised[PLAIN_ACCENT] < 0.4 * raised[HIGH]
    assert abs(raised[PLAIN_ACCENT] - BROW_CHANCE) < 0.05
