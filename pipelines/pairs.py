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

from talkgen.audio.nearby import NearbySound
from talkgen.errors import NoFaceError
from talkgen.face.fit import fit_face
from talkgen.pipelines.portrait import load_portrait
from talkgen.render.conditions import condition_maps
from talkgen.render.face_crop import crop_of
from talkgen.render.portrait import PlacedHead, PreparedPortrait
from talkgen.types import ENGINE_FPS, ENGINE_RATE, Identity, ImageArray, Motion, Portrait


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
        blocks = [] if samples is None else [np.asarray(samples, np.float32)]
        return NearbySound(self.encoder, blocks, ENGINE_RATE, ENGINE_FPS).take(count)

    def clip(
        self, frames: Sequence[ImageArray], motion: Motion, samples: Any, own: int,
        wanted: Sequence[int],
    ) -> Pairs:  # fmt: skip
        """Return the pairs of the wanted frames, drawn from frame `own`."""
        portrait = load_portrait(self.analyzer, frames[own])
        portrait = replace(portrait, identity=Identity(motion.extra["identity"]))
        ready = self.renderer.prepare(portrait)
        # the retargeter measures from the portrait's own frame: it comes first
        rows = [own, *wanted]
        part = replace(
            motion, blendshapes=motion.blendshapes[rows], rotation=motion.rotation[rows],
            translation=motion.translation[rows], extra={"portrait_frame": np.asarray(0)},
        )  # fmt: skip
        drawn = self.renderer.draw(ready, part)
        next(drawn)
        found = [self._pair(ready, one.frame, one.head, frames[t])
                 for t, one in zip(wanted, drawn, strict=True)]  # fmt: skip
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
            head = ready.placed(
                fit.weights, fit.rotation, np.asarray(fit.translation, np.float32), fit.scale
            )
            found.append(self._pair(ready, ready.drawn(head), head, other))
        count = len(others)
        sound = self.sound(None, count)
        return self._joined(portrait, ready, found, sound, list(range(count)), -1)

    def _pair(
        self, ready: PreparedPortrait, frame: ImageArray, head: PlacedHead, real: ImageArray
    ) -> tuple[Any, ...]:
        crop = crop_of(ready, head)
        maps = condition_maps(ready, head, crop).astype(np.float16)
        turn = np.asarray(head.angles, np.float32) - np.asarray(ready.fit.rotation, np.float32)
        return crop.cut(real), crop.cut(frame), maps, head.weights, turn

    def _joined(
        self, portrait: Portrait, ready: PreparedPortrait, found: list[tuple[Any, ...]], sound: Any,
        frames: list[int], own: int,
    ) -> Pairs:  # fmt: skip
        rest = ready.placed(ready.fit.weights)
        real, mesh, maps, weights, angles = (np.stack(x) for x in zip(*found, strict=True))
        return Pairs(
            real, mesh, crop_of(ready, rest).cut(portrait.image), maps, weights, angles, sound,
            np.asarray(self.embedder.embed(portrait.image, portrait.face), np.float32),
            np.asarray(frames, np.int32), own,
        )  # fmt: skip
