"""What critics see of a motion: of where it takes the landmarks, and of the frames it draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from talkgen.critic.choose import Seen, asked_probability
from talkgen.critic.dynamics import smoothed
from talkgen.critic.guide import Guidance, guided, search
from talkgen.critic.planned import planned_scores
from talkgen.io.audio import Speech
from talkgen.motion.behaviour import speaking_share
from talkgen.motion.facs import FELT
from talkgen.protocols import FaceAnalyzer
from talkgen.render.projected import projected
from talkgen.types import (
    EMOTIONS,
    ENGINE_FPS,
    ENGINE_RATE,
    NUM_LANDMARKS,
    Emotion,
    Face,
    FloatArray,
    ImageArray,
    Motion,
)

READ_AT_ONCE = 16
"""Frames whose expressions are read together."""
SAME_PLACE = 0.7
"""Distance from the portrait's face, in face sizes, within which a drawn face is that one."""
UNSEEN = np.full((NUM_LANDMARKS, 3), np.nan, np.float32)


class Judge:
    """Looks at motions before and after they are drawn, 25 frames a second.

    analyzer : finds the face in frames; expression : an `FERCritic`; sync : a `SyncCritic`
    """

    def __init__(self, analyzer: FaceAnalyzer, expression: Any, sync: Any) -> None:
        self.analyzer = analyzer
        self.expression = expression
        self.sync = sync

    @classmethod
    def from_pretrained(cls, analyzer: FaceAnalyzer) -> Self:
        """Return the judge with the shipped critics."""
        from talkgen.critic.fer import FERCritic
        from talkgen.critic.sync import SyncCritic

        return cls(analyzer, FERCritic.from_pretrained(), SyncCritic.from_pretrained())

    def hear(self, speech: Speech) -> Any:
        """Return what is heard in a speech, once for all of its motions."""
        from talkgen.critic.hearing import hear

        return hear(speech.blocks(ENGINE_RATE), fps=ENGINE_FPS)

    def plan(
        self, ready: Any, motion: Motion, heard: Any, target: Emotion | None,
        scores: FloatArray | None = None,
    ) -> Seen:  # fmt: skip
        """Return what a motion would show of a prepared portrait, by geometry alone.

        scores : (52,) of the portrait's face as it is, zeros where they are not known
        """
        points, weights = projected(ready, motion)
        readings = []
        if target is not None:
            own = np.zeros(weights.shape[1], np.float32) if scores is None else scores
            wanted = planned_scores(own, ready.fit.weights, weights)
            readings.append(self.expression.of_geometry(points, wanted).emotions)
        return self._seen(points, readings, heard, target)

    def show(
        self, ready: Any, frames: Iterator[ImageArray], heard: Any, target: Emotion | None
    ) -> Seen:
        """Return what drawn frames show; a frame without the face is passed over."""
        points: list[FloatArray] = []
        readings: list[FloatArray] = []
        batch: list[tuple[ImageArray, Face]] = []

        def read() -> None:
            if batch and target is not None:
                images, faces = zip(*batch, strict=True)
                readings.append(self.expression.read(images, faces).emotions)
            batch.clear()

        for image, face in self._followed(frames, ready.landmarks):
            points.append(UNSEEN if face is None else face.landmarks)
            if face is not None:
                batch.append((image, face))
            if len(batch) == READ_AT_ONCE:
                read()
        read()
        return self._seen(np.stack(points), readings, heard, target)

    def guide(
        self, renderer: Any, ready: Any, motion: Motion, heard: Any, emotion: Emotion
    ) -> tuple[Emotion, list[Guidance]]:
        """Return the emotion with its action units moved to where the critic sees it more surely on
        this face, and what that came to for each emotion of the track.

        motion : 25 frames a second, made with `emotion`; a track that gives action units of its own
            stays as it is
        """
        if emotion.action_units:
            return emotion, []
        # what the diffusion renderer adds to the mesh is slow, and no expression
        mesh, shown = getattr(renderer, "mesh", renderer), getattr(ready, "mesh", ready)
        speaking = speaking_share(heard.speech)
        speaking = np.pad(speaking, (0, len(motion)), mode="edge")[: len(motion)]

        def read(weights: FloatArray, at: NDArray[np.int64]) -> FloatArray:
            moved = Motion(weights, motion.rotation[at], motion.translation[at], motion.fps)
            out = np.full((len(at), len(EMOTIONS)), 1 / len(EMOTIONS), np.float32)
            for row, frame in enumerate(mesh.render(shown, moved)):
                faces = self.analyzer.analyze(frame)
                if faces:
                    out[row] = self.expression.read([frame], faces[:1]).emotions[0]
            return out

        tried = [search(name, motion, emotion, speaking, read) for name in FELT]
        found = [one for one in tried if one is not None]
        kept = {one.name: one.units for one in found if one.kept}
        return (guided(emotion, kept) if kept else emotion), found

    def _followed(
        self, frames: Iterator[ImageArray], about: FloatArray
    ) -> Iterator[tuple[ImageArray, Face | None]]:
        """Yield frames with the face that lies where the portrait's landmarks do."""
        shown: list[ImageArray] = []
        middle = np.asarray(about)[:, :2].mean(0)

        def noted() -> Iterator[ImageArray]:
            for frame in frames:
                shown[:] = [frame]
                yield frame

        def apart(face: Face) -> float:
            return float(np.linalg.norm(face.landmarks[:, :2].mean(0) - middle)) / face.size

        for faces in self.analyzer.track(noted()):
            face = min(faces, key=apart, default=None)
            yield shown[0], face if face is not None and apart(face) < SAME_PLACE else None

    def _seen(
        self, points: FloatArray, readings: Sequence[FloatArray], heard: Any, target: Emotion | None
    ) -> Seen:
        """Return what (T, 478, 3) points, NaN where unseen, and emotions (..., 8) of the seen ones
        say."""
        known = np.isfinite(points[:, 0, 0])
        if not known.any():
            return Seen(None, None if target is None else 0.0, 0, 0.0)
        sync = self.sync.of_lips(points, heard)
        if target is None:
            return Seen(None, None, int(sync.offset), float(sync.confidence))
        speaking = np.zeros(len(points), bool)
        count = min(len(points), len(heard.speech))
        speaking[:count] = heard.speech[:count]
        emotions = np.full((len(points), len(EMOTIONS)), np.nan, np.float32)
        emotions[known] = np.concatenate(readings)
        shown = smoothed(emotions, ENGINE_FPS, speaking)[known]
        return Seen(
            shown.mean(0), asked_probability(target, shown, ENGINE_FPS, known),
            int(sync.offset), float(sync.confidence),
        )  # fmt: skip
