"""Faces that fill their picture: what a detector misses because it sees no head around them."""

from __future__ import annotations

import cv2

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.region import Region, region_of
from talkgen.types import Face, ImageArray

SIZES = (0.9, 0.75, 1.1)
"""Sides of the squares that are tried, in shorter sides of the picture."""
LARGEST = 1024
"""Pixels of the shorter side from which a picture is no tight crop."""
EDGE = 0.3
"""Share of the picture that is added around it for the detector."""


def face_of(analyzer: FaceAnalyzer, image: ImageArray) -> tuple[ImageArray, Face] | None:
    """Return the largest face and the picture that it is in, None where there is none.

    image : (H, W, 3) uint8 RGB, a photograph or a crop about a face. A crop in which no face is
        found is tried with its border repeated, then read as if it were all face.
    """
    faces = analyzer.analyze(image)
    if faces:
        return image, faces[0]
    if min(image.shape[:2]) > LARGEST:
        return None
    edge = max(8, round(EDGE * max(image.shape[:2])))
    image = cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    faces = analyzer.analyze(image)
    if faces:
        return image, faces[0]
    height, width = image.shape[:2]
    found = []
    for size in SIZES:
        side = (min(height, width) - 2 * edge) * size
        rough = analyzer.backend.read(image, Region(width / 2, height / 2, side), rough=True)
        face = rough and analyzer.backend.read(image, region_of(rough.landmarks))
        if face is not None:
            found.append(face)
    return (image, max(found, key=lambda face: face.score)) if found else None
