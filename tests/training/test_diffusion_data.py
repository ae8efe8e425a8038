"""Batches for the denoiser: what a frame is told of, and what it is not."""

from __future__ import annotations

import numpy as np
import pytest

from talkgen.training.diffusion_data import Batches, Clip


def numbered(name: str, frames: int) -> Clip:
    """Return a clip whose latents are the frame's number, from 1, negative when mirrored."""
    shape = (2, frames, 2, 32, 32)
    sides = np.float16([1, -1])[:, None, None, None, None]
    real = np.arange(1, frames + 1, dtype=np.float16)[None, :, None, None, None] * sides
    real = np.broadcast_to(real, shape)
    return Clip(
        name, name, real, real * 0, np.full((2, 2, 32, 32), 99, np.float16),
        np.zeros((frames, 11, 64, 64), np.float16), np.zeros((2, frames, 62), np.float32),
        np.zeros((frames, 5, 3), np.float16), np.zeros(4, np.float32),
    )  # fmt: skip


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_no_frame_is_shown_to_itself(frames: int) -> None:
    batches, rng = Batches([numbered("a", frames)]), np.random.default_rng(0)
    shown = set()
    for _ in range(40):
        real, given = batches.draw(4, rng)
        assert given.pictures is not None
        for target, others in zip(real[:, 0, 0, 0], given.pictures[:, :, 0, 0, 0], strict=True):
            shown |= {float(x) for x in others.abs()}
            assert all(other != target for other in others)
            if frames > 1:
                assert all(other * target > 0 for other in others)  # mirrored as it is
    assert shown == ({99.0} if frames == 1 else set(range(1, frames + 1)))
