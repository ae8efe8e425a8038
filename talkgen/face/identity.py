"""Who a face belongs to: embeddings whose cosine tells whether two pictures show one person.

`embedded` is the small network that comes along. `sface` and `arcface` read ONNX files that a user
has: OpenCV's SFace, and any network of the ArcFace form (112 px, five-point template).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np

from talkgen import hub
from talkgen.errors import InputError, MissingDependencyError
from talkgen.face.alignment import TEMPLATE_SIDE, aligned
from talkgen.types import Face, FloatArray, Identity, ImageArray

EmbedderName = Literal["embedded", "sface", "arcface"]
EMBEDDERS: tuple[EmbedderName, ...] = ("embedded", "sface", "arcface")
ONNX_NAMES = {"sface": "face_recognition_sface_2021dec.onnx", "arcface": "arcface.onnx"}
"""Names under which the files are looked for in the user's cache, folder `models`."""
SFACE_THRESHOLD = 0.363
"""OpenCV's own recommendation for the cosine of SFace."""
ARCFACE_THRESHOLD = 0.28
"""A usual cosine for ArcFace networks at a false acceptance rate near 1e-3; no file, no measure."""


class Recogniser(Protocol):
    """Turns aligned crops into vectors. `side` : pixels of the crop; `margin` : share of the
    template shown beyond each edge; `threshold` : least cosine of one person."""

    side: int
    margin: float
    threshold: float

    def vectors(self, crops: ImageArray, landmarks: Sequence[FloatArray]) -> FloatArray:
        """Return (N, D) float32 of crops (N, side, side, 3) and landmarks in their pictures."""


class IdentityEmbedder:
    """Embeds faces.

        embedder = IdentityEmbedder.from_pretrained()
        one, other = embedder.embed(image, face), embedder.embed(image2, face2)
        similarity(one, other) > embedder.threshold   # the same person?
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser

    @classmethod
    def from_pretrained(
        cls, backend: str = "embedded", model_path: str | os.PathLike[str] | None = None
    ) -> IdentityEmbedder:
        """Return an embedder.

        backend : "embedded" (shipped), "sface" or "arcface" (an ONNX file)
        model_path : embedded: a checkpoint folder; sface, arcface: the ONNX file, else the one in
            the user's cache
        """
        if backend == "embedded":
            from talkgen.face.identity_net import EmbeddedRecogniser

            return cls(EmbeddedRecogniser.from_pretrained(model_path or "identity"))
        if backend == "sface":
            return cls(OnnxRecogniser(find_onnx("sface", model_path), SFACE_THRESHOLD, sface=True))
        if backend == "arcface":
            return cls(OnnxRecogniser(find_onnx("arcface", model_path), ARCFACE_THRESHOLD))
        raise InputError(f"`backend` is {backend!r}, choose one of {', '.join(EMBEDDERS)}")

    @property
    def threshold(self) -> float:
        """Least cosine at which two faces count as one person (1 % of impostors pass)."""
        return self.recogniser.threshold

    def embed(self, image: ImageArray, face: Face) -> FloatArray:
        """Return the (D,) float32 unit vector of a face in an (H, W, 3) uint8 RGB picture."""
        vector: FloatArray = self.embed_many([(image, face)])[0]
        return vector

    def embed_many(self, pairs: Sequence[tuple[ImageArray, Face]]) -> FloatArray:
        """Return (N, D) float32 unit vectors of N pictures with a face each; N may be 0."""
        side = self.recogniser.side
        crops = np.zeros((len(pairs), side, side, 3), np.uint8)
        for row, (image, face) in zip(crops, pairs, strict=True):
            row[:] = aligned(image, face, side, margin=self.recogniser.margin)
        return unit(self.recogniser.vectors(crops, [face.landmarks for _, face in pairs]))

    def identify(self, image: ImageArray, face: Face, identity: Identity) -> Identity:
        """Return `identity` with the embedding of this face."""
        return replace(identity, embedding=self.embed(image, face))


def unit(vectors: FloatArray) -> FloatArray:
    """Return vectors (N, D) at unit length, float32."""
    wide = np.asarray(vectors, np.float32)
    norms: Any = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.maximum(norms, 1e-9), np.float32)


def similarity(one: FloatArray, other: FloatArray) -> float:
    """Return the cosine of two embeddings (D,), from -1 to 1."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"embeddings have shapes {a.shape} and {b.shape}, twice (D,) is needed")
    return float(a @ b / max(float(np.linalg.norm(a)) * float(np.linalg.norm(b)), 1e-12))


def find_onnx(backend: str, model_path: str | os.PathLike[str] | None = None) -> Path:
    """Return the ONNX file: the given one, or the one in the user's cache."""
    if model_path is not None:
        if not Path(model_path).is_file():
            raise InputError(f"`model_path` is {os.fspath(model_path)!r}, no such file")
        return Path(model_path)
    place = hub.user_cache() / "models" / ONNX_NAMES[backend]
    if place.is_file():
        return place
    raise MissingDependencyError(
        f"the {backend} embedder needs an ONNX file; give its path as `model_path` or put it at "
        f"{place} (or use the embedded one, which needs nothing)"
    )


@dataclass
class OnnxRecogniser:
    """A recognition network in an ONNX file: OpenCV's SFace, or one of the ArcFace form.

    sface : it is read by OpenCV's own class; else RGB from -1 to 1 goes in, one vector comes out
    """

    path: Path
    threshold: float
    sface: bool = False
    side: int = TEMPLATE_SIDE
    margin: float = 0.0

    def __post_init__(self) -> None:
        try:
            self._net: Any = (
                cv2.FaceRecognizerSF.create(str(self.path), "")
                if self.sface
                else cv2.dnn.readNetFromONNX(str(self.path))
            )
        except cv2.error as error:
            raise InputError(
                f"`model_path` {str(self.path)!r} is no ONNX network that OpenCV reads; replace it"
            ) from error

    def vectors(self, crops: ImageArray, landmarks: Sequence[FloatArray]) -> FloatArray:
        """Return (N, D) float32 of crops (N, 112, 112, 3) uint8 RGB."""
        rows = [self._one(crop) for crop in crops]
        return np.stack(rows) if rows else np.zeros((0, 1), np.float32)

    def _one(self, crop: ImageArray) -> FloatArray:
        try:
            if self.sface:
                bgr = np.ascontiguousarray(crop[:, :, ::-1])
                vector = self._net.feature(bgr)
            else:
                blob = cv2.dnn.blobFromImage(crop, 1 / 127.5, crop.shape[1::-1], (127.5,) * 3)
                self._net.setInput(blob)
                vector = self._net.forward()
        except cv2.error as error:
            raise InputError(
                f"`model_path` {str(self.path)!r} does not take a 112 px face; "
                "give a recognition network"
            ) from error
        return np.asarray(vector, np.float32).reshape(-1)
