"""The diffusion renderer: the mesh render, with what geometry cannot make added by networks.

The mesh renderer draws each frame at the portrait's own resolution. About the face the denoiser
says, in latents, what the real picture would have that the drawing lacks; that difference alone is
laid into the frame.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from talkgen.errors import InputError
from talkgen.face.fit import HeadFit
from talkgen.face.head import HeadModel
from talkgen.motion.retarget import Retargeter
from talkgen.render.adapters import load_adapter
from talkgen.render.conditions import condition_maps
from talkgen.render.denoiser import Denoiser
from talkgen.render.face_crop import FaceCrop, crop_of
from talkgen.render.latents import FaceAutoencoder
from talkgen.render.mesh import Drawn, MeshRenderer
from talkgen.render.paste import (
    check_regions,
    face_mask,
    matched,
    own_detail,
    paste,
    region_strength,
    tempered,
)
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.pose import Limited
from talkgen.render.sampler import FaceFrames, FaceSampler, Person, frame_vector
from talkgen.types import FloatArray, ImageArray, Motion, Portrait

BATCH = 8
"""Frames that are drawn, encoded and decoded together."""
JUMP = 12.0
"""Mean difference of the crops of two frames, levels of 255, from which the first is forgotten: a
cut, or a head that leaps, would shine through."""


class _Face(NamedTuple):
    """A drawn frame with its face cut out."""

    drawn: Drawn
    crop: FaceCrop
    mask: FloatArray
    strength: FloatArray | float
    cut: ImageArray
    maps: FloatArray
    vector: FloatArray
    sound: Any


@dataclass(eq=False)
class PreparedFace:
    """A portrait ready to be drawn: `mesh`, as the mesh renderer has it, and who it shows."""

    mesh: PreparedPortrait
    person: Person

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.mesh.frame_size

    @property
    def limits(self) -> Limited:
        """How often the head was turned less far than asked."""
        return self.mesh.limits

    @property
    def fit(self) -> HeadFit:
        """The head fit in pixels of the frames."""
        return self.mesh.fit

    @property
    def landmarks(self) -> FloatArray:
        """The portrait's landmarks (478, 3) in pixels of the frames."""
        return self.mesh.landmarks

    @property
    def retargeter(self) -> Retargeter:
        """What makes poses of motion; another takes its place where a face is driven."""
        return self.mesh.retargeter

    @retargeter.setter
    def retargeter(self, other: Retargeter) -> None:
        self.mesh.retargeter = other


