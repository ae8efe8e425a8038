"""Motion at another frame rate, chunk by chunk, ending with the sound to the frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from talkgen.types import FloatArray, Motion


def num_frames(seconds: float, fps: float) -> int:
    """Return the number of frames of a clip: `round(seconds * fps)`, at least one."""
    return max(1, round(seconds * fps))


def resample(motion: Motion, fps: float, frames: int | None = None) -> Motion:
    """Return the motion at `fps`, linearly interpolated, of `frames` frames (default: as long)."""
    if frames is None:
        frames = num_frames(motion.seconds, fps)
    if fps == motion.fps and frames == len(motion):
        return motion
    chunks = list(resample_chunks([motion], fps, frames))
    return replace(
        chunks[0],
        blendshapes=np.concatenate([c.blendshapes for c in chunks]),
        rotation=np.concatenate([c.rotation for c in chunks]),
        translation=np.concatenate([c.translation for c in chunks]),
        extra={k: v for k, v in motion.extra.items() if k == "identity"},
    )


def resample_chunks(
    chunks: Iterable[Motion], fps: float, frames: int | None = None
) -> Iterator[Motion]:
    """Yield the chunks at `fps`; with `frames`, exactly so many (the last one is held or cut)."""
    done = 0  # frames put out
    start = 0  # input frames before `kept`
    kept: FloatArray | None = None
    last: Motion | None = None
    for chunk in chunks:
        if not len(chunk):
            continue
        last = chunk
        rows = np.concatenate([chunk.blendshapes, chunk.rotation, chunk.translation], axis=1)
        kept = rows if kept is None else np.concatenate([kept, rows])
        ready = int(np.floor((start + len(kept) - 1) * fps / chunk.fps + 1e-9)) + 1
        stop = ready if frames is None else min(ready, frames)
        if stop > done:
            yield _at(kept, start, np.arange(done, stop), fps, chunk)
            done = stop
        used = int(np.floor(done * chunk.fps / fps)) - start
        if used > 0:  # one frame before the next one wanted is all that interpolation needs
            used = min(used, len(kept) - 1)
            kept, start = kept[used:], start + used
    if last is not None and kept is not None:
        total = num_frames((start + len(kept)) / last.fps, fps) if frames is None else frames
        if total > done:
            yield _at(kept, start, np.arange(done, total), fps, last)


def _at(rows: FloatArray, start: int, index: np.ndarray, fps: float, like: Motion) -> Motion:
    """Return the motion at output frames `index`; rows are input frames from `start` on."""
    place = np.clip(index * (like.fps / fps) - start, 0, len(rows) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (place - low)[:, None].astype(np.float32)
    mixed = rows[low] * (1 - share) + rows[high] * share
    count = like.blendshapes.shape[1]
    return Motion(
        blendshapes=mixed[:, :count],
        rotation=mixed[:, count : count + 3],
        translation=mixed[:, count + 3 :],
        fps=fps,
        space=like.space,
        frame_size=like.frame_size,
        extra={k: v for k, v in like.extra.items() if k == "identity"},
    )
