"""Features of the sound about the frames of a video."""

from collections.abc import Callable

import numpy as np
import pytest

from talkgen.audio.nearby import OFFSETS, NearbySound
from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
from talkgen.types import Audio

Voice = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def encoder() -> PhoneticEncoder:
    import torch

    torch.manual_seed(0)
    return PhoneticEncoder(PhoneticConfig(width=8, hidden=8, num_heads=2)).eval()


def test_rows_are_those_of_the_whole_sound(encoder: PhoneticEncoder, voice_like: Voice) -> None:
    sound = voice_like(12.0)
    whole = encoder.encode(Audio(sound))
    blocks = [sound[i : i + 7000] for i in range(0, len(sound), 7000)]
    near = NearbySound(encoder, blocks, 16_000, 25.0)
    made = np.concatenate([near.take(n) for n in (1, 2, 5, 100, 192)])
    assert (made.shape, made.dtype) == ((300, 5, encoder.dim), np.float16)
    at = np.arange(300)[:, None] + np.asarray(OFFSETS)
    rows = np.clip(np.rint((at + 0.5) * 2 - 0.5), 0, len(whole) - 1).astype(int)
    np.testing.assert_allclose(made, whole[rows], atol=4e-3)
    assert len(near._rows) < 300  # what lies behind is forgotten


def test_other_rates_hear_the_same_moments(encoder: PhoneticEncoder, voice_like: Voice) -> None:
    sound = voice_like(4.0)
    slow, fast = (NearbySound(encoder, [sound], 16_000, fps) for fps in (25.0, 75.0))
    # the middle of a frame at 25 a second is that of every third at 75
    np.testing.assert_array_equal(slow.take(100), fast.take(300)[1::3])


def test_past_the_end_and_nothing_at_all(encoder: PhoneticEncoder, voice_like: Voice) -> None:
    near = NearbySound(encoder, [voice_like(1.0)], 16_000, 25.0)
    made = near.take(40)
    assert (made[30:] == made[39]).all()
    assert (near.take(3) == made[39]).all()
    assert not NearbySound(encoder, [], 16_000, 25.0).take(2).any()


def test_only_as_much_is_read_as_is_needed(encoder: PhoneticEncoder, voice_like: Voice) -> None:
    taken = 0

    def blocks():  # type: ignore[no-untyped-def]
        nonlocal taken
        for _ in range(600):
            taken += 1
            yield voice_like(0.1)

    NearbySound(encoder, blocks(), 16_000, 25.0).take(5)
    assert taken < 60
