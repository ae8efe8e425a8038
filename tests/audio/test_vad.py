"""The energy detector hears speech above any floor and nothing in silence."""

import numpy as np
import pytest

from talkgen.audio.vad import detect_speech, silent_stretches


@pytest.mark.parametrize("noise", [0.0, 1e-3, 3e-3])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_finds_the_spoken_second(noise, gain, voice_like):
    rng = np.random.default_rng(0)
    sound = np.zeros(16000 * 5, np.float32)
    sound[32000:48000] = voice_like(8.0)[:16000] * gain
    sound += (noise * gain * rng.normal(size=sound.size)).astype(np.float32)
    heard = detect_speech(sound, 16000)
    assert heard[200:240].mean() > 0.8
    assert heard[70:190].mean() < 0.05
    assert heard[330:].mean() < 0.05


@pytest.mark.parametrize("sound", [np.zeros(32000), 1e-5 * np.ones(32000)])
def test_nothing_in_silence(sound):
    assert not detect_speech(sound.astype(np.float32), 16000).any()


def test_silent_stretches_need_their_length():
    speech = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], bool)
    expected = np.array([0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1], bool)
    assert np.array_equal(silent_stretches(speech, 3), expected)
