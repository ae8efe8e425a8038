"""The nouns of talkgen: frozen, checked values that every part takes and returns.

Image coordinates are x right, y down, z away from the viewer. A rotation is (pitch, yaw, roll) in
radians with ``R = Rz(roll) @ Ry(yaw) @ Rx(pitch)``, so positive pitch nods down, positive yaw turns
the nose to the left of the picture, positive roll tilts clockwise in the picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError

FloatArray = NDArray[np.float32]
ImageArray = NDArray[np.uint8]
MotionSpace = Literal["portrait", "camera"]

NUM_LANDMARKS = 478
"""MediaPipe Face Landmarker points: 468 of the face, then five for each iris."""

ENGINE_RATE = 16_000
"""Samples a second of the sound inside the engine."""

ENGINE_FPS = 25.0
"""Motion frames a second inside the engine."""

MOTION_CHANNELS: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip
"""The 52 ARKit expressions in the column order of Live Link Face; left is the subject's left."""

EMOTIONS: tuple[str, ...] = (
    "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt",
)  # fmt: skip

_UNIT_NAME = re.compile(r"AU[1-9]\d?[LR]?")


def _array(name: str, value: Any, shape: tuple[int | None, ...], *, finite: bool = True) -> Any:
    """Return `value` as a float32 array after checking its shape (None: any length)."""
    array = np.asarray(value, dtype=np.float32)
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise InputError(f"`{name}` has shape {array.shape}, shape {wanted} is needed")
    if finite and not np.isfinite(array).all():
        raise InputError(f"`{name}` holds NaN or infinite values; remove them first")
    return array


def _within(name: str, value: FloatArray, low: float) -> None:
    """Raise InputError where a value is under `low` or over 1."""
    if value.min() < low - 1e-4 or value.max() > 1 + 1e-4:
        raise InputError(
            f"`{name}` ranges from {value.min():.3g} to {value.max():.3g}, {low:g} to 1 is possible"
        )


