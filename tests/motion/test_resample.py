"""Resampling keeps the motion and the exact number of frames, in chunks of any size."""

import numpy as np
import pytest

from talkgen.motion.resample import num_frames, resample, resample_chunks
from talkgen.types import Motion


def ramp(frames: int, fps: float = 25.0) -> Motion:
    value = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    return Motion(
        np.repeat(value, 52, axis=1), np.repeat(value, 3, axis=1), np.repeat(value, 3, axis=1), fps
    )


def pieces(motion: Motion, size: int) -> list[Motion]:
    return [
        Motion(
            motion.blendshapes[i : i + size],
            motion.rotation[i : i + size],
            motion.translation[i : i + size],
            motion.fps,
        )
        for i in range(0, len(motion), size)
    ]


@pytest.mark.parametrize("fps", [10.0, 24.0, 25.0, 29.97, 30.0, 60.0])
def test_length_and_values(fps: float) -> None:
    source = ramp(51)
    result = resample(source, fps)
    assert len(result) == num_frames(51 / 25, fps)
    assert result.fps == fps
    times = np.arange(len(result)) / fps
    expected = np.interp(times, np.arange(51) / 25, source.rotation[:, 0])
    assert np.abs(result.rotation[:, 0] - expected).max() < 1e-5


@pytest.mark.parametrize("size", [1, 2, 7, 50])
@pytest.mark.parametrize("fps", [12.0, 30.0, 59.94])
def test_chunks_give_the_same(size: int, fps: float) -> None:
    source = ramp(50)
    whole = resample(source, fps)
    parts = list(resample_chunks(pieces(source, size), fps))
    assert np.allclose(np.concatenate([p.blendshapes for p in parts]), whole.blendshapes, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 30, 75])
def test_exact_number_of_frames(frames: int) -> None:
    parts = list(resample_chunks(pieces(ramp(50), 8), 25.0, frames))
    assert sum(len(p) for p in parts) == frames
