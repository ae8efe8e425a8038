"""A picture becomes all that is known of its faces: points, expression, pose, gaze, who, quality.

>>> from talkgen import FacesPipeline                                   # doctest: +SKIP
>>> FacesPipeline.from_pretrained()("portrait.jpg")[0].quality.verdict  # doctest: +SKIP
'usable'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from talkgen.face.fit import HeadFit, fit_face
from talkgen.face.gaze import Gaze, gaze_of
from talkgen.face.quality import Quality, assess
from talkgen.io.image import as_image
from talkgen.protocols import FaceAnalyzer
from talkgen.types import MOTION_CHANNELS, Face, FloatArray, Identity, ImageArray


@dataclass(frozen=True, eq=False)
class FaceReading:
    """All that was read of one face.

    face : 478 landmarks, 52 scores, rotation, confidence
    fit : the head model fitted to it: weights, pose, error in % of the inter-ocular distance
    gaze : where the eyes look; quality : whether it can be animated, and why not
    identity : head shape and, where an embedder was given, the embedding of who it is
    """

    face: Face
    fit: HeadFit
    gaze: Gaze
    quality: Quality
    identity: Identity

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, text, lists and dicts: what the JSON file holds."""

        def degrees(values: Any) -> Any:
            return _plain(np.degrees(values), 2)

        face, embedding = self.face, self.identity.embedding
        return {
            "box": _plain(face.box, 1),
            "score": round(face.score, 4),
            "quality": {
                "verdict": self.quality.verdict,
                "reasons": list(self.quality.reasons),
                "measures": {k: round(float(v), 4) for k, v in self.quality.measures.items()},
            },
            "rotation_deg": dict(
                zip(("pitch", "yaw", "roll"), degrees(face.rotation), strict=True)
            ),
            "gaze_deg": {
                "right_eye": degrees(self.gaze.eyes[0]),
                "left_eye": degrees(self.gaze.eyes[1]),
                "direction": _plain(self.gaze.direction, 4),
                "confidence": round(float(self.gaze.confidence), 4),
            },
            "scores": dict(zip(MOTION_CHANNELS, _plain(face.scores, 4), strict=True)),
            "head_fit": {
                "weights": dict(zip(MOTION_CHANNELS, _plain(self.fit.weights, 4), strict=True)),
                "rotation_deg": degrees(self.fit.rotation),
                "error_percent_of_interocular": round(self.fit.error, 3),
                "identity": _plain(self.fit.identity, 4),
            },
            "landmarks": _plain(face.landmarks, 2),
            "confidence": None if face.confidence is None else _plain(face.confidence, 3),
            "embedding": None if embedding is None else _plain(embedding, 5),
        }


class FacesPipeline:
    """Reads faces off a picture.

    analyzer : finds the faces; head : the head model; embedder : says who (None: left out);
    parser : draws soft masks (None: loaded when first asked for)
    """

    def __init__(
        self, analyzer: FaceAnalyzer, head: Any, embedder: Any = None, parser: Any = None
    ) -> None:
        self.analyzer = analyzer
        self.head = head
        self.embedder = embedder
        self.parser = parser

    @classmethod
    def from_pretrained(cls, *, backend: str = "embedded", head: str = "head") -> Self:
        """Return the pipeline with the shipped checkpoints; `backend` finds and reads the faces."""
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.face.head import HeadModel
        from talkgen.face.identity import IdentityEmbedder

        return cls(
            Analyzer.from_pretrained(backend),
            HeadModel.from_pretrained(head),
            IdentityEmbedder.from_pretrained(),
        )

    def __call__(self, picture: Any) -> list[FaceReading]:
        """Return what is known of each face, largest first; none found: an empty list.

        picture : a path, a Pillow image, or an (H, W, 3) uint8 RGB array
        """
        image = as_image(picture)
        return [self._read(image, face) for face in self.analyzer.analyze(image)]

    def _read(self, image: ImageArray, face: Face) -> FaceReading:
        fit = fit_face(self.head, face.landmarks)
        known = None if self.embedder is None else self.embedder.embed(image, face)
        identity = Identity(fit.identity, known)
        return FaceReading(face, fit, gaze_of(face), assess(image, face), identity)

    def masks(self, picture: Any, face: Face) -> Mapping[str, FloatArray]:
        """Return soft masks (H, W) float32 in [0, 1] by part; they sum to 1 in every pixel."""
        from talkgen.face.parsing import FACE_PARTS, FaceParser

        if self.parser is None:
            self.parser = FaceParser.from_pretrained()
        found = self.parser.parse(as_image(picture), face)
        return {part: found[part] for part in FACE_PARTS}


def _plain(values: Any, digits: int) -> Any:
    """Return an array as nested lists of rounded numbers."""
    return np.round(np.asarray(values, np.float64), digits).tolist()
