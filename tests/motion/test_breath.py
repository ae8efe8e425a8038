"""Breath: before speech that follows a pause, and slowly in silence."""

import numpy as np

from talkgen.motion.breath import ONSET_LEAD, PART, BreathProcess, breath_gap, speech_onsets


def test_onsets_after_pauses_only():
    speech = np.ones(200, bool)
    speech[40:60] = False  # a pause
    speech[100:104] = False  # a gap within speech
    assert np.flatnonzero(speech_onsets(speech)).tolist() == [60 - ONSET_LEAD]
    gap = breath_gap(speech_onsets(speech))
    assert gap.max() <= PART + 1e-6
    assert gap[60 - ONSET_LEAD // 2 - 1] > 0.5 * PART
    assert not gap[60:].any()
    assert not gap[: 60 - ONSET_LEAD].any()


def test_lungs_fill_before_speech_and_empty_along_it():
    process = BreathProcess(np.random.default_rng(0))
    level = np.array([process.step(t >= ONSET_LEAD, t == 0) for t in range(100)])
    assert level[9] > 0.65
    assert level[-1] < 0.2
    assert np.abs(np.diff(level)).max() < 0.2


def test_breathing_at_rest_is_slow():
    process = BreathProcess(np.random.default_rng(1))
    level = np.array([process.step(False, False) for _ in range(25 * 120)])
    breaths = np.sum((level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:])) / 2
    assert 10 < breaths < 22  # a minute
    assert level.max() < 0.8
