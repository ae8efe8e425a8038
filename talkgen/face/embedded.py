"""Face reading by the networks that come with talkgen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import fused
from talkgen.face.detector import FaceDetector
from talkgen.face.landmarks import LandmarkNet, as_input, in_pixels
from talkgen.face.points import LEFT_EYE, LIPS, RIGHT_EYE
from talkgen.face.region import Region, box_of, cut, detail_region, to_picture
from talkgen.types import Face, FloatArray, ImageArray

Net = TypeVar("Net", bound=nn.Module)

PRESENT = 0.5
"""Least presence score of a face."""


class EmbeddedBackend:
    """Finds faces with a `FaceDetector` and reads them with a `LandmarkNet`."""

    def __init__(self, detector: FaceDetector, landmarks: LandmarkNet) -> None:
        self.detector = _ready(detector)
        self.landmarks = _ready(landmarks)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str] | None = None) -> EmbeddedBackend:
        """Return the shipped networks, or those of `folder`/detector and `folder`/landmarks."""
        names = [n if folder is None else Path(folder) / n for n in ("detector", "landmarks")]
        return cls(FaceDetector.from_pretrained(names[0]), LandmarkNet.from_pretrained(names[1]))

    def find(self, image: ImageArray) -> list[Region]:
        """Return a rough region about the landmarks of each face."""
        return self.detector.find(image)

    @torch.inference_mode()
    def read(self, image: ImageArray, region: Region, *, rough: bool = False) -> Face | None:
        """Return the face at `region`; None when the network sees no whole face there.

        rough : leave the eyes and the mouth as the whole-face network reads them
        """
        net, config = self.landmarks, self.landmarks.config
        crop, matrix = cut(image, region.scaled(config.margin), config.side)
        points, presence = net.coarse(_batch(crop))
        score = float(torch.sigmoid(presence[0]))
        if score < PRESENT:
            return None
        landmarks = to_picture(in_pixels(points[0].numpy(), config.side), matrix)
        if not rough:
            self._refine(image, landmarks)
        scores, rotation = net.read(torch.from_numpy(landmarks)[None])
        return Face(
            landmarks=landmarks,
            box=box_of(landmarks),
            scores=scores[0].numpy(),
            rotation=rotation[0].numpy(),
            score=score,
        )

    def _refine(self, image: ImageArray, landmarks: FloatArray) -> None:
        """Read the eyes and the mouth again on crops of their own, in place."""
        net, config = self.landmarks, self.landmarks.config
        side = config.detail_side
        margins = {"right": config.eye_margin, "left": config.eye_margin}
        cuts = [
            cut(image, detail_region(landmarks, part, margins.get(part, config.mouth_margin)), side)
            for part in ("right", "left", "mouth")
        ]
        right, left, mouth = (crop for crop, _ in cuts)
        eyes = net.eye(_batch(right, np.ascontiguousarray(left[:, ::-1]))).numpy()
        eyes[1, :, 0] *= -1  # the left eye was shown mirrored
        lips = net.mouth(_batch(mouth)).numpy()[0]
        for points, chosen, (_, matrix) in zip(
            (eyes[0], eyes[1], lips), (RIGHT_EYE, LEFT_EYE, LIPS), cuts, strict=True
        ):
            flat = in_pixels(points, side)
            landmarks[list(chosen), :2] = flat @ matrix[:, :2].T + matrix[:, 2]


def _ready(net: Net) -> Net:
    fused(net.eval())
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _batch(*crops: ImageArray) -> Tensor:
    return as_input(np.stack(crops))
