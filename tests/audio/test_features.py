"""Features must not depend on how the sound arrives."""

import numpy as np
import pytest

from talkgen.audio.features import (
    FEATURES_PER_SECOND,
    MelLeveler,
    MelStream,
    Resampler,
    level_features,
    mel_power,
)


def pieces(sound: np.ndarray, seed: int):
    rng = np.random.default_rng(seed)
    at = 0
    while at < len(sound):
        size = int(rng.choice([1, 7, 160, 1601, 5000]))
        yield sound[at : at + size]
        at += size


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000, 96000])
def test_chunks_give_the_same_features(rate, voice_like):
    sound = voice_like(2.3, rate)
    whole = level_features(mel_power(sound, rate))
    resampler, mels, leveler = Resampler(rate), MelStream(), MelLeveler()
    parts = [leveler.push(mels.push(resampler.push(p))) for p in pieces(sound, rate)]
    parts += [leveler.push(mels.push(resampler.finish())), leveler.push(mels.finish())]
    joined = np.concatenate([*parts, leveler.finish()])
    assert np.array_equal(joined, whole)


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 400, 16000, 16001])
def test_one_frame_for_each_started_10_ms(samples):
    frames = mel_power(np.zeros(samples, np.float32))
    assert frames.shape == (-(-samples // (16000 // FEATURES_PER_SECOND)), 80)


def test_resampler_keeps_length_and_tone():
    t = np.arange(44100) / 44100
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    resampler = Resampler(44100)
    out = np.concatenate([resampler.push(tone), resampler.finish()])
    assert abs(len(out) - 16000) <= 1
    expected = np.sin(2 * np.pi * 440 * np.arange(len(out)) / 16000)
    assert np.abs(out - expected)[200:-200].max() < 2e-3


@pytest.mark.parametrize("rate", [8000, 11025, 12347, 44100, 48000, 96000])
@pytest.mark.parametrize("at_s", [0.003, 0.4, 2.0])
def test_a_resampler_goes_on_where_another_stopped(rate, at_s, voice_like):
    from talkgen.motion.state import capture, restore

    sound, cut = voice_like(3.0, rate), int(at_s * rate)
    one = Resampler(rate)
    whole = np.concatenate([one.push(sound), one.finish()])
    first = Resampler(rate)
    parts = [first.push(p) for p in np.array_split(sound[:cut], 7)]
    other = Resampler(rate)
    restore(other, capture(first))
    parts += [*(other.push(p) for p in np.array_split(sound[cut:], 5)), other.finish()]
    joined = np.concatenate(parts)
    assert len(joined) == len(whole)
    assert np.abs(joined - whole).max() < 1e-5 * np.abs(whole).max()
    assert len(first._recent) <= 0.5 * rate + rate  # bounded


def test_features_do_not_depend_on_loudness(voice_like):
    sound = voice_like(4.0)
    loud, quiet = (level_features(mel_power(sound * g))[150:] for g in (1.0, 0.05))
    assert np.abs(loud - quiet).mean() < 0.15
    assert np.abs(loud).mean() > 1.0


def test_mel_power_of_a_tone_peaks_in_its_band():
    t = np.arange(16000) / 16000
    low, high = (
        mel_power(np.sin(2 * np.pi * hz * t).astype(np.float32))[50].argmax() for hz in (300, 3000)
    )
    assert 8 <= low <= 14
    assert 48 <= high <= 58
