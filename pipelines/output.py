"""What a pipeline hands back: frames that are drawn while they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from talkgen.io.audio import Speech
from talkgen.io.output import check_output
from talkgen.motion.chunks import joined, pieces
from talkgen.render.pose import Limited
from talkgen.types import ImageArray, Motion

VIDEO_SUFFIXES = (".mp4",)


class TalkOutput:
    """A talking video that is still to be drawn.

    fps, size, num_frames : frames a second, (width, height) in pixels, and how many there are
    speech : the sound that belongs to it, or None
    limits : how many of the frames drawn so far turn less far than asked, and by how much
    choice : which of several motions was kept, and why (`talkgen.pipelines.candidates.Choice`)

    Frames are drawn one at a time as `frames` or `save` need them, so that an hour takes no more
    memory than a minute. `motion` is worked out once and kept.
    """

    def __init__(
        self,
        *,
        chunks: Callable[[], Iterator[Motion]],
        draw: Callable[[Iterator[Motion]], Iterator[ImageArray]],
        size: tuple[int, int],
        fps: float,
        num_frames: int,
        speech: Speech | None,
        limits: Limited | None = None,
        choice: Any = None,
    ) -> None:
        self.size = size
        self.fps = fps
        self.num_frames = num_frames
        self.speech = speech
        self.limits = limits or Limited()
        self.choice = choice
        self._chunks = chunks
        self._draw = draw
        self._motion: Motion | None = None

    @property
    def motion(self) -> Motion:
        """The whole motion, `num_frames` frames at `fps`."""
        if self._motion is None:
            self._motion = joined(self._chunks())
        return self._motion

    @property
    def frames(self) -> Iterator[ImageArray]:
        """The frames, (H, W, 3) uint8 RGB each, from the first; every access starts anew."""
        self.limits.clear()
        return self._draw(self._stream())

    def _stream(self) -> Iterator[Motion]:
        if self._motion is not None:
            yield from pieces(self._motion)
            return
        parts = []
        for chunk in self._chunks():
            parts.append(chunk)
            yield chunk
        self._motion = joined(parts)

    def save(
        self, path: str | os.PathLike[str], *, on_frame: Callable[[], object] | None = None
    ) -> None:
        """Write an mp4: H.264 with the sound as AAC; nothing is left behind when it fails.

        on_frame : called after each frame, for a progress bar
        """
        from talkgen.io.writer import VideoWriter

        target = check_output(path, VIDEO_SUFFIXES)
        with VideoWriter(target, size=self.size, fps=self.fps, speech=self.speech) as writer:
            for frame in self.frames:
                writer.write(frame)
                if on_frame is not None:
                    on_frame()
