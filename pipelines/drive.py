"""A portrait moves like the face in a video: `track`, then `render`, with only what is asked for.

>>> from talkgen.pipelines.drive import DrivePipeline                    # doctest: +SKIP
>>> DrivePipeline.from_pretrained()("portrait.jpg", "clip.mp4").save("out.mp4")  # doctest: +SKIP
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from talkgen.errors import MediaError
from talkgen.io.audio import Speech, as_speech
from talkgen.io.image import is_image
from talkgen.io.video import open_video
from talkgen.motion.driving import DrivingRetargeter, check_regions
from talkgen.motion.extras import NAMES
from talkgen.pipelines.draw import drawn
from talkgen.pipelines.output import TalkOutput
from talkgen.pipelines.portrait import cropped, load_portrait, prepared
from talkgen.pipelines.render import RenderPipeline
from talkgen.pipelines.sources import with_sources
from talkgen.pipelines.talk import check_inputs
from talkgen.pipelines.track import TrackPipeline
from talkgen.protocols import FaceAnalyzer
from talkgen.types import Identity, ImageArray, Motion, Portrait

OWN = "own"
"""Instead of a sound: the driving video's."""

log = logging.getLogger("talkgen")


class DrivePipeline:
    """Drives portraits by videos.

    analyzer : finds and reads faces; renderer : draws
    refine : look at every frame of the video twice (`TrackPipeline`): for a portrait that is a
        frame of the video itself
    """

    def __init__(self, analyzer: FaceAnalyzer, renderer: Any, *, refine: bool = False) -> None:
        self.tracker = TrackPipeline(analyzer, renderer.head, refine=refine)
        self.render = RenderPipeline(analyzer, renderer)

    @classmethod
    def from_pretrained(
        cls, *, backend: str = "embedded", head: str = "head", renderer: str = "auto",
        refine: bool = False, **options: Any,
    ) -> Self:  # fmt: skip
        """Return the pipeline with the shipped checkpoints; options as for `TalkPipeline`."""
        made = RenderPipeline.from_pretrained(
            backend=backend, head=head, renderer=renderer, **options
        )
        return cls(made.analyzer, made.renderer, refine=refine)

    def __call__(
        self,
        portrait: Any,
        video: Any,
        *,
        regions: Collection[str] = ("all",),
        absolute: bool = False,
        speech: Any = OWN,
        size: int | None = None,
        fps: float | None = None,
        face: int | None = None,
        driver_face: int | None = None,
        crop: bool = False,
        landmarks: Any = None,
        sources: Sequence[Any] = (),
        on_start: Callable[[int], object] | None = None,
        on_frame: Callable[[], object] | None = None,
    ) -> TalkOutput:
        """Return the driven portrait, not yet drawn.

        portrait : a path, a Pillow image, an (H, W, 3) uint8 RGB array, or a `Portrait`
        video : what drives: a path of a video, or an iterable of frames, or a tracked `Motion`
        regions : of `talkgen.motion.driving.REGIONS`, what is driven
        absolute : the driver's own turn, expression and gaze, not what changes from their rest
        speech : the sound to go with it, None for none; "own": the video's
        fps : frames a second; None keeps the video's own
        face, driver_face : which face of the portrait, and of the video's first frame with any,
            from 1, largest first
        on_start, on_frame : called with the number of the video's frames to read, and after each

        Other options as for `TalkPipeline`. Where the portrait is a frame of the video, the video
        comes back as it was. The whole track is kept, 7 kB a frame (14 if refined): an hour at 25
        frames a second takes 0.6 GB; its frames are drawn one at a time.
        """
        check_inputs(size=size, fps=fps)
        wanted = check_regions(regions)
        sound = _sound(video, speech)
        picture = load_portrait(
            self.render.analyzer, portrait, face=face, landmarks=landmarks, head=self.head
        )
        picture = with_sources(self.render.analyzer, self.head, picture, sources)
        motion = video if isinstance(video, Motion) else self.tracker(
            video, fps=fps, face=driver_face, on_start=on_start, on_frame=on_frame
        )  # fmt: skip
        picture, motion = self._as_frame(picture, motion, size)
        if crop or wanted != {"all"}:  # the extras of a clip know neither crops nor regions
            motion = replace(motion, extra=_without(motion, NAMES))
        ready = prepared(self.render.renderer, cropped(picture) if crop else picture, size)
        ready.retargeter = DrivingRetargeter(ready.retargeter, wanted, absolute=absolute)

        def draw(_: Iterator[Motion]) -> Iterator[ImageArray]:
            return drawn(self.render.renderer, ready, [motion], sound)

        return TalkOutput(
            chunks=lambda: iter([motion]), draw=draw, size=ready.frame_size, limits=ready.limits,
            fps=motion.fps, num_frames=len(motion), speech=sound,
        )  # fmt: skip

    @property
    def head(self) -> Any:
        """The head model that the portrait is fitted with."""
        return self.render.renderer.head

    def _as_frame(
        self, picture: Portrait, motion: Motion, size: int | None
    ) -> tuple[Portrait, Motion]:
        """Return both as they are, or knowing that the picture is a frame of the motion's clip."""
        if picture.identity is not None:  # more pictures say that it is somebody else
            return picture, motion
        match = self.render.clip_match(prepared(self.render.renderer, picture, size), motion)
        if match is None:
            return picture, motion
        frame = {"portrait_frame": np.asarray(match.frame)}
        known = replace(picture, identity=Identity(match.identity))
        return known, replace(motion, extra={**motion.extra, **frame})


def _sound(video: Any, speech: Any) -> Speech | None:
    """Return the sound that goes with the frames, None where there is none."""
    if speech is None or not (isinstance(speech, str) and speech == OWN):
        return None if speech is None else as_speech(speech)
    if not isinstance(video, str | Path) or not Path(video).is_file() or is_image(video):
        return None
    if not open_video(video).has_sound:
        return None
    try:
        return as_speech(video)
    except MediaError as error:
        log.warning("the video is silent: %s", error)
        return None


def _without(motion: Motion, names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in motion.extra.items() if name not in names}
