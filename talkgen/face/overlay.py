"""A picture with what was read of its faces drawn over it, to see whether it is right."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from talkgen.face.gaze import Gaze
from talkgen.face.points import LEFT_IRIS, LEFT_LIDS, LIPS, RIGHT_IRIS, RIGHT_LIDS
from talkgen.types import Face, ImageArray

Colour = tuple[int, int, int]
SURE, UNSURE, INNER, LOOK = (80, 230, 120), (250, 90, 60), (90, 200, 255), (255, 220, 0)
_INNER = frozenset(LIPS + LEFT_LIDS + RIGHT_LIDS + LEFT_IRIS + RIGHT_IRIS)
SUBPIXEL_BITS = 4


def draw_faces(
    image: ImageArray, faces: Sequence[Face], gazes: Sequence[Gaze | None] = ()
) -> ImageArray:
    """Return a copy of an (H, W, 3) uint8 RGB picture with points, boxes, numbers and gaze drawn.

    Points turn from green to red as their confidence falls; lips, lids and irises are blue. The
    number of a face is the one that `--face` takes.
    """
    canvas = np.ascontiguousarray(image).copy()
    for number, face in enumerate(faces, 1):
        thick = max(1, round(face.size / 250))
        x0, y0, x1, y1 = (round(float(v)) for v in face.box)
        cv2.rectangle(canvas, (x0, y0), (x1, y1), SURE, thick)
        cv2.putText(
            canvas, f"{number}: {face.score:.2f}", (x0, max(12, y0 - 4)),
            cv2.FONT_HERSHEY_SIMPLEX, max(0.35, face.size / 450), SURE, thick, cv2.LINE_AA,
        )  # fmt: skip
        for index, (x, y) in enumerate(face.landmarks[:, :2]):
            sure = 1.0 if face.confidence is None else float(face.confidence[index])
            colour = INNER if index in _INNER and sure > 0.5 else _between(UNSURE, SURE, sure)
            cv2.circle(
                canvas, _fixed(x, y), max(8, int(face.size * 0.05)), colour, -1, cv2.LINE_AA,
                SUBPIXEL_BITS,
            )  # fmt: skip
        gaze = gazes[number - 1] if number <= len(gazes) else None
        if gaze is not None and gaze.confidence > 0.2:
            reach = gaze.direction[:2] * face.interocular
            for iris in (RIGHT_IRIS, LEFT_IRIS):
                start = face.landmarks[list(iris), :2].mean(0)
                end = start + reach
                cv2.line(canvas, _fixed(*start), _fixed(*end), LOOK, thick + 1, cv2.LINE_AA,
                         SUBPIXEL_BITS)  # fmt: skip
    return canvas


def _fixed(x: float, y: float) -> tuple[int, int]:
    return round(float(x) * 2**SUBPIXEL_BITS), round(float(y) * 2**SUBPIXEL_BITS)


def _between(low: Colour, high: Colour, share: float) -> Colour:
    r, g, b = (round(a + (c - a) * share) for a, c in zip(low, high, strict=True))
    return r, g, b
