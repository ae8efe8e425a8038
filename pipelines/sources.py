"""More pictures of the portrait's person, or a clip, that say how the head is built."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError, NoFaceError
from talkgen.face.fit import fit_face, fit_identity
from talkgen.face.head import HeadModel
from talkgen.io.image import as_image, is_image
from talkgen.io.video import open_video
from talkgen.protocols import FaceAnalyzer
from talkgen.types import FloatArray, Identity, ImageArray, Portrait

CLIP_LOOKS = 24
"""Frames of a clip that are looked at."""

CLIP_VIEWS = 8
"""Of these, the calmest that are used."""

STRANGER = 2.5
"""Fit error, percent of the inter-ocular distance, above which another picture shows someone else
or a face too hard to read, where the person's own head would be under it."""

log = logging.getLogger("talkgen")


def with_sources(
    analyzer: FaceAnalyzer, head: HeadModel, portrait: Portrait, sources: Sequence[Any]
) -> Portrait:
    """Return the portrait with the identity that it shares with other pictures of its person.

    sources : paths of pictures or clips, Pillow images, or arrays
    Scale, pose and expression are each picture's own and are taken out. A picture that the shared
    head does not fit is left out with a warning. Raises NoFaceError where one shows no face.
    """
    if isinstance(sources, (str, bytes)):
        raise InputError(f"`sources` is the text {sources!r}; give a list of pictures")
    if not sources:
        return portrait
    own = portrait.face.landmarks
    others = [(name, points) for source in sources for name, points in _views(analyzer, source)]
    while others:
        identity = fit_identity(head, [own, *(points for _, points in others)])
        errors = [fit_face(head, points, identity=identity).error for _, points in others]
        worst = int(np.argmax(errors))
        if errors[worst] <= STRANGER:
            return replace(portrait, identity=Identity(identity))
        log.warning(
            "%s is left out: the head fits it with %.1f %%; another person, or hard to read?",
            others.pop(worst)[0], errors[worst],
        )  # fmt: skip
    return portrait


def _views(analyzer: FaceAnalyzer, source: Any) -> list[tuple[str, FloatArray]]:
    """Return name and landmarks (478, 3) of the views that a source gives."""
    if isinstance(source, (str, Path)) and Path(source).is_file() and not is_image(source):
        return _clip_views(analyzer, Path(source))
    name = f"{str(source)!r}" if isinstance(source, (str, Path)) else "another picture"
    faces = analyzer.analyze(as_image(source))
    if not faces:
        raise NoFaceError(f"no face found in {name}; leave this source out")
    return [(name, faces[0].landmarks)]


def _clip_views(analyzer: FaceAnalyzer, path: Path) -> list[tuple[str, FloatArray]]:
    """Return the calmest views of a clip, spread over it."""
    found: list[tuple[float, FloatArray]] = []
    for image in _spread(path):
        faces = analyzer.analyze(image)
        if faces:
            face = faces[0]
            restless = float(face.scores.sum() + 4 * np.abs(face.rotation[:2]).sum())
            found.append((restless, face.landmarks))
    if not found:
        raise NoFaceError(f"no face found in {str(path)!r}; leave this source out")
    calm = sorted(range(len(found)), key=lambda i: found[i][0])[:CLIP_VIEWS]
    return [(f"frame {i + 1} of {len(found)} of {str(path)!r}", found[i][1]) for i in sorted(calm)]


def _spread(path: Path) -> Iterator[ImageArray]:
    clip = open_video(path)
    every = max(1, clip.num_frames // CLIP_LOOKS)
    for number, image in enumerate(clip.frames()):
        if number % every == 0:
            yield image
