"""Emotion from the voice: tracks that follow it, and leave it alone where it says nothing."""

from __future__ import annotations

import numpy as np

from talkgen.audio.voice_emotion import VoiceReading
from talkgen.motion.emotion_auto import STRONGEST, emotion_of_voice, track_of
from talkgen.types import EMOTIONS


def reading(*rows: dict[str, float]) -> VoiceReading:
    weights = np.array([[row.get(name, 0.0) for name in EMOTIONS] for row in rows], np.float32)
    times = np.arange(len(rows), dtype=np.float32) / 2
    return VoiceReading(times, weights, np.zeros((len(rows), 2), np.float32))


def test_the_likeliest_feeling_leads() -> None:
    found = track_of(reading({"anger": 0.7, "happy": 0.3}, {"neutral": 0.8, "sad": 0.2}))
    assert found.weights is not None
    assert found.intensity is not None
    assert EMOTIONS[int(found.weights[0].argmax())] == "anger"
    assert found.weights[0].max() > 0.8
    assert found.intensity[0] == np.float32(STRONGEST)
    assert found.intensity[1] == 0  # a fifth of sadness is no sadness


def test_times_that_stand_still_are_taken_once() -> None:
    plain = reading({"sad": 1.0}, {"sad": 1.0}, {"happy": 1.0})
    track = track_of(VoiceReading(np.zeros(3, np.float32), plain.weights, plain.valence_arousal))
    assert track.times is not None
    assert track.times.tolist() == [0.0]


def test_silence_is_neutral() -> None:
    silence = [np.zeros(8000, np.float32)] * 4
    track = emotion_of_voice(silence, 16000)
    assert track.weights is not None
    assert track.intensity is not None
    assert (track.weights[:, 0] == 1).all()
    assert track.intensity.max() == 0


def test_blocks_make_no_difference(voice_like) -> None:
    sound = voice_like(6.0)
    whole = emotion_of_voice([sound], 16000)
    cut = emotion_of_voice(np.array_split(sound, 17), 16000)
    np.testing.assert_allclose(whole.weights, cut.weights, atol=1e-3)
    np.testing.assert_allclose(whole.intensity, cut.intensity, atol=1e-3)
