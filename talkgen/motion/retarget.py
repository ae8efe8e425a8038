"""Motion onto a portrait: offsets and tracks become absolute weights and poses, frame by frame.

Two spaces come in (`Motion.space`). "portrait" motion, what speech gives, is added to the
portrait's resting face and pose; `extra["rest_kept"]` (`talkgen.motion.giving`) says how much of
the face that is. "camera" motion, what a tracker gives, is taken relative to one frame of the
track: where the portrait is a frame of that clip, that frame, so that the clip comes back as it
was; otherwise the track's own rest, so that another head moves like it from its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from talkgen.face.fit import FOCAL_SIDES, HeadFit, to_camera
from talkgen.face.head import HeadModel
from talkgen.motion.blend import blended
from talkgen.motion.giving import REST_KEPT
from talkgen.motion.rest import resting_weights
from talkgen.types import MOTION_CHANNELS, FloatArray, Motion

SAME_CLIP_LANDMARKS = 0.03
"""Mean landmark distance, in inter-ocular distances, under which a portrait is a track's frame."""

SAME_CLIP_ROTATION = 0.06  # rad
SAME_CLIP_PLACE = 0.08  # inter-ocular distances in the picture, and relative change of scale
SHORT_TRACK = 25
"""Tracks with fewer frames have no statistics of rest: their weights are taken as they are."""


@dataclass(frozen=True, eq=False)
class Pose:
    """What a renderer draws for one frame.

    weights : (52,) float32 in [0, 1], absolute
    rotation : (3,) float32, radians, absolute
    scale : pixels a centimetre of the head model
    translation : (2,) float32, pixels, the head's origin in the portrait's picture
    """

    weights: FloatArray
    rotation: FloatArray
    scale: float
    translation: FloatArray


class Retargeter:
    """Turns motion into poses of one portrait.

    head, fit : the head model and its fit to the portrait
    frame_size : (width, height) of the portrait in pixels
    landmarks : (478, 3) of the portrait, to recognise it as a frame of a track
    """

    def __init__(
        self,
        head: HeadModel,
        fit: HeadFit,
        frame_size: tuple[int, int],
        landmarks: FloatArray | None = None,
    ) -> None:
        self.head = head
        self.fit = fit
        self.frame_size = frame_size
        self.landmarks = landmarks
        self.rest = resting_weights(head, fit)
        self.place = to_camera(fit, head, frame_size)
        self._source = Rotation.from_euler("xyz", np.asarray(fit.rotation, dtype=np.float64))

    def poses(self, motion: Motion) -> Iterator[Pose]:
        """Yield one pose a frame of `motion` (any chunk of a "portrait" motion; a whole track)."""
        if motion.space == "portrait":
            yield from self._portrait_poses(motion)
        else:
            yield from self._camera_poses(motion)

    def _portrait_poses(self, motion: Motion) -> Iterator[Pose]:
        kept = motion.extra.get(REST_KEPT, np.ones((len(motion), 1), np.float32))
        for weights, rotation, offset, share in zip(
            motion.blendshapes, motion.rotation, motion.translation, kept, strict=True
        ):
            posed = blended(self.rest * share, weights)
            yield self._pose(posed, Rotation.from_euler("xyz", rotation), offset)

    def _camera_poses(self, motion: Motion) -> Iterator[Pose]:
        own = self.matching_frame(motion)
        if own is not None:
            shift = np.asarray(self.fit.weights) - motion.blendshapes[own]
            rotation0, place0 = motion.rotation[own], motion.translation[own]
        else:
            rotation0 = np.median(motion.rotation, axis=0)
            place0 = np.median(motion.translation, axis=0)
            shift = np.zeros(len(MOTION_CHANNELS), dtype=np.float32)
            if len(motion) >= SHORT_TRACK:
                # the other person's resting face gives way to the portrait's
                shift = self.rest - np.percentile(motion.blendshapes, 20, axis=0)
        inverse = Rotation.from_euler("xyz", np.asarray(rotation0, dtype=np.float64)).inv()
        for weights, rotation, place in zip(
            motion.blendshapes, motion.rotation, motion.translation, strict=True
        ):
            turn = Rotation.from_euler("xyz", rotation) * inverse
            # the same step in the picture, measured in inter-ocular distances of the reference
            offset = np.array(
                [
                    place[0] * place0[2] / place[2] - place0[0],
                    place[1] * place0[2] / place[2] - place0[1],
                    (place[2] - place0[2]) * self.place[2] / place0[2],
                ]
            )
            yield self._pose(np.clip(weights + shift, 0.0, 1.0), turn, offset)

    def _pose(self, weights: FloatArray, turn: Rotation, offset: FloatArray) -> Pose:
        """Return the pose for an offset (x, y in the picture, z in depth; inter-ocular units)."""
        fit = self.fit
        iod = FOCAL_SIDES * max(self.frame_size) / float(self.place[2])  # px, by the camera space
        depth = max(self.place[2] + float(offset[2]), 0.2 * self.place[2])
        return Pose(
            weights=np.asarray(weights, dtype=np.float32),
            rotation=(turn * self._source).as_euler("xyz").astype(np.float32),
            scale=float(fit.scale * self.place[2] / depth),
            translation=np.asarray(
                np.asarray(fit.translation) + np.asarray(offset[:2]) * iod, dtype=np.float32
            ),
        )

    def matching_frame(self, motion: Motion) -> int | None:
        """Return the index of the frame of a track that this portrait is, or None."""
        if "portrait_frame" in motion.extra:  # somebody knows (talkgen.motion.match)
            return int(motion.extra["portrait_frame"])
        if "landmarks" in motion.extra and self.landmarks is not None:
            points = np.asarray(motion.extra["landmarks"])[:, :, :2]
            size = np.asarray(motion.frame_size or self.frame_size, dtype=np.float32)
            own = self.landmarks[:, :2] * (size / np.asarray(self.frame_size, dtype=np.float32))
            iod = np.linalg.norm(own[33] - own[263])
            distance = np.linalg.norm(points - own, axis=2).mean(axis=1) / max(float(iod), 1e-6)
            best = int(np.argmin(distance))
            return best if distance[best] < SAME_CLIP_LANDMARKS else None
        rotation = np.abs(motion.rotation - np.asarray(self.fit.rotation)).max(axis=1)
        place = np.abs(motion.translation[:, :2] - self.place[:2]).max(axis=1)
        scale = np.abs(np.log(motion.translation[:, 2] / self.place[2]))
        near = (
            (rotation < SAME_CLIP_ROTATION) & (place < SAME_CLIP_PLACE) & (scale < SAME_CLIP_PLACE)
        )
        if not near.any():
            return None
        cost = (
            (rotation / SAME_CLIP_ROTATION) ** 2
            + (place / SAME_CLIP_PLACE) ** 2
            + (scale / SAME_CLIP_PLACE) ** 2
            + ((motion.blendshapes - np.asarray(self.fit.weights)) ** 2).sum(axis=1)
        )
        return int(np.argmin(np.where(near, cost, np.inf)))


def hold_pose(motion: Motion) -> Motion:
    """Return the motion with a still head (face only)."""
    zero = np.zeros((len(motion), 3), dtype=np.float32)
    if motion.space == "camera":
        return replace(
            motion,
            rotation=zero + np.median(motion.rotation, axis=0),
            translation=zero + np.median(motion.translation, axis=0),
        )
    return replace(motion, rotation=zero, translation=zero)
