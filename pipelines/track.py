"""A picture or a video becomes motion: landmarks, the network's scores, and the fitted head."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from talkgen.errors import InputError, NoFaceError
from talkgen.face.quality import assess
from talkgen.io.image import as_image, is_image
from talkgen.motion.extras import filled
from talkgen.pipelines.portrait import choose_face
from talkgen.pipelines.refine import KeyFrame, refined
from talkgen.pipelines.talk import check_inputs
from talkgen.protocols import FaceAnalyzer
from talkgen.types import ENGINE_FPS, Face, ImageArray, Motion

SAME_PLACE = 0.7
"""Distance of two face centres, in face sizes, under which they are one face in two frames."""
PATIENCE = 50
"""Frames after which a face that is gone, among others, is given up for the nearest one."""

log = logging.getLogger("talkgen")


class TrackPipeline:
    """Reads motion off pictures and videos.

    analyzer : finds faces; head : the head model
    refine : compare the head drawn from a clear frame with every frame of a clip, by optical flow,
        fit it again, and keep what weights and pose cannot say as extras (`talkgen.motion.extras`);
        about a third of a second a frame
    """

    def __init__(self, analyzer: FaceAnalyzer, head: Any, *, refine: bool = False) -> None:
        self.analyzer = analyzer
        self.head = head
        self.refine = refine

    @classmethod
    def from_pretrained(
        cls, *, backend: str = "embedded", head: str = "head", refine: bool = False
    ) -> Self:
        """Return the pipeline with the shipped checkpoints, or another head by name or folder."""
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.face.head import HeadModel

        return cls(
            Analyzer.from_pretrained(backend), HeadModel.from_pretrained(head), refine=refine
        )

    def __call__(
        self,
        source: Any,
        *,
        fps: float | None = None,
        face: int | None = None,
        on_start: Callable[[int], object] | None = None,
        on_frame: Callable[[], object] | None = None,
    ) -> Motion:
        """Return the motion of one face in the "camera" space.

        source : a path of an image or a video, a Pillow image, an array, or an iterable of frames
        fps : frames a second to read the video at; None: its own (an iterable: 25)
        face : which face, counted from 1, largest first in the first frame that shows any
        on_start, on_frame : called with the number of frames, 0 where it is not known, and after
            each, for a progress bar

        `extra` holds `landmarks` (T, 478, 3) px, `scores` (T, 52) and `identity` (S,). Frames
        without the face are filled in between their neighbours. Refining reads the source twice;
        then 14 kB a frame are kept (landmarks and extras).
        """
        check_inputs(fps=fps)
        if self.refine and isinstance(source, Iterator):
            raise InputError(
                "`refine` reads the frames twice; give a path or a list of frames, no iterator"
            )
        frames, rate, count = _frames(source, fps)
        if on_start is not None:
            on_start(count * (1 + self.refine))
        sizes: list[tuple[int, int]] = []
        shown: list[ImageArray] = []

        def noted() -> Iterator[ImageArray]:
            for frame in frames:
                sizes.append((frame.shape[1], frame.shape[0]))
                shown[:] = [frame]
                yield frame

        key = KeyFrame()
        track: list[Face | None] = []
        follow = Follower(face)
        for faces in self.analyzer.track(noted()):
            chosen = follow.pick(faces)
            if chosen is not None and not any(track):
                _warn(shown[0], chosen)
            track.append(chosen)
            key.show(shown[0], chosen)
            if on_frame is not None:
                on_frame()
        motion = self._motion(track, rate, sizes[0] if sizes else (0, 0))
        if not self.refine:
            return motion
        again, _, _ = _frames(source, fps)
        seen = [index for index, found in enumerate(track) if found is not None]
        return refined(self.analyzer, self.head, motion, key, again, seen, on_frame)

    def _motion(self, track: list[Face | None], fps: float, size: tuple[int, int]) -> Motion:
        from talkgen.face.fit import fit_clip, to_camera

        seen = [index for index, face in enumerate(track) if face is not None]
        if not seen:
            raise NoFaceError(
                f"no face found in any of {len(track)} frames; "
                "give a picture or a video in which a face is seen from the front"
            )
        if len(seen) < len(track):
            log.warning(
                "%d of %d frames do not show the face; their motion is filled in",
                len(track) - len(seen), len(track),
            )  # fmt: skip
        found = [face for face in track if face is not None]
        landmarks = filled(np.stack([face.landmarks for face in found]), seen, len(track))
        scores = filled(np.stack([face.scores for face in found]), seen, len(track))
        identity, fits = fit_clip(self.head, landmarks)
        return Motion(
            blendshapes=np.stack([fit.weights for fit in fits]),
            rotation=np.stack([fit.rotation for fit in fits]),
            translation=np.stack([to_camera(fit, self.head, size) for fit in fits]),
            fps=fps,
            space="camera",
            frame_size=size,
            extra={"landmarks": landmarks, "scores": scores, "identity": np.asarray(identity)},
        )


def _warn(image: ImageArray, face: Face) -> None:
    """Say once why a face may be read badly."""
    quality = assess(image, face, source=False)
    if quality.verdict != "usable":
        log.warning(
            "the face is %s where it is first seen: %s", quality.verdict, "; ".join(quality.reasons)
        )


class Follower:
    """Keeps to one face of those that each frame shows."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._last: Face | None = None
        self._company = False  # whether another face was ever seen
        self._lost = 0

    def pick(self, faces: list[Face]) -> Face | None:
        """Return the followed face in this frame, None where it is not seen."""
        if not faces:
            return None
        if self._last is None:
            chosen = choose_face(sorted(faces, key=lambda f: -f.size), self._number)
        else:
            steps = [_distance(face, self._last) for face in faces]
            nearest = int(np.argmin(steps))
            chosen = faces[nearest]
            if steps[nearest] > SAME_PLACE and self._company and self._lost < PATIENCE:
                self._lost += 1  # hidden: another one must not take its place at once
                return None
        self._company = self._company or len(faces) > 1
        self._last, self._lost = chosen, 0
        return chosen


def _distance(one: Face, other: Face) -> float:
    """Return the distance of two faces' centres over the larger face's size; 0 by the same id."""
    if one.id is not None and one.id == other.id:
        return 0.0
    centres = [(face.box[:2] + face.box[2:]) / 2 for face in (one, other)]
    return float(np.linalg.norm(centres[0] - centres[1]) / max(one.size, other.size, 1.0))


def _frames(source: Any, fps: float | None) -> tuple[Iterable[ImageArray], float, int]:
    """Return the frames of a source, their rate, and how many are expected (0: unknown)."""
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_file() and not is_image(path):
            from talkgen.errors import MediaError
            from talkgen.io.video import open_video

            try:
                video = open_video(path)
            except MediaError as error:
                if "no audio or video" in str(error):
                    raise MediaError(
                        f"{str(path)!r} is neither an image nor a video that can be read"
                    ) from error
                raise
            rate = fps or video.fps
            count = max(1, round(video.seconds * rate)) if video.seconds else 0
            return video.frames(fps), rate, count
        return [as_image(path)], fps or ENGINE_FPS, 1
    if hasattr(source, "getbands") or isinstance(source, np.ndarray):
        return [as_image(source)], fps or ENGINE_FPS, 1
    if isinstance(source, Iterable):
        return source, fps or ENGINE_FPS, 0
    raise InputError(
        f"`source` is a {type(source).__name__}, a path, a picture or frames are needed"
    )
