"""The FER critic: what a face shows, and how it knows.

>>> from talkgen.critic.fer import FERCritic                              # doctest: +SKIP
>>> seen = FERCritic.from_pretrained().predict("portrait.jpg")            # doctest: +SKIP
>>> seen.verdict, seen.emotions["happy"], seen.evidence                   # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from talkgen.critic.dynamics import smoothed
from talkgen.critic.expression_net import UNITS, ExpressionNet
from talkgen.critic.expression_view import as_input, grey_crop, level_points
from talkgen.critic.fer_clip import ExpressionReader, score_clip
from talkgen.critic.tight import face_of
from talkgen.critic.watch import Watched
from talkgen.errors import NoFaceError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.io.image import as_image
from talkgen.motion.facs import VALENCE_AROUSAL, action_units_of
from talkgen.types import EMOTIONS, Emotion, Face, FloatArray, ImageArray, Report

BATCH = 64
"""Faces that the network reads at a time."""
PLACES = np.array([VALENCE_AROUSAL[name] for name in EMOTIONS], np.float32)
"""(8, 2) valence and arousal of the emotions at full strength."""


@dataclass(frozen=True)
class Expression:
    """What one face shows.

    emotions : probability of each of `EMOTIONS`, as if all were equally common
    valence, arousal : in [-1, 1]; means of the emotions' places (`facs.VALENCE_AROUSAL`), learned
        from no labels of their own
    action_units : intensity in [0, 1] of `UNITS`; pspi : pain, 0 to 16
    verdict : in words: an emotion, two ("happily surprised"), or "unknown"
    evidence : what speaks for it
    """

    emotions: Mapping[str, float]
    valence: float
    arousal: float
    action_units: Mapping[str, float]
    pspi: float
    verdict: str
    evidence: str


@dataclass(frozen=True, eq=False)
class Readings:
    """What N faces show.

    logits : (N, 8) log probabilities; units : (N, U) intensities in [0, 1] in the order of UNITS
    """

    logits: FloatArray
    units: FloatArray

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def emotions(self) -> FloatArray:
        """(N, 8) probabilities."""
        return np.asarray(np.exp(self.logits), np.float32)

    @property
    def affect(self) -> FloatArray:
        """(N, 2) valence and arousal in [-1, 1]."""
        return np.asarray(self.emotions @ PLACES, np.float32)

    @property
    def pspi(self) -> FloatArray:
        """(N,) pain from 0 to 16 (`talkgen.critic.pain`)."""
        from talkgen.critic.pain import pspi

        return np.array([pspi(self.named_units(i)) for i in range(len(self))], np.float32)

    def named_units(self, index: int) -> dict[str, float]:
        """Return the action units of one face."""
        return {name: float(v) for name, v in zip(UNITS, self.units[index], strict=True)}


class FERCritic:
    """Reads emotions and action units from faces.

    net : the network; analyzer : finds and reads faces in pictures, the shipped one by default
    """

    fills = ("expression",)

    def __init__(self, net: ExpressionNet, analyzer: FaceAnalyzer | None = None) -> None:
        self.net = net.eval()
        self._analyzer = analyzer

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] = "expression",
        analyzer: FaceAnalyzer | None = None,
    ) -> Self:
        """Return the critic of a shipped name or a folder."""
        return cls(ExpressionNet.from_pretrained(name_or_path), analyzer)

    @property
    def analyzer(self) -> FaceAnalyzer:
        """What finds faces; loaded when first needed."""
        if self._analyzer is None:
            self._analyzer = FaceAnalyzer.from_pretrained()
        return self._analyzer

    def predict(self, image: Any, face: Face | None = None) -> Expression:
        """Return what the largest face of a picture shows.

        image : a path, a Pillow image or an array (H, W, 3) or (H, W); a photograph or a tight crop
        face : the face, where it is known
        Raises NoFaceError where no face is seen.
        """
        picture = as_image(image)
        if face is None:
            found = face_of(self.analyzer, picture)
            if found is None:
                raise NoFaceError(
                    f"no face found in the picture ({picture.shape[1]} x {picture.shape[0]} "
                    "pixels); give one in which a face is seen from the front"
                )
            picture, face = found
        return self.expression(self.read([picture], [face]))

    def expression(self, readings: Readings, index: int = 0) -> Expression:
        """Return one of the readings in words."""
        from talkgen.critic.evidence import evidence
        from talkgen.critic.verdict import verdict

        emotions = dict(zip(EMOTIONS, readings.emotions[index].tolist(), strict=True))
        units = readings.named_units(index)
        found = verdict(emotions, units=units)
        return Expression(
            emotions, *(float(v) for v in readings.affect[index]), units,
            float(readings.pspi[index]), str(found),
            evidence(emotions, units, of=found.emotions or None),
        )  # fmt: skip

    def read(self, images: Sequence[ImageArray], faces: Sequence[Face]) -> Readings:
        """Return what faces show.

        images : N pictures (H, W, 3) uint8 RGB; faces : the face of each
        """
        crops = [grey_crop(i, f.landmarks) for i, f in zip(images, faces, strict=True)]
        return self.read_crops(
            np.stack(crops),
            np.stack([f.landmarks for f in faces]),
            np.stack([f.scores for f in faces]),
        )

    @torch.inference_mode()
    def read_crops(self, crops: Any, landmarks: FloatArray, scores: FloatArray) -> Readings:
        """Return what faces show, of crops (N, 96, 96) of `grey_crop`, landmarks (N, 478, 3) of the
        pictures and scores (N, 52)."""
        logits, units = [], []
        for start in range(0, len(crops), BATCH):
            part = slice(start, start + BATCH)
            seen = self.net(
                as_input(crops[part]), level_points(landmarks[part]),
                torch.from_numpy(np.asarray(scores[part], np.float32)),
            )  # fmt: skip
            logits.append(seen.logits)
            units.append(seen.units)
        return Readings(torch.cat(logits).numpy(), torch.cat(units).numpy())

    @torch.inference_mode()
    def of_geometry(self, landmarks: FloatArray, scores: FloatArray) -> Readings:
        """Return what faces show as far as geometry tells: for motions before they are drawn.

        landmarks : (N, 478, 3) pixels; scores : (N, 52) in [0, 1]
        """
        given = np.asarray(scores, np.float32)
        logits = self.net.by_geometry(level_points(landmarks), torch.from_numpy(given))
        rows = [action_units_of(row) for row in given]
        units = np.array([[row[name] for name in UNITS] for row in rows], np.float32)
        return Readings(logits.numpy(), units)

    def clip(
        self, readings: Readings, speaking: NDArray[np.bool_] | None = None, fps: float = 25.0
    ) -> FloatArray:
        """Return the (8,) probabilities of a clip's emotion.

        readings : of its frames, in order; speaking : (T,) frames in which the person speaks
        """
        return np.asarray(smoothed(readings.emotions, fps, speaking).mean(0), np.float32)

    def reader(self) -> ExpressionReader:
        """Return what reads the faces of one clip."""
        return ExpressionReader(self)

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return the scores `expression` of a clip that `reader` has seen."""
        del reference
        return score_clip(video, target)
