"""Where a motion takes a portrait's landmarks, known before anything is drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from talkgen.render.mesh import sealing
from talkgen.types import FloatArray, Motion


class Projected(NamedTuple):
    """landmarks : (T, 478, 3) float32, pixels of the frames; weights : (T, 52), with the rest."""

    landmarks: FloatArray
    weights: FloatArray


def projected(ready: Any, motion: Motion) -> Projected:
    """Return the landmarks of every frame that a prepared portrait would show under a motion.

    ready : what a renderer's `prepare` gave; half a millisecond a frame
    """
    mesh = getattr(ready, "mesh", ready)  # the diffusion renderer draws over the mesh's
    sealed = sealing(mesh.head, mesh, motion.space)
    points, weights = [], []
    for pose in mesh.retargeter.poses(motion):
        head = mesh.placed(
            pose.weights, pose.rotation, pose.translation, pose.scale, sealed=sealed(pose.weights)
        )
        points.append(mesh.head.landmarks(head.points))
        weights.append(head.weights)
    return Projected(np.stack(points), np.stack(weights))
