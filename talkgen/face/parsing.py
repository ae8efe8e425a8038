"""A face becomes soft masks of its parts: skin, lips, mouth, eyes, brows, hair, neck, clothes.

Person, hair, neck and clothes come from the matte network, the rest from the rings of landmarks,
drawn with soft edges. What lies before a face (hands, masks) is not told apart; where the backend
says that points are hidden, their part is left to what the matte network sees there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import cv2
import numpy as np

from talkgen.errors import InputError
from talkgen.face.matte import MATTE_PARTS, HeadMatte
from talkgen.face.points import LEFT_LIDS, LIPS_INNER, LIPS_OUTER, MIRROR, RIGHT_LIDS
from talkgen.types import Face, FloatArray, ImageArray, Portrait

FACE_PARTS = (
    "background", "skin", "lips", "mouth", "eyes", "brows", "hair", "neck", "clothes",
)  # fmt: skip
"""Rows of `FaceMasks.shares`. skin: the head's, with beard and ears; mouth: teeth, tongue and the
dark between the lips; eyes: what shows of the eyeballs; neck: bare shoulders too; clothes: whatever
else belongs to the person."""

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = tuple(int(MIRROR[i]) for i in RIGHT_BROW)
HIDDEN, SEEN = 0.2, 0.5
"""Mean confidence of a part's points below which it is not drawn, and above which it is whole."""


@dataclass(frozen=True, eq=False)
class FaceMasks:
    """Shares of the parts of a face and of what is about it.

    shares : (9, H, W) float32 in [0, 1], one of `FACE_PARTS` a row; they sum to 1 in every pixel
    """

    shares: FloatArray

    def __post_init__(self) -> None:
        if self.shares.ndim != 3 or len(self.shares) != len(FACE_PARTS):
            raise InputError(
                f"`shares` has shape {self.shares.shape}, ({len(FACE_PARTS)}, H, W) is needed"
            )

    def __getitem__(self, part: str) -> FloatArray:
        """Return the share (H, W) of one of `FACE_PARTS`."""
        if part not in FACE_PARTS:
            raise InputError(f"`part` is {part!r}, choose one of {', '.join(FACE_PARTS)}")
        return self.shares[FACE_PARTS.index(part)]

    @property
    def head(self) -> FloatArray:
        """Matte (H, W) of the head with hair, without neck and body."""
        rows = [FACE_PARTS.index(p) for p in ("skin", "lips", "mouth", "eyes", "brows", "hair")]
        return np.asarray(np.clip(self.shares[rows].sum(0), 0, 1))

    @property
    def person(self) -> FloatArray:
        """Matte (H, W) of the whole person."""
        return np.asarray(1 - self["background"])

    @property
    def labels(self) -> ImageArray:
        """The largest share of each pixel, (H, W) uint8 index into `FACE_PARTS`."""
        return np.asarray(self.shares.argmax(0), np.uint8)


class FaceParser:
    """Turns a picture and a face into masks.

        masks = FaceParser.from_pretrained().parse(image, face)
        masks["hair"]  # (H, W) float32
    """

    def __init__(self, matte: HeadMatte) -> None:
        self.matte = matte

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str] = "matte") -> FaceParser:
        """Return the parser with the shipped matte network, or that of a folder."""
        return cls(HeadMatte.from_pretrained(name_or_path))

    def parse(self, image: ImageArray, face: Face) -> FaceMasks:
        """Return the masks of an (H, W, 3) uint8 RGB picture, at its own size.

        Further than 1.2 face extents from the face's middle they are a guess (`HeadMatte.read`).
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(
                f"`image` is {image.dtype} {image.shape}, uint8 (H, W, 3) RGB is needed"
            )
        found = dict(zip(MATTE_PARTS, self.matte.read(image, face), strict=True))
        shares = np.empty((len(FACE_PARTS), *image.shape[:2]), np.float32)
        for part, matte_part in (
            ("background", "background"), ("skin", "face"), ("hair", "hair"), ("neck", "neck"),
            ("clothes", "clothes"),
        ):  # fmt: skip
            shares[FACE_PARTS.index(part)] = found[matte_part]
        shares[2:6] = 0.0
        box = _reach(face, image.shape[:2])
        if box is not None:
            rows, columns = box
            _draw(shares[:, rows, columns], face, (columns.start, rows.start))
        return FaceMasks(shares)


def matted(portrait: Portrait, parser: FaceParser) -> Portrait:
    """Return the portrait with its head matte (`Portrait.alpha`) read from the picture."""
    return replace(portrait, alpha=parser.parse(portrait.image, portrait.face).head)


def _reach(face: Face, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Return rows and columns that hold all rings; None when the face is beside the picture."""
    rim = 4 + 0.05 * face.size
    x0, y0 = np.clip(np.floor(face.box[:2] - rim), 0, shape[::-1]).astype(int)
    x1, y1 = np.clip(np.ceil(face.box[2:] + rim), 0, shape[::-1]).astype(int)
    return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None


def _draw(shares: FloatArray, face: Face, corner: tuple[int, int]) -> None:
    """Put the parts inside of the face into shares (9, h, w), in place."""
    points = face.landmarks[:, :2] - np.array(corner, np.float32)
    shape = shares.shape[1:]
    _, skin, lips, mouth, eyes, brows, _, neck, clothes = shares

    def ring(*rings: tuple[int, ...], soft: float = 0.0) -> FloatArray:
        mask = filled([points[list(r)] for r in rings], shape)
        if soft:
            mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, soft * face.size))
        return mask

    # A beard is no neck and a collar does not reach the cheeks.
    oval = ring(FACE_OVAL, soft=0.01)
    skin += (neck + clothes) * oval
    neck *= 1 - oval
    clothes *= 1 - oval
    inner = ring(LIPS_INNER)
    outer = np.maximum(ring(LIPS_OUTER), inner)
    lids = ring(RIGHT_LIDS, LEFT_LIDS)
    lips_seen, eyes_seen = _seen(face, LIPS_OUTER), _seen(face, RIGHT_LIDS + LEFT_LIDS)
    taken = np.maximum(outer * lips_seen, lids * eyes_seen)
    shares *= 1 - taken
    mouth[:] = inner * lips_seen
    lips[:] = outer * lips_seen - mouth
    eyes[:] = np.maximum(taken - mouth - lips, 0)
    hairy = ring(RIGHT_BROW, LEFT_BROW, soft=0.008) * _seen(face, RIGHT_BROW + LEFT_BROW)
    brows[:] = hairy * skin  # a fringe over them stays hair
    skin -= brows


def filled(rings: list[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    """Return the share (H, W) float32 of each pixel inside of any of some polygons (N, 2)."""
    factor = 4 if max(shape) <= 400 else 2
    mask = np.zeros((shape[0] * factor, shape[1] * factor), np.uint8)
    for polygon in rings:
        whole = (np.clip(polygon, -8000, 8000) + 0.5) * factor - 0.5
        cv2.fillPoly(mask, [np.rint(whole).astype(np.int32)], 255)
    small = cv2.resize(mask, shape[1::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def _seen(face: Face, points: tuple[int, ...]) -> float:
    """Return how much of a part is in sight, from 0 to 1; 1 where the backend does not know."""
    if face.confidence is None:
        return 1.0
    mean = float(face.confidence[list(points)].mean())
    return float(np.clip((mean - HIDDEN) / (SEEN - HIDDEN), 0, 1))