def _unit(name: str, value: Any) -> FloatArray:
    """Return the track (T,) of an action unit after checking its name, shape and range."""
    if not _UNIT_NAME.fullmatch(name):
        raise InputError(f"{name!r} is no action unit; 'AU12', 'AU12L' or 'AU12R' is one")
    array: FloatArray = _array(f"action_units[{name!r}]", value, (None,))
    if array.size:
        _within(f"action_units[{name!r}]", array, 0.0)
    return array


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono sound: `samples` (N,) float32 in [-1, 1] at `rate` Hz."""

    samples: FloatArray
    rate: int = ENGINE_RATE

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", _array("samples", self.samples, (None,)))
        if self.rate <= 0:
            raise InputError(f"`rate` is {self.rate} Hz, a positive rate is needed")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a picture.

    landmarks : (478, 3) float32, pixels, x right, y down, z away from the viewer (MediaPipe order)
    box : (4,) float32, pixels, x0 y0 x1 y1
    scores : (52,) float32 in [0, 1], the network's reading of `MOTION_CHANNELS`
    rotation : (3,) float32, radians, pitch yaw roll
    score : confidence in [0, 1]; falls on occlusion and in profile
    confidence : (478,) float32 in [0, 1], how sure each point is, where the backend knows
    id : which face of a video it is, the same from frame to frame; None outside of tracking
    """

    landmarks: FloatArray
    box: FloatArray
    scores: FloatArray
    rotation: FloatArray
    score: float = 1.0
    confidence: FloatArray | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "landmarks", _array("landmarks", self.landmarks, (NUM_LANDMARKS, 3)))
        set_(self, "box", _array("box", self.box, (4,)))
        set_(self, "scores", _array("scores", self.scores, (len(MOTION_CHANNELS),)))
        set_(self, "rotation", _array("rotation", self.rotation, (3,)))
        if self.confidence is not None:
            set_(self, "confidence", _array("confidence", self.confidence, (NUM_LANDMARKS,)))

    @property
    def size(self) -> float:
        """Longer side of the face box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))

    @property
    def interocular(self) -> float:
        """Distance of the outer eye corners (landmarks 33 and 263) in pixels."""
        return float(np.linalg.norm(self.landmarks[33, :2] - self.landmarks[263, :2]))


@dataclass(frozen=True, eq=False)
class Identity:
    """Who it is: `shape` (S,) head-model coefficients; `embedding` (D,) unit norm where known."""

    shape: FloatArray
    embedding: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _array("shape", self.shape, (None,)))


@dataclass(frozen=True, eq=False)
class Portrait:
    """The picture to animate.

    image : (H, W, 3) uint8 RGB
    face : the face that speaks
    identity : head-model identity, where it is known already (for example from a whole clip)
    alpha : (H, W) float32 head matte in [0, 1], where one is known
    """

    image: ImageArray
    face: Face
    identity: Identity | None = None
    alpha: FloatArray | None = None

    def __post_init__(self) -> None:
        image = np.asarray(self.image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InputError(
                f"`image` is {image.dtype} {image.shape}, uint8 (H, W, 3) RGB is needed"
            )
        object.__setattr__(self, "image", image)


@dataclass(frozen=True, eq=False)
class Emotion:
    """A track of emotion: T samples, each part optional, all of them together saying one thing.

    weights : (T, 8) >= 0, rows summing to 1 over `EMOTIONS`
    intensity : (T,) in [0, 1], how strongly; 1 where left out
    valence_arousal : (T, 2) in [-1, 1], unpleasant to pleasant and calm to excited
    action_units : unit of FACS ("AU12"; one side of the face "AU12L", "AU12R") to (T,) in [0, 1]
    times : (T,) seconds, rising, of the samples; sample i is at i / fps where left out
    fps : samples a second

    Between samples the track is interpolated, before and after them it stays. Which part follows
    from which: `talkgen.motion.facs`.
    """

    weights: FloatArray | None = None
    intensity: FloatArray | None = None
    valence_arousal: FloatArray | None = None
    action_units: Mapping[str, FloatArray] | None = None
    times: FloatArray | None = None
    fps: float = ENGINE_FPS

    def __post_init__(self) -> None:
        units = {name: _unit(name, value) for name, value in (self.action_units or {}).items()}
        shapes: dict[str, tuple[int | None, ...]] = {
            "weights": (None, len(EMOTIONS)), "valence_arousal": (None, 2), "intensity": (None,),
            "times": (None,),
        }  # fmt: skip
        given = {
            name: _array(name, getattr(self, name), shape)
            for name, shape in shapes.items()
            if getattr(self, name) is not None
        }
        if not units and self.weights is None and self.valence_arousal is None:
            raise InputError(
                "`Emotion` needs at least one of weights, valence_arousal and action_units"
            )
        counts = {name: len(value) for name, value in (*given.items(), *units.items())}
        if len(set(counts.values())) > 1 or not min(counts.values()):
            raise InputError(f"the parts of an Emotion need one equal length > 0, not {counts}")
        if "times" in given and (np.diff(given["times"]) <= 0).any():
            raise InputError("`times` of an Emotion must rise from sample to sample")
        if "weights" in given and np.abs(given["weights"].sum(axis=1) - 1).max() > 1e-3:
            raise InputError("`weights` of an Emotion need rows that sum to 1")
        lowest = {"weights": 0.0, "intensity": 0.0, "valence_arousal": -1.0}
        for name, low in lowest.items():
            if name in given:
                _within(name, given[name], low)
        if not self.fps > 0:
            raise InputError(f"`fps` is {self.fps}, a positive number is needed")
        for name, value in given.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "action_units", units or None)

    def __len__(self) -> int:
        parts = (self.weights, self.valence_arousal, *(self.action_units or {}).values())
        return next(len(part) for part in parts if part is not None)

    @property
    def sample_times(self) -> FloatArray:
        """(T,) seconds of the samples."""
        if self.times is not None:
            return self.times
        return (np.arange(len(self)) / self.fps).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Motion:
    """Face and head motion, what every renderer and every export consumes.

    blendshapes : (T, 52) float32 in [0, 1], weights of the head model in `MOTION_CHANNELS` order
    rotation : (T, 3) float32, radians, pitch yaw roll
    translation : (T, 3) float32, units of inter-ocular distance
    fps : frames a second
    space : "portrait": rotation and translation are offsets from the portrait's own pose, weights
        come on top of its resting face (what speech gives). "camera": all absolute, as tracked;
        translation is the head origin in camera coordinates for a focal length of 1.5 times the
        longer side of the frame.
    frame_size : (width, height) in pixels of the tracked frames, "camera" space only
    extra : further arrays of a track: `landmarks` (T, 478, 3) px, `scores` (T, 52), `identity` (S,)
    """

    blendshapes: FloatArray
    rotation: FloatArray
    translation: FloatArray
    fps: float = ENGINE_FPS
    space: MotionSpace = "portrait"
    frame_size: tuple[int, int] | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        weights = _array("blendshapes", self.blendshapes, (None, len(MOTION_CHANNELS)))
        if weights.size and (weights.min() < -1e-4 or weights.max() > 1 + 1e-4):
            raise InputError(
                f"`blendshapes` range from {weights.min():.3g} to {weights.max():.3g}, "
                "weights from 0 to 1 are needed"
            )
        set_(self, "blendshapes", np.clip(weights, 0.0, 1.0))
        set_(self, "rotation", _array("rotation", self.rotation, (len(weights), 3)))
        set_(self, "translation", _array("translation", self.translation, (len(weights), 3)))
        if not self.fps > 0:
            raise InputError(f"`fps` is {self.fps}, a positive number is needed")
        if self.space not in ("portrait", "camera"):
            raise InputError(f"`space` is {self.space!r}, 'portrait' or 'camera' is needed")

    def __len__(self) -> int:
        return len(self.blendshapes)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps


@dataclass(frozen=True)
class Score:
    """One measured value with its unit, direction (None: neither end is good) and count."""

    value: float
    unit: str
    higher_is_better: bool | None
    n: int


@dataclass(frozen=True)
class Report:
    """Measured scores by name, and what is needed to measure them again."""

    scores: Mapping[str, Score]
    provenance: Mapping[str, str] = field(default_factory=dict)
