"""Coincidence of motion and accents, on tracks that are known."""

import numpy as np
import pytest

from talkgen.training.accent_measure import accented_frames, coincidence, tops


def test_coincidence_against_chance():
    rng = np.random.default_rng(0)
    accents = np.zeros(3000, bool)
    accents[rng.choice(3000, 80, replace=False)] = True
    follows = np.flatnonzero(accents)[::2] + 4
    found, chance = coincidence(follows, accents)
    assert found == 1.0
    assert 0.1 < chance < 0.4
    found, chance = coincidence(rng.integers(0, 3000, 400), accents)
    assert found == pytest.approx(chance, abs=0.08)
    assert np.isnan(coincidence(np.zeros(0, np.int64), accents)[0])


def test_tops_stand_out():
    track = np.zeros(200, np.float32)
    track[50:61] = 0.3 * np.hanning(11)
    track[120:131] = 0.02 * np.hanning(11)
    assert tops(track, 0.08).tolist() == [55]


def test_loud_high_syllables_are_found():
    """Five syllables of 0.2 s; the second and the fourth are seven semitones higher."""
    t = np.arange(int(0.2 * 16000)) / 16000
    parts = []
    for n in range(5):
        hertz = 180 if n in (1, 3) else 120
        tone = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in (1, 2, 3, 4))
        parts += [tone * np.hanning(len(t)) * 0.3, np.zeros(int(0.4 * 16000))]
    sound = np.concatenate([np.zeros(8000), *parts, np.zeros(8000)]).astype(np.float32)
    found = accented_frames(sound)
    middles = [round((0.6 + 0.6 * n) * 25) for n in range(5)]
    high, flat = np.flatnonzero(found["with pitch"]), np.flatnonzero(found["without"])
    assert len(high) == 2
    assert np.abs(high - [middles[1], middles[3]]).max() <= 3
    assert len(flat) == 3
