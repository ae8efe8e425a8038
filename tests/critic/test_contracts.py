"""Silence, closures, length and blinks of clips whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.audio.phones import PHONES
from talkgen.critic.contracts import ContractCritic, lip_steps
from talkgen.critic.hearing import Heard, closures, hear, steady_vowels
from talkgen.critic.mouth import lag_curve
from talkgen.critic.watch import Watched
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.points import LIPS

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def points():
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    return FaceAnalyzer.from_pretrained().analyze(image)[0].landmarks


def clip(points, gap, *, sound=None, shut_eyes=()):
    """A clip whose lips are apart by `gap` (T,) eye distances."""
    gap = np.asarray(gap, np.float64)
    track = np.repeat(points[None], len(gap), 0).astype(np.float32)
    eyes = np.linalg.norm(points[33] - points[263])
    track[:, 14] = track[:, 13]
    track[:, 14, 1] += (gap * eyes).astype(np.float32)
    for t in shut_eyes:
        for up, low in ((160, 144), (158, 153), (385, 380), (387, 373)):
            track[t, up] = track[t, low]
    count = len(gap)
    return Watched(
        25.0, (512, 512), track, np.zeros((count, 52), np.float32),
        np.zeros((count, 3), np.float32), sound=sound,
    )  # fmt: skip


def heard(count, silence=(), vowel=(), spoken=()):
    quiet, steady = np.zeros(count, bool), np.zeros(count, bool)
    quiet[list(silence)], steady[list(vowel)] = True, True
    return Heard(count / 25, ~quiet, quiet, np.zeros(count, np.float32), steady, tuple(spoken))


def test_lips_in_silence_and_at_closures(points):
    gap = np.full(100, 0.10)
    gap[20:30] = 0.0  # half of the silence is shut
    gap[62] = 0.0  # one closure of two is kept
    sound = heard(100, silence=range(20, 40), spoken=((60, 65), (80, 85)))
    scores = ContractCritic().score(clip(points, gap, sound=sound)).scores
    assert scores["parted_in_silence"].value == pytest.approx(0.5)
    assert scores["parted_in_silence"].n == 20
    assert scores["closures_kept"].value == pytest.approx(0.5)
    assert scores["closures_kept"].higher_is_better is True
    assert scores["frame_count_error"].value == 0


def test_missing_frames_are_counted(points):
    scores = ContractCritic().score(clip(points, np.full(90, 0.1), sound=heard(100))).scores
    assert scores["frame_count_error"].value == pytest.approx(10)


def test_blinks_a_minute(points):
    shut = [30, 31, 32, 90, 91, 140, 141]
    scores = ContractCritic().score(clip(points, np.zeros(250), shut_eyes=shut)).scores
    assert scores["blink_rate"].value == pytest.approx(3 / (250 / 25) * 60)
    assert "parted_in_silence" not in scores  # nothing was heard


def test_a_lost_face_is_said_and_not_judged(points):
    lost = clip(points, np.full(50, 0.2), sound=heard(50, silence=range(50)))
    lost.landmarks[10:] = np.nan
    scores = ContractCritic().score(lost).scores
    assert scores["face_seen"].value == pytest.approx(0.2)
    assert scores["parted_in_silence"].n == 10


def test_jitter_is_what_was_put_in_and_forgets_the_head(points):
    eyes = np.linalg.norm(points[33, :2] - points[263, :2])
    moving = np.repeat(points[None], 60, 0).astype(np.float32)
    moving[..., :2] += 5 * np.sin(np.arange(60) / 3)[:, None, None]
    assert np.nanmax(lip_steps(moving)) < 0.05
    shaking = moving.copy()
    shaking[::2, list(LIPS), 1] += np.float32(0.01 * eyes)  # up and down: four times that, less
    inner = lip_steps(shaking)[5:-5]  # what the alignment takes out
    assert 1.0 < np.median(inner) < 2.2


def test_lag_curve_finds_the_lag():
    rng = np.random.default_rng(0)
    real = np.convolve(rng.normal(size=300), np.ones(4) / 4, "same")
    late = np.roll(real, 6)
    curve = lag_curve(late, real)
    assert int(np.nanargmax(curve)) - 15 == 6
    assert curve[21] == pytest.approx(1, abs=0.02)


def test_phones_become_closures_and_vowels():
    phones = np.full((100, len(PHONES)), 0.001, np.float32)
    phones[:, PHONES.index("s")] = 0.9
    phones[20:24, PHONES.index("p")] = 0.95  # .40 to .48 s: frames 10 and 11
    phones[20:24, PHONES.index("s")] = 0
    phones[50:65, PHONES.index("a")] = 0.95
    phones[80:85, PHONES.index("a")] = 0.95  # too short to be steady
    assert closures(phones, 50.0, 25.0) == ((10, 13),)
    # with all of the 0.08 s before and the 0.12 s from it on inside the vowel
    assert np.flatnonzero(steady_vowels(phones)).tolist() == list(range(54, 60))


def test_hearing_does_not_heed_the_cuts(voice_like):
    sound = np.concatenate([voice_like(1.6), np.zeros(12_800, np.float32)])
    whole = hear([sound])
    parts = hear(np.array_split(sound, 13))
    assert whole.seconds == pytest.approx(2.4)
    assert len(whole.speech) == 60
    assert whole.silence[48:].all()
    assert not whole.silence[8:20].any()
    assert np.array_equal(whole.silence, parts.silence)
    assert np.allclose(whole.loudness, parts.loudness, atol=1e-3)
    assert whole.closures == parts.closures
