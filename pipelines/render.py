"""A portrait moves as a motion file says: the second half of the chain."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from talkgen.io.audio import as_speech
from talkgen.motion.export import read_motion
from talkgen.motion.extras import resampled_extras
from talkgen.motion.match import Match, match_portrait
from talkgen.motion.resample import resample
from talkgen.motion.retarget import Retargeter
from talkgen.pipelines.draw import drawn
from talkgen.pipelines.output import TalkOutput
from talkgen.pipelines.portrait import load_portrait, prepared
from talkgen.pipelines.talk import check_inputs
from talkgen.protocols import FaceAnalyzer
from talkgen.types import Identity, ImageArray, Motion

log = logging.getLogger("talkgen")


class RenderPipeline:
    """Draws portraits under given motion. analyzer : finds the face; renderer : draws it"""

    def __init__(self, analyzer: FaceAnalyzer, renderer: Any) -> None:
        self.analyzer = analyzer
        self.renderer = renderer

    @classmethod
    def from_pretrained(
        cls,
        *,
        backend: str = "embedded",
        head: str = "head",
        renderer: str = "auto",
        **options: Any,
    ) -> Self:
        """Return the pipeline with the shipped checkpoints, or another head by name or folder.

        renderer, options : as for `TalkPipeline`
        """
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.render.choose import load_renderer

        return cls(Analyzer.from_pretrained(backend), load_renderer(renderer, head=head, **options))

    def __call__(
        self,
        portrait: Any,
        motion: Motion | str | os.PathLike[str],
        *,
        speech: Any = None,
        size: int | None = None,
        fps: float | None = None,
        face: int | None = None,
        landmarks: Any = None,
    ) -> TalkOutput:
        """Return the video, not yet drawn.

        motion : a `Motion`, or the path of a .npz or .csv file
        speech : sound to go with it, or None
        fps : frames a second; None keeps the motion's own
        landmarks : points of a face that nothing finds, as for `TalkPipeline`

        Where the portrait is a frame of the clip that the motion was tracked in, its head takes
        the clip's own shape, so that the clip comes back as it was.
        """
        check_inputs(size=size, fps=fps)
        whole = motion if isinstance(motion, Motion) else read_motion(motion)
        sound = None if speech is None else as_speech(speech)
        picture = load_portrait(
            self.analyzer, portrait, face=face, landmarks=landmarks, head=self.renderer.head
        )
        ready = prepared(self.renderer, picture, size)
        match = None
        if whole.space == "camera" and picture.identity is None:
            match = self.clip_match(ready, whole)
        if match is not None:
            picture = replace(picture, identity=Identity(match.identity))
            ready = self.renderer.prepare(picture, size=size)
            frame = {"portrait_frame": np.asarray(match.frame)}
            whole = replace(whole, extra={**whole.extra, **frame})
        if fps is not None and fps != whole.fps:
            whole = _at_rate(whole, fps)
        if sound is not None and abs(sound.seconds - whole.seconds) > 1.0 / whole.fps:
            log.warning(
                "the motion lasts %.2f s, the speech %.2f s; both are kept as they are",
                whole.seconds, sound.seconds,
            )  # fmt: skip

        camera = whole.space == "camera"

        def draw(parts: Iterator[Motion]) -> Iterator[ImageArray]:
            # the rest of a track is that of the whole
            return drawn(self.renderer, ready, [whole] if camera else parts, sound)

        return TalkOutput(
            chunks=lambda: iter([whole]),
            draw=draw,
            size=ready.frame_size,
            limits=ready.limits,
            fps=whole.fps,
            num_frames=len(whole),
            speech=sound,
        )

    def clip_match(self, ready: Any, motion: Motion) -> Match | None:
        """Return the frame of the tracked clip that the portrait is, with the clip's head shape."""
        head = self.renderer.head
        if "identity" not in motion.extra or "landmarks" not in motion.extra:
            return match_portrait(head, ready.fit, ready.landmarks, ready.frame_size, motion)
        retargeter = Retargeter(head, ready.fit, ready.frame_size, ready.landmarks)
        frame = retargeter.matching_frame(motion)
        return None if frame is None else Match(frame, motion.extra["identity"], 0.0)


def _at_rate(motion: Motion, fps: float) -> Motion:
    """Return the motion at another rate, with the extras of a refined track."""
    out = resample(motion, fps)
    extra = {**out.extra, **resampled_extras(motion, fps, len(out))}
    if "portrait_frame" in motion.extra:
        frame = round(int(motion.extra["portrait_frame"]) * fps / motion.fps)
        extra["portrait_frame"] = np.asarray(min(frame, len(out) - 1))
    return replace(out, extra=extra)
