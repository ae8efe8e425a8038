"""Onset, apex and offset of made curves, with speech, gaps and noise."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.critic.dynamics import episodes, smoothed, strongest
from talkgen.errors import InputError
from talkgen.types import EMOTIONS

FPS = 25.0


def shares(frames: int, **curves: np.ndarray) -> np.ndarray:
    """(T, 8): the curves by emotion, the rest neutral."""
    out = np.zeros((frames, len(EMOTIONS)), np.float32)
    for name, curve in curves.items():
        out[:, EMOTIONS.index(name)] = curve
    out[:, 0] = 1 - out.sum(1)
    return out


def ramp(frames: int, rise: tuple[float, float], fall: tuple[float, float]) -> np.ndarray:
    """0.02, up to 0.92 over `rise` seconds, down over `fall` seconds."""
    times = np.arange(frames) / FPS
    return np.interp(times, [*rise, *fall], [0.02, 0.92, 0.92, 0.02])


def test_a_smile_comes_and_goes():
    (found,) = episodes(shares(150, happy=ramp(150, (1.0, 1.6), (3.0, 4.0))), FPS)
    assert found.emotion == "happy"
    assert found.onset == pytest.approx(1.05, abs=0.08)
    assert found.held[0] == pytest.approx(1.55, abs=0.1)
    assert found.held[1] == pytest.approx(3.1, abs=0.1)
    assert found.held[0] <= found.apex <= found.held[1]
    assert found.offset == pytest.approx(3.9, abs=0.1)
    assert found.peak == pytest.approx(0.92, abs=0.01)
    assert not found.begun
    assert not found.lasting
    assert strongest((found,)) is found


def test_what_fills_the_clip_has_no_onset_of_its_own():
    (found,) = episodes(shares(50, sad=np.full(50, 0.8)), FPS)
    assert (found.begun, found.lasting) == (True, True)
    assert (found.onset, found.offset) == (0.0, 49 / FPS)


def test_two_after_each_other_in_their_order():
    frames = 200
    happy = ramp(frames, (0.5, 1.0), (2.0, 2.5))
    anger = ramp(frames, (4.0, 4.5), (6.0, 6.5)) - 0.02
    found = episodes(shares(frames, happy=happy, anger=anger), FPS)
    assert [e.emotion for e in found] == ["happy", "anger"]
    assert found[0].offset < found[1].onset


def test_neutral_is_no_episode_and_a_flash_is_none():
    flash = np.zeros(100)
    flash[50:52] = 1.0
    assert episodes(shares(100, surprise=flash), FPS) == ()


def test_a_mouth_opened_by_speech_is_no_surprise():
    """Syllables at 4 Hz between neutral and surprise, neutral where the lips shut."""
    frames = 150
    mouth = 0.35 + 0.55 * np.sin(2 * np.pi * 4 * np.arange(frames) / FPS).clip(-0.6, 1)
    clip = shares(frames, surprise=mouth.astype(np.float32))
    speaking = np.ones(frames, bool)
    assert episodes(clip, FPS, speaking) == ()
    held = shares(frames, surprise=np.full(frames, 0.9))
    assert [e.emotion for e in episodes(held, FPS, speaking)] == ["surprise"]


def test_a_smile_under_speech_is_one_episode():
    rng = np.random.default_rng(0)
    frames = 200
    wobble = 0.3 * np.sin(2 * np.pi * 5 * np.arange(frames) / FPS) * rng.uniform(0.5, 1, frames)
    smile = (0.62 + wobble).clip(0, 1) * (np.arange(frames) > 50)
    clip = shares(frames, happy=smile, surprise=(1 - smile) * 0.5 * (np.arange(frames) > 50))
    found = episodes(clip, FPS, np.ones(frames, bool))
    assert [e.emotion for e in found] == ["happy"]
    assert found[0].onset == pytest.approx(2.0, abs=0.5)
    assert len(episodes(clip, FPS)) >= 1


def test_faces_unseen_for_a_moment_do_not_end_it_but_long_gaps_do():
    clip = shares(200, happy=ramp(200, (0.5, 1.0), (7.0, 7.5)))
    short, long = clip.copy(), clip.copy()
    short[80:83] = np.nan
    long[80:140] = np.nan
    assert len(episodes(short, FPS)) == 1
    found = episodes(long, FPS)
    assert len(found) == 2
    assert found[0].offset < 80 / FPS + 0.6
    assert np.isnan(smoothed(long, FPS)[110]).all()


def test_smoothed_rows_stay_distributions():
    rng = np.random.default_rng(1)
    given = rng.dirichlet(np.ones(8), 60)
    rows = smoothed(given, FPS, rng.random(60) > 0.5)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-5)
    assert rows.shape == (60, 8)
    assert rows.dtype == np.float32


def test_rates_other_than_the_engines():
    slow = shares(60, happy=np.interp(np.arange(60) / 10, [1, 1.6, 3, 4], [0.02, 0.92, 0.92, 0.02]))
    (found,) = episodes(slow, 10.0)
    assert found.onset == pytest.approx(1.05, abs=0.1)


def test_empty_and_wrong():
    assert episodes(np.zeros((0, 8)), FPS) == ()
    with pytest.raises(InputError, match="shape"):
        episodes(np.zeros((5, 7)), FPS)
    with pytest.raises(InputError, match="fps"):
        episodes(np.zeros((5, 8)), 0.0)
    with pytest.raises(InputError, match="low"):
        episodes(np.zeros((5, 8)), FPS, low=0.8)
