"""Pairs that the diffusion renderer learns from: what the mesh draws of a frame, and the frame.

A clip is tracked as a user's would be (plain track), one of its own frames is the portrait, and
the mesh renderer draws the others; each pair is cut to the face's crop. Two pictures of a person
make a pair too (neutral and smiling).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import NoFaceError
from talkgen.face.fit import fit_face
from talkgen.pipelines.portrait import load_portrait
from talkgen.render.conditions import condition_maps
from talkgen.render.face_crop import crop_of
from talkgen.types import Audio, Identity, ImageArray, Motion, Portrait

SOUND_OFFSETS = (-2, -1, 0, 1, 2)
"""Frames at 25 a second whose sound a frame hears."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Frames of one clip under one portrait.

    real, mesh : (T, 256, 256, 3) uint8; source : (256, 256, 3) uint8, the portrait's own crop
    maps : (T, 11, 64, 64) float16 (`talkgen.render.conditions`); weights : (T, 52); angles : (T, 3)
        radians relative to the portrait's; sound : (T, 5, D) float16, zeros where there is none
    embedding : (E,) of the portrait's person; own : which frame is the portrait, or -1
    """

    real: NDArray[np.uint8]
    mesh: NDArray[np.uint8]
    source: NDArray[np.uint8]
    maps: NDArray[np.float16]
    weights: NDArray[np.float32]
    angles: NDArray[np.float32]
    sound: NDArray[np.float16]
    embedding: NDArray[np.float32]
    frames: NDArray[np.int32]
    own: int

    def save(self, path: Path) -> None:
        """Write an .npz, whole or not at all."""
        partial = path.with_suffix(".part.npz")
        np.savez(partial, **self.__dict__)
        partial.replace(path)


class PairMaker:
    """Draws pairs with the shipped analyzer, mesh renderer and identity network."""

    def __init__(self) -> None:
        from talkgen.audio.phonetic import PhoneticEncoder
        from talkgen.face.analyzer import FaceAnalyzer
        from talkgen.face.identity import IdentityEmbedder
        from talkgen.pipelines.track import TrackPipeline
        from talkgen.render.mesh import MeshRenderer

        self.analyzer = FaceAnalyzer.from_pretrained()
        self.renderer = MeshRenderer.from_pretrained(threads=1)
        self.track = TrackPipeline(self.analyzer, self.renderer.head)
        self.embedder = IdentityEmbedder.from_pretrained()
        self.encoder = PhoneticEncoder.from_pretrained("phonetic")

    def sound(self, samples: NDArray[np.float32] | None, count: int) -> NDArray[np.float16]:
        """Return (count, 5, D) features of 16 kHz sound for frames at 25 a second."""
        dim = self.encoder.dim
        if samples is None or len(samples) < 1600:
            return np.zeros((count, len(SOUND_OFFSETS), dim), np.float16)
        heard = np.asarray(self.encoder.encode(Audio(np.asarray(samples, np.float32))))
        at = np.arange(count)[:, None] + np.asarray(SOUND_OFFSETS)
        rows = np.clip(np.rint((at + 0.5) * self.encoder.fps / 25.0 - 0.5), 0, len(heard) - 1)
        return heard[rows.astype(int)].astype(np.float16)

    def clip(
        self, frames: Sequence[ImageArray], motion: Motion, samples: Any, own: int,
        wanted: Sequence[int],
    ) -> Pairs:  # fmt: skip
        """Return the pairs of the wanted frames, drawn from frame `own`."""
        portrait = load_portrait(self.analyzer, frames[own])
        portrait = replace(portrait, identity=Identity(motion.extra["identity"]))
        ready = self.renderer.prepare(portrait)
        part = replace(
            motion, blendshapes=motion.blendshapes[wanted], rotation=motion.rotation[wanted],
            translation=motion.translation[wanted], extra={},
        )  # fmt: skip
        # the retargeter measures from the portrait's own frame: it comes first
        whole = replace(
            part,
            blendshapes=np.concatenate([motion.blendshapes[own : own + 1], part.blendshapes]),
            rotation=np.concatenate([motion.rotation[own : own + 1], part.rotation]),
            translation=np.concatenate([motion.translation[own : own + 1], part.translation]),
            extra={"portrait_frame": np.asarray(0)},
        )
        drawn = self.renderer.draw(ready, whole)
        next(drawn)
        found = [
            self._pair(ready, one.frame, one.pose.weights, one.pose.rotation, one.pose.translation,
                       one.pose.scale, one.sealed, frames[t])
            for t, one in zip(wanted, drawn, strict=True)
        ]  # fmt: skip
        sound = self.sound(samples, len(frames))[list(wanted)]
        return self._joined(portrait, ready, found, sound, list(wanted), own)

    def pictures(self, one: ImageArray, *others: ImageArray) -> Pairs:
        """Return the pairs that take the first picture to others of the same person."""
        portrait = load_portrait(self.analyzer, one)
        ready = self.renderer.prepare(portrait)
        found = []
        for other in others:
            faces = self.analyzer.analyze(other)
            if not faces:
                raise NoFaceError("no face found in the other picture; leave it out")
            fit = fit_face(ready.head, faces[0].landmarks, identity=ready.fit.identity)
            arguments = (
                np.asarray(fit.weights, np.float32), np.asarray(fit.rotation, np.float32),
                np.asarray(fit.translation, np.float32), float(fit.scale),
            )  # fmt: skip
            frame = ready.frame(*arguments, sealed=0.0)
            found.append(self._pair(ready, frame, *arguments, 0.0, other))
        count = len(others)
        sound = self.sound(None, count)
        return self._joined(portrait, ready, found, sound, list(range(count)), -1)

    def _pair(
        self, ready: Any, frame: ImageArray, weights: Any, rotation: Any, translation: Any,
        scale: float, sealed: float, real: ImageArray,
    ) -> tuple[Any, ...]:  # fmt: skip
        head = ready.placed(weights, rotation, translation, scale, sealed=sealed)
        crop = crop_of(ready, head)
        maps = condition_maps(ready, head, crop).astype(np.float16)
        turn = np.asarray(head.angles, np.float32) - np.asarray(ready.fit.rotation, np.float32)
        return crop.cut(real), crop.cut(frame), maps, np.asarray(weights, np.float32), turn

    def _joined(
        self, portrait: Portrait, ready: Any, found: list[tuple[Any, ...]], sound: Any,
        frames: list[int], own: int,
    ) -> Pairs:  # fmt: skip
        rest = ready.placed(ready.fit.weights)
        real, mesh, maps, weights, angles = (np.stack(x) for x in zip(*found, strict=True))
        return Pairs(
            real, mesh, crop_of(ready, rest).cut(portrait.image), maps, weights, angles, sound,
            np.asarray(self.embedder.embed(portrait.image, portrait.face), np.float32),
            np.asarray(frames, np.int32), own,
        )  # fmt: skip