class DiffusionRenderer:
    """Draws portraits with the mesh renderer and, over the face, a latent diffusion model.

    mesh : what draws the geometry
    embedder : says who the portrait is (`IdentityEmbedder`), None: nobody is told
    encoder : what the sound about a frame is to be heard by (`PhoneticEncoder`); motion brings it
        along as `extra["sound"]` (T, 5, D), see `talkgen.audio.nearby`
    embedding : (E,) who every portrait counts as, instead of what the embedder sees
    regions : strength of what is added to "lips", "eyes" and "rest", 0 to 2, else 1
    batch : frames that wait for each other; memory and speed grow with it
    options : those of `FaceSampler`: steps, seed, identity_scale, device, ...
    """

    def __init__(
        self,
        autoencoder: FaceAutoencoder,
        denoiser: Denoiser,
        mesh: MeshRenderer,
        *,
        embedder: Any = None,
        encoder: Any = None,
        embedding: FloatArray | None = None,
        regions: Mapping[str, float] | None = None,
        batch: int = BATCH,
        **options: Any,
    ) -> None:
        self.sampler = FaceSampler(autoencoder, denoiser, **options)
        self.mesh = mesh
        self.embedder = embedder
        self.encoder = encoder
        self.embedding = embedding
        self.regions = check_regions(regions or {})
        self.batch = batch

    @classmethod
    def from_pretrained(
        cls,
        autoencoder: str | os.PathLike[str] = "autoencoder",
        denoiser: str | os.PathLike[str] = "denoiser",
        head: str = "head",
        *,
        adapter: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> Self:
        """Return a renderer with the shipped networks, or others by name or folder.

        adapter : file of `talkgen adapt`: what a person's own pictures change of the denoiser
        threads : how many threads draw the mesh; options : regions, batch and `FaceSampler`'s
        """
        from talkgen.audio.phonetic import PhoneticEncoder
        from talkgen.face.identity import IdentityEmbedder

        net = Denoiser.from_pretrained(denoiser)
        who = None
        if adapter is not None:
            known = load_adapter(net, adapter, denoiser).embedding
            who = None if known is None else known.numpy()
        return cls(
            FaceAutoencoder.from_pretrained(autoencoder), net,
            MeshRenderer.from_pretrained(head, threads=threads),
            embedder=IdentityEmbedder.from_pretrained(),
            encoder=PhoneticEncoder.from_pretrained("phonetic"), embedding=who, **options,
        )  # fmt: skip

    @property
    def head(self) -> HeadModel:
        """The head model that portraits are fitted with."""
        return self.mesh.head

    def prepare(
        self,
        portrait: Portrait,
        fit: HeadFit | None = None,
        *,
        size: int | None = None,
        embedding: FloatArray | None = None,
        pictures: Sequence[Portrait] = (),
    ) -> PreparedFace:
        """Return the portrait ready to be drawn again and again.

        fit, size : as for the mesh renderer
        embedding : (E,) who it is, else the portrait's own `identity.embedding`, the renderer's,
            or what the embedder sees
        pictures : further portraits of the same person, for what this one does not show
        """
        ready = self.mesh.prepare(portrait, fit, size=size)
        if embedding is None and portrait.identity is not None:
            embedding = portrait.identity.embedding
        if embedding is None:
            embedding = self.embedding
        if embedding is None and self.embedder is not None:
            embedding = self.embedder.embed(portrait.image, portrait.face)
        others = [own_crop(self.mesh.prepare(other)) for other in pictures]
        return PreparedFace(ready, self.sampler.person(own_crop(ready), embedding, others))

    def render(
        self, portrait: Portrait | PreparedFace, motion: Motion, *, size: int | None = None
    ) -> Iterator[ImageArray]:
        """Yield one (H, W, 3) uint8 RGB frame for each frame of `motion`, which is a whole."""
        return self.stream(portrait, [motion], size=size)

    def stream(
        self,
        portrait: Portrait | PreparedFace,
        parts: Iterable[Motion],
        *,
        size: int | None = None,
    ) -> Iterator[ImageArray]:
        """Yield the frames of consecutive chunks of one motion: their seams do not show.

        Memory does not grow with length; frames come `batch` at a time.
        """
        ready = self.prepare(portrait, size=size) if isinstance(portrait, Portrait) else portrait
        faces = chain.from_iterable(self._faces(ready.mesh, part) for part in parts)
        previous: Tensor | None = None
        last: ImageArray | None = None
        while some := list(islice(faces, self.batch)):
            frames = FaceFrames(
                np.stack([face.cut for face in some]), np.stack([face.maps for face in some]),
                np.stack([face.vector for face in some]), np.stack([face.sound for face in some]),
                leaps([face.cut for face in some], last),
            )  # fmt: skip
            last = some[-1].cut
            changes, previous = self.sampler.change(ready.person, frames, previous)
            for face, change in zip(some, changes, strict=True):
                yield finished(face, change)

    def _faces(self, ready: PreparedPortrait, motion: Motion) -> Iterator[_Face]:
        sound = self._sound(motion)
        own = np.asarray(ready.fit.rotation, np.float32)
        for index, drawn in enumerate(self.mesh.draw(ready, motion)):
            head = drawn.head
            crop = crop_of(ready, head)
            if drawn.points is not None:
                head = replace(head, points=drawn.points)
            maps = condition_maps(ready, head, crop)
            marks = crop.to_crop(ready.head.landmarks(head.points))
            yield _Face(
                drawn, crop, face_mask(maps), region_strength(marks, self.regions),
                crop.cut(drawn.frame), maps,
                frame_vector(head.weights, np.asarray(head.angles, np.float32) - own),
                sound[index],
            )  # fmt: skip

    def _sound(self, motion: Motion) -> Any:
        """Return (T, 5, D) features of the sound about every frame, zeros where none came along."""
        config = self.sampler.denoiser.config
        shape = (len(motion), config.sound_frames, config.sound_dim)
        given = motion.extra.get("sound")
        if given is None:
            return np.broadcast_to(np.float32(0.0), shape)
        if given.shape != shape:
            raise InputError(
                f"`motion.extra['sound']` has shape {given.shape}, {shape} is needed "
                "(talkgen.audio.nearby makes it)"
            )
        return given


def leaps(crops: Sequence[ImageArray], last: ImageArray | None) -> NDArray[np.bool_]:
    """Return (T,) whether each crop (256, 256, 3) has little to do with the one before it.

    last : the one before the first, None: there is none
    """
    before = [last, *crops[:-1]]
    return np.array(
        [b is None or float(cv2.absdiff(a, b).mean()) > JUMP
         for a, b in zip(crops, before, strict=True)], bool,
    )  # fmt: skip


def own_crop(ready: PreparedPortrait) -> ImageArray:
    """Return the crop (256, 256, 3) of the photograph itself."""
    return crop_of(ready, ready.placed(ready.fit.weights)).cut(ready.image)


def finished(face: _Face, change: FloatArray) -> ImageArray:
    """Return the frame with what the networks add to it."""
    frame = face.drawn.frame
    kept = matched(own_detail(tempered(change), face.maps), face.mask)
    paste(frame, face.crop, kept, face.mask * face.strength)
    return frame
