"""The block grid and the windows on it."""

import itertools

import numpy as np

from talkgen.audio.prosody import PITCH_LATE
from talkgen.motion import hearing
from talkgen.motion.generator import frame_pitch
from talkgen.motion.hearing import AHEAD, BLOCK, FIRST_AHEAD, PER_FRAME, SoundWindows, block_at


def test_the_grid_has_no_holes():
    ends = [block_at(n) for n in range(12)]
    assert ends[0] == (0, 1)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))
    assert ends[-1][1] - ends[-1][0] == BLOCK


def test_the_first_window_comes_within_the_promised_sound(voice_like):
    """1 + FIRST_AHEAD frames of sound, and the half window of the mel beyond them."""
    sound, windows = voice_like(2.0), SoundWindows(16000)
    needed = (1 + FIRST_AHEAD) * PER_FRAME * 160 + 120
    assert not list(windows.push(sound[: needed - 1]))
    assert len(list(windows.push(sound[needed - 1 : needed]))) == 1
    assert needed / 16 < 260  # ms


def test_windows_do_not_depend_on_chunks(voice_like):
    sound = voice_like(3.0)
    one = SoundWindows(16000)
    whole = [*one.push(sound), *one.finish()]
    other = SoundWindows(16000)
    parts = [w for piece in np.array_split(sound, 53) for w in other.push(piece)]
    parts += other.finish()
    assert len(whole) == len(parts)
    for a, b in zip(whole, parts, strict=True):
        assert (a.start, a.stop, a.first, a.settled) == (b.start, b.stop, b.first, b.settled)
        assert np.array_equal(a.features, b.features)
        assert np.array_equal(a.loud, b.loud)
        assert np.array_equal(a.pitch, b.pitch)
        assert len(a.pitch) == len(a.loud)
        assert len(a.features) == (a.stop - a.first + (AHEAD if a.start else FIRST_AHEAD)) * 4


def test_memory_is_bounded(voice_like):
    sound, windows = voice_like(2.0), SoundWindows(16000)
    longest = 0
    for _ in range(30):
        for window in windows.push(sound):
            longest = max(longest, len(window.features))
    assert longest <= (hearing.KEEP + BLOCK + AHEAD) * PER_FRAME


def test_windows_hear_the_pitch():
    """A tone of 150 Hz, known but for the last frames of a window."""
    t = np.arange(2 * 16000) / 16000
    sound = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in (1, 2, 3)).astype(np.float32) * 0.2
    windows = SoundWindows(16000)
    for window in windows.push(sound):
        assert np.abs(window.pitch[4 : -PITCH_LATE] - 150).max() < 2
        assert (window.pitch[-PITCH_LATE:] == 0).all()
    *_, last = windows.finish()
    assert (last.pitch[-40:] == 0).all()
    assert frame_pitch(np.array([0, 0, 150, 160, 0, 0, 0, 150, 100, 110, 120, 130.0])).tolist() == [
        150, 0, 110
    ]  # fmt: skip
