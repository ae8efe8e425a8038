"""The second look of the tracker: every frame beside the head drawn from a clear one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from talkgen.errors import NoFaceError
from talkgen.face.fit import to_camera
from talkgen.face.region import region_of
from talkgen.motion.extras import clearness, filled
from talkgen.protocols import FaceAnalyzer
from talkgen.types import Face, FloatArray, ImageArray, Motion, Portrait

log = logging.getLogger("talkgen")


class KeyFrame:
    """The frame of a clip that is drawn under all others: the first clear one.

    index, image, face : set once a face was shown
    """

    index = -1

    def __init__(self) -> None:
        self._best = np.inf
        self._count = 0
        self.image: ImageArray | None = None
        self.face: Face | None = None

    def show(self, image: ImageArray, face: Face | None) -> None:
        """Take note of the next frame."""
        if face is not None and self._best > 0:
            value = clearness(face.landmarks, face.scores)
            if value < self._best:
                self._best, self.index, self.image, self.face = value, self._count, image, face
        self._count += 1


def refined(
    analyzer: FaceAnalyzer,
    head: Any,
    motion: Motion,
    key: KeyFrame,
    frames: Iterable[ImageArray],
    seen: list[int],
    on_frame: Callable[[], object] | None = None,
) -> Motion:
    """Return the motion with weights and pose refined, and with extras.

    motion : the first track; frames : the clip once more; seen : indices of frames with the face
    """
    from talkgen.render.mesh import MeshRenderer
    from talkgen.render.refine import ClipRefiner

    if key.image is None or key.face is None:
        raise NoFaceError("no frame of the clip shows a face clearly enough to refine its track")
    found = analyzer.analyze(key.image)  # as a portrait is read: its fit is the same then
    middle = key.face.landmarks.mean(axis=0)[:2]
    near = [f for f in found if np.abs(f.landmarks.mean(axis=0)[:2] - middle).max() < 0.2 * f.size]
    portrait = Portrait(key.image, near[0] if near else key.face)
    renderer = MeshRenderer(head)
    refiner = ClipRefiner(renderer, portrait, motion, key.index, _reader(analyzer))
    shown = set(seen)
    weights, rotation = motion.blendshapes.copy(), motion.rotation.copy()
    translation = motion.translation.copy()
    kept: list[Any] = []
    worse = 0
    for index, image in enumerate(frames):
        if index >= len(motion):
            break
        if index in shown:
            one = refiner.frame(index, image)
            weights[index], rotation[index] = one.fit.weights, one.fit.rotation
            translation[index] = to_camera(one.fit, head, refiner.size)
            kept.append([part.astype(np.float16) for part in (one.residual, one.field, one.inside)])
            worse += one.error[1] >= one.error[0] > 0
        if on_frame is not None:
            on_frame()
    seen = seen[: len(kept)]
    if worse:
        log.info("%d of %d frames keep their first fit", worse, len(kept))
    extra: dict[str, Any] = {
        **motion.extra,
        **{
            name: filled(np.stack([parts[k] for parts in kept]), seen, len(motion))
            for k, name in enumerate(("residual", "field", "inside"))
        },
        "field_box": refiner.field_box,
        "key_frame": np.asarray(key.index, np.float32),
    }
    return replace(
        motion, blendshapes=weights, rotation=rotation, translation=translation, extra=extra
    )


def _reader(analyzer: FaceAnalyzer) -> Callable[[ImageArray, FloatArray], FloatArray | None] | None:
    """Return what reads landmarks on a drawn frame, None where the analyzer only searches."""
    backend = getattr(analyzer, "backend", None)
    if backend is None:
        return None

    def read(image: ImageArray, landmarks: FloatArray) -> FloatArray | None:
        face = backend.read(image, region_of(landmarks))
        return None if face is None else face.landmarks

    return read
