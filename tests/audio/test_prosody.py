"""Prosody of sounds whose pitch, loudness and rhythm are known."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from talkgen.audio.prosody import Prosody, ProsodyStream, joined, prosody
from talkgen.types import Audio


def tone(hertz: np.ndarray, rate: int = 16000, level: float = 0.2) -> np.ndarray:
    """A voice-like sound of twelve falling harmonics at (N,) Hz."""
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    sound = sum(np.sin(k * phase) / k for k in range(1, 13))
    return (level * sound / np.abs(sound).max()).astype(np.float32)


@pytest.mark.parametrize("hertz", [80.0, 120.0, 210.0, 330.0])
def test_steady_pitch(hertz: float) -> None:
    found = prosody(Audio(tone(np.full(16000, hertz)), 16000))
    assert len(found) == 100
    middle = slice(5, 95)
    assert np.abs(found.pitch[middle] / hertz - 1).max() < 0.01
    assert found.voicing[middle].min() > 0.95


def test_gliding_pitch_and_other_rates() -> None:
    wanted = np.linspace(110, 240, 44100)
    found = prosody(Audio(tone(wanted, 44100), 44100))
    true = wanted[((np.arange(len(found)) + 0.5) * 441).astype(int).clip(0, 44099)]
    assert np.median(np.abs(found.pitch[5:95] / true[5:95] - 1)) < 0.02


def test_noise_and_silence_have_no_pitch() -> None:
    rng = np.random.default_rng(0)
    noise = prosody(Audio((rng.normal(size=16000) * 0.1).astype(np.float32), 16000))
    assert (noise.pitch > 0).mean() < 0.05
    silence = prosody(Audio(np.zeros(8000, np.float32), 16000))
    assert (silence.pitch == 0).all()
    assert (silence.rate == 0).all()
    assert (silence.energy < -90).all()


def test_energy_follows_the_level() -> None:
    loud = prosody(Audio(tone(np.full(8000, 150.0), level=0.4), 16000)).energy[10:40].mean()
    soft = prosody(Audio(tone(np.full(8000, 150.0), level=0.04), 16000)).energy[10:40].mean()
    assert loud - soft == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("syllables", [3.0, 5.0])
def test_rate_counts_syllables(syllables: float) -> None:
    seconds = np.arange(64000) / 16000
    swell = 0.05 + 0.95 * np.sin(np.pi * syllables * seconds) ** 2
    found = prosody(Audio((tone(np.full(64000, 140.0)) * swell).astype(np.float32), 16000))
    assert found.rate[200:350].mean() == pytest.approx(syllables, abs=0.5)


def test_blocks_make_no_difference() -> None:
    rng = np.random.default_rng(1)
    sound = tone(np.linspace(100, 200, 40037)) * np.repeat(rng.random(41), 1000)[:40037]
    sound = sound.astype(np.float32)
    whole = prosody(Audio(sound, 16000))
    stream, parts, at = ProsodyStream(), [], 0
    while at < len(sound):
        step = int(rng.integers(1, 5000))
        parts.append(stream.push(sound[at : at + step]))
        at += step
    parts.append(stream.finish())
    cut = joined(parts)
    assert len(whole) == len(cut) == 251
    for field in fields(Prosody):
        assert np.allclose(getattr(whole, field.name), getattr(cut, field.name), atol=1e-4)
