"""Face reading by the networks that come with talkgen."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import fused
from talkgen.face.detector import FaceDetector
from talkgen.face.landmarks import LandmarkNet, as_input, in_pixels
from talkgen.face.points import INNER, LEFT_EYE, LIPS, RIGHT_EYE
from talkgen.face.region import Region, box_of, cut, detail_region, region_of, to_picture
from talkgen.types import MOTION_CHANNELS, Face, FloatArray, ImageArray

Net = TypeVar("Net", bound=nn.Module)

PRESENT = 0.5
"""Least presence score of a face."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the networks see of a face.

    first, points : (478, 3) pixels, as the coarse part reads them, and with eyes and mouth read
        again; present : whether a face is there, in [0, 1]; confidence : (478,) in [0, 1]
    hidden : (N,) features of all parts, None where only the coarse part was asked
    """

    first: FloatArray
    points: FloatArray
    present: float
    confidence: FloatArray
    hidden: Tensor | None = None


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

        rough : leave the points as the whole-face network reads them, and the scores at zero

        Its `confidence` is how likely each point is in plain sight and right. Its `score` is the
        presence of a face times the root of the mean confidence of eyes, brows, nose and mouth:
        above 0.8 on clear frontal faces, less the more is covered or turned away.
        """
        reading = self.measure(image, region, rough=rough)
        if reading is None:
            return None
        points, roll = reading.points, region_of(reading.points).roll
        scores = np.zeros(len(MOTION_CHANNELS), np.float32)
        rotation = np.array([0.0, 0.0, roll], np.float32)
        if reading.hidden is not None:
            net, hidden = self.landmarks, reading.hidden[None]
            before = torch.from_numpy(np.stack([reading.first, points]))
            settled = net.settle(before[:1], before[1:], hidden)
            points = settled[0].numpy()
            scores, rotation = (values[0].numpy() for values in net.read(settled, hidden))
        sure = float(np.sqrt(reading.confidence[list(INNER)].mean()))
        return Face(
            points, box_of(points), scores, rotation, reading.present * sure, reading.confidence
        )

    @torch.inference_mode()
    def measure(
        self, image: ImageArray, region: Region, *, rough: bool = False, least: float = PRESENT
    ) -> Reading | None:
        """Return what the parts that look at pixels find at `region`; None where a face is less
        present than `least`."""
        net, config = self.landmarks, self.landmarks.config
        crop, matrix = cut(image, region.scaled(config.margin), config.side)
        whole = net.coarse(_batch(crop))
        present = float(torch.sigmoid(whole.presence[0]))
        if present < least:
            return None
        first = to_picture(in_pixels(whole.points[0].numpy(), config.side), matrix)
        confidence = torch.sigmoid(whole.confidence[0]).numpy()
        if rough:
            return Reading(first, first, present, confidence)
        points = first.copy()
        hidden = torch.cat([whole.hidden[0], self._refine(image, points)])
        return Reading(first, points, present, confidence, hidden)

    def _refine(self, image: ImageArray, landmarks: FloatArray) -> Tensor:
        """Read the eyes and the mouth again on crops of their own, in place; return the features
        (3 * detail_hidden,) of right eye, left eye and mouth."""
        net, config = self.landmarks, self.landmarks.config
        side = config.detail_side
        margins = {"right": config.eye_margin, "left": config.eye_margin}
        cuts = [
            cut(image, detail_region(landmarks, part, margins.get(part, config.mouth_margin)), side)
            for part in ("right", "left", "mouth")
        ]
        right, left, mouth = (crop for crop, _ in cuts)
        eye = net.eye(_batch(right, np.ascontiguousarray(left[:, ::-1])))
        lip = net.mouth(_batch(mouth))
        eyes, lips = eye.points.numpy(), lip.points[0].numpy()
        eyes[1, :, 0] *= -1  # the left eye was shown mirrored
        for points, chosen, (_, matrix) in zip(
            (eyes[0], eyes[1], lips), (RIGHT_EYE, LEFT_EYE, LIPS), cuts, strict=True
        ):
            flat = in_pixels(points, side)
            landmarks[list(chosen), :2] = flat @ matrix[:, :2].T + matrix[:, 2]
        return torch.cat([eye.hidden[0], eye.hidden[1], lip.hidden[0]])


def _ready(net: Net) -> Net:
    fused(net.eval())
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _batch(*crops: ImageArray) -> Tensor:
    return as_input(np.stack(crops))
