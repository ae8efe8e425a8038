"""The block grid and the windows on it."""

import itertools

import numpy as np

from talkgen.motion import hearing
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
        assert len(a.features) == (a.stop - a.first + (AHEAD if a.start else FIRST_AHEAD)) * 4


def test_memory_is_bounded(voice_like):
    sound, windows = voice_like(2.0), SoundWindows(16000)
    longest = 0
    for _ in range(30):
        for window in windows.push(sound):
            longest = max(longest, len(window.features))
    assert longest <= (hearing.KEEP + BLOCK + AHEAD) * PER_FRAME
