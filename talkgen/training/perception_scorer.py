"""The teacher's own way from points to scores, for labels of points that no picture shows.

The Face Landmarker reads its 52 scores from 146 of its points alone, with a small network that
lies in its task file (Apache-2.0). Asked about the points that *our* network finds, it says what
those points mean to it: labels as smooth as they come, for as many faces as wanted.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError
from talkgen.types import MOTION_CHANNELS

MEMBER = "face_blendshapes.tflite"
# mediapipe/tasks/cc/vision/face_landmarker/face_blendshapes_graph.cc, kLandmarksSubsetIdxs
READ = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65,
    66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136,
    144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172,
    173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283,
    284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324,
    332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385,
    386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478),
)  # fmt: skip
# The order of its outputs; the first is "neutral", tongueOut is not among them.
NAMES = (
    "", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight",
    "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft",
    "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft",
    "noseSneerRight",
)  # fmt: skip


class TeacherScorer:
    """Scores of points as the Face Landmarker would give them.

    task : its task file
    Raises InputError where the package `ai-edge-litert` (extra "train") is missing, or the file.
    """

    def __init__(self, task: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise InputError(
                "package 'ai-edge-litert' is missing; pip install 'talkgen[train]'"
            ) from None
        try:
            with zipfile.ZipFile(task) as archive:
                model = archive.read(MEMBER)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"task file {str(task)!r} has no {MEMBER}: {error}") from None
        self._net = Interpreter(model_content=model, num_threads=1)
        self._net.allocate_tensors()
        self._in = self._net.get_input_details()[0]["index"]
        self._out = self._net.get_output_details()[0]["index"]
        self._from = [NAMES.index(c) if c in NAMES else 0 for c in MOTION_CHANNELS]
        self._known = np.array([c in NAMES for c in MOTION_CHANNELS], np.float32)

    def __call__(self, points: Iterable[Any]) -> Any:
        """Return scores (N, 52) float32 in [0, 1] of N faces (478, 2 or 3) at any scale."""
        rows = []
        for face in points:
            chosen = np.asarray(face, np.float32)[READ, :2]
            self._net.set_tensor(self._in, np.ascontiguousarray(chosen[None]))
            self._net.invoke()
            rows.append(self._net.get_tensor(self._out)[self._from] * self._known)
        return np.array(rows, np.float32).reshape(-1, len(MOTION_CHANNELS))
