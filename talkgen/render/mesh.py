"""The mesh renderer: the portrait's head, textured by its photograph, drawn into the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.face.fit import HeadFit, fit_face
from talkgen.face.head import HeadModel
from talkgen.face.stretch import fit_stretched
from talkgen.motion.rest import SHUT_GAP, lip_gaps
from talkgen.render.displace import clip_extras
from talkgen.render.portrait import PlacedHead, PreparedPortrait
from talkgen.render.prepare import prepare
from talkgen.render.wrinkles import WrinkleMap
from talkgen.types import Face, ImageArray, Motion, Portrait

FITTED_GAPS = (0.03, 0.05)
"""Lip gaps, in inter-ocular distances, that weights fitted to shut lips leave, and do not."""


class MeshRenderer:
    """Draws portraits with the embedded 3D head. No network takes part, and no GPU is needed.

    head : the head model that portraits are fitted with
    threads : how many threads draw; by default one a core, at most four
    wrinkles : shading that comes with a smile; none by default
    """

    def __init__(
        self,
        head: HeadModel,
        *,
        threads: int | None = None,
        wrinkles: WrinkleMap | None = None,
    ) -> None:
        self.head = head
        self.threads = threads
        self.wrinkles = wrinkles

    @classmethod
    def from_pretrained(cls, name: str = "head", *, threads: int | None = None) -> MeshRenderer:
        """Return a renderer with the head model of that checkpoint and the shipped wrinkles."""
        head = HeadModel.from_pretrained(name)
        return cls(head, threads=threads, wrinkles=WrinkleMap.from_pretrained())

    def prepare(
        self, portrait: Portrait, fit: HeadFit | None = None, *, size: int | None = None
    ) -> PreparedPortrait:
        """Return the portrait ready to be drawn again and again.

        fit : its head fit, found from the portrait's landmarks by default
        size : longer side of the frames in pixels, the picture's own by default
        """
        if size is not None:
            portrait, factor = resized(portrait, size)
            if fit is not None:
                fit = replace(fit, scale=fit.scale * factor, translation=fit.translation * factor)
        head = self.head
        if fit is None:
            landmarks = portrait.face.landmarks
            if portrait.identity is None:
                head, fit = fit_stretched(head, landmarks)
            else:
                fit = fit_face(head, landmarks, identity=portrait.identity.shape)
        return prepare(head, portrait, fit, self.threads, self.wrinkles)

    def render(
        self, portrait: Portrait | PreparedPortrait, motion: Motion, *, size: int | None = None
    ) -> Iterator[ImageArray]:
        """Yield one (H, W, 3) uint8 RGB frame for each frame of `motion`."""
        ready = self.prepare(portrait, size=size) if isinstance(portrait, Portrait) else portrait
        for drawn in self.draw(ready, motion):
            yield drawn.frame

    def draw(self, ready: PreparedPortrait, motion: Motion) -> Iterator[Drawn]:
        """Yield each frame of `motion` with the head that it shows."""
        sealed = sealing(self.head, ready, motion.space)
        extras = clip_extras(ready, motion)
        for index, pose in enumerate(ready.retargeter.poses(motion)):
            extra = None if extras is None else extras.at(index)
            head = ready.placed(
                pose.weights, pose.rotation, pose.translation, pose.scale,
                sealed=sealed(pose.weights),
            )  # fmt: skip
            frame = ready.drawn(head, extra)
            yield Drawn(frame, head, None if extra is None else extra.points)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A frame (H, W, 3) uint8 RGB and the head that it shows.

    points : (V, 3) float32, pixels and depth, where the extras of a refined track moved the mesh to
    """

    frame: ImageArray
    head: PlacedHead
    points: NDArray[np.float32] | None = None


def sealing(
    head: HeadModel, ready: PreparedPortrait, space: str
) -> Callable[[NDArray[np.float32]], float]:
    """Return what takes weights (52,) of a motion to how far they shut the lips (see `frame`)."""
    if space != "camera":
        return lambda weights: 1.0
    gaps, slopes = lip_gaps(head, head.neutral(ready.fit.identity))
    own = float(gaps[0] + slopes[0] @ ready.fit.weights)

    def sealed(weights: NDArray[np.float32]) -> float:
        # At the portrait's own lips the picture stands as it is; the rest goes as they shut.
        # Weights fitted to shut lips leave a gap too, which goes last.
        now = float(gaps[0] + slopes[0] @ weights)
        if own <= SHUT_GAP:
            return 0.0
        shut, near = min(FITTED_GAPS[0], 0.4 * own), min(FITTED_GAPS[1], 0.7 * own)
        rest = np.clip((own - now) / (own - near), 0.0, 1.0)
        return float(rest + np.clip((near - now) / (near - shut), 0.0, 1.0))

    return sealed


def resized(portrait: Portrait, size: int) -> tuple[Portrait, float]:
    """Return the portrait with `size` pixels along its longer side, and the factor of its scale."""
    if size < 64:
        raise InputError(f"`size` is {size} pixels, at least 64 are needed")
    height, width = portrait.image.shape[:2]
    factor = size / max(height, width)
    if factor == 1.0:
        return portrait, 1.0
    wide, high = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image = cv2.resize(portrait.image, (wide, high), interpolation=how)
    step = np.array([wide / width, high / height, factor], np.float32)
    face = portrait.face
    moved = Face(
        landmarks=face.landmarks * step,
        box=face.box * np.tile(step[:2], 2),
        scores=face.scores,
        rotation=face.rotation,
        score=face.score,
    )
    alpha = portrait.alpha
    if alpha is not None:
        alpha = cv2.resize(alpha, (wide, high), interpolation=cv2.INTER_AREA)
    return replace(portrait, image=image, face=moved, alpha=alpha), factor
