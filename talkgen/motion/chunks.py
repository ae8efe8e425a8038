"""Motion in pieces: joining what a stream gave, and cutting a whole into pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from talkgen.errors import InputError
from talkgen.types import Motion

CHUNK_FRAMES = 250


def joined(chunks: Iterable[Motion]) -> Motion:
    """Return consecutive chunks of one motion as a whole; `extra` is the first one's."""
    parts = list(chunks)
    if not parts:
        raise InputError("`chunks` holds no motion")
    return replace(
        parts[0],
        blendshapes=np.concatenate([part.blendshapes for part in parts]),
        rotation=np.concatenate([part.rotation for part in parts]),
        translation=np.concatenate([part.translation for part in parts]),
    )


def pieces(motion: Motion, frames: int = CHUNK_FRAMES) -> Iterator[Motion]:
    """Yield consecutive pieces of at most `frames` frames, without `extra`."""
    for start in range(0, len(motion), frames):
        part = slice(start, start + frames)
        yield replace(
            motion,
            blendshapes=motion.blendshapes[part],
            rotation=motion.rotation[part],
            translation=motion.translation[part],
            extra={},
        )
