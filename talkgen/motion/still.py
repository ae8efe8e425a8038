"""One frame of a portrait as it is asked for: an expression, a turn of the head, a look.

A still starts from the photograph's own expression, not from a resting face as speech does: what is
not asked for stays as it was taken. Action units are laid over it (`talkgen.motion.blend`). An
emotion says how the whole face looks, so that the photograph's own expression gives way to it as
far as the emotion has no part in it; parted lips shut under the emotions that shut them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.face.fit import HeadFit
from talkgen.face.gaze import Gaze
from talkgen.face.rotation import rotation_matrix
from talkgen.motion.blend import blended
from talkgen.motion.emotion import GAP_SLOPES, LOWER_FACE
from talkgen.motion.emotion_text import FILE_SUFFIXES, as_emotion, parse_emotion
from talkgen.motion.facs import (
    FELT,
    strengths_of,
    units_of,
    units_of_strengths,
    weights_of_units,
)
from talkgen.motion.gaze import EYE_TURN
from talkgen.motion.giving import given_way
from talkgen.types import MOTION_CHANNELS, Emotion, FloatArray

CAMERA: Literal["camera"] = "camera"
"""Instead of a gaze: the eyes look at the viewer, whichever way the head is turned."""

SHUTTING: dict[str, float] = {"sad": 1.0, "disgust": 1.0, "anger": 1.0, "contempt": 1.0}
"""Emotions under which a mouth that was photographed open shuts, and how far at strength 1."""

MOST_POSE_DEG = 60.0
"""Degrees that may be asked of a head; it is drawn as far as `talkgen.render.pose` can."""
MOST_GAZE_DEG = 30.0
MOST_LOOK = 0.85
"""Weight of an eyeLook channel up to which an eye turns: 24 degrees."""

CAMERA_READING, CAMERA_SHARE = (5.5, 0.0), (0.45, 0.5)
"""What `talkgen.face.gaze` reads, pitch and yaw, of eyes that look at the camera: degrees with a
head held straight, and share of the eyes' turn against a turned head. Of 76 portraits of Londoners,
Canadians and members of Congress, who do (n = 18, 18, 40)."""
CAMERA_GAIN = (1.15, 1.9)
"""Likeliest turn of the eyes away from the camera for each degree of reading away from that."""
CAMERA_NOISE = (5.0, 3.0)
"""Degrees, pitch and yaw: eyes that are off by less count as looking at the camera."""

_AUTO = "auto"
RAISING = ("AU9", "AU10")
LIFT_SHARE = 0.35
"""Share that stays of the gap which an emotion's raised lip and nose leave: the lower
lip follows, all of the gap would show the gums. Units asked for by name gape as they do."""

_LIDS = np.array([channel.startswith("eyeBlink") for channel in MOTION_CHANNELS])
_GAPS = np.array([GAP_SLOPES.get(channel, 0.0) for channel in MOTION_CHANNELS], np.float32)
_CLOSE = MOTION_CHANNELS.index("mouthClose")
_INDEX = {name: i for i, name in enumerate(MOTION_CHANNELS)}


@dataclass(frozen=True, eq=False)
class Still:
    """What a still shows. Empty, it is the photograph.

    emotion : an Emotion of one sample, or None
    pose : (yaw, pitch, roll) degrees from the photograph's: yaw above 0 turns to the left of the
        picture, pitch down, roll with the clock, as `talkgen faces` measures them
    gaze : (x, y) degrees from where the eyes look: x to the right of the picture, y down; `CAMERA`;
        None: as photographed
    """

    emotion: Emotion | None = None
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze: tuple[float, float] | Literal["camera"] | None = None


def as_still(
    emotion: Emotion | str | None = None,
    au: str | Mapping[str, float] | None = None,
    pose: str | Sequence[float] | None = None,
    gaze: str | Sequence[float] | None = None,
) -> Still:
    """Return what is asked for, checked.

    emotion : one state, as text (`talkgen.motion.emotion_text`) or an Emotion; no track, not "auto"
    au : action units: "AU12:0.8+AU4:0.3" (commas will do), or a mapping; they take the place of
        the emotion's
    pose, gaze : as in `Still`, as text with commas or numbers; gaze may be "camera"
    Raises InputError, one line, for anything else.
    """
    units = _units(au)
    if isinstance(emotion, str) and emotion.strip().lower() == _AUTO:
        raise InputError("`emotion` is 'auto', which needs a voice; name one, as in happy:0.7")
    felt = as_emotion(emotion)
    if felt is not None and len(felt) != 1:
        shown = f"the track {emotion!r}" if isinstance(emotion, str) else "a track"
        raise InputError(
            f"`emotion` is {shown}, but a still has one moment; name one state, as in happy:0.7"
        )
    if units:
        tracks = {name: np.array([value], np.float32) for name, value in units.items()}
        felt = _with_units(felt, tracks)
    turn: Any = (0.0, 0.0, 0.0)
    if pose is not None:
        turn = _degrees("pose", pose, "yaw,pitch,roll as in 10,0,-5", 3, MOST_POSE_DEG)
    look: Any = None
    if isinstance(gaze, str) and gaze.strip().lower() == CAMERA:
        look = CAMERA
    elif gaze is not None:
        look = _degrees("gaze", gaze, "x,y as in 10,-5, or 'camera'", 2, MOST_GAZE_DEG)
    return Still(felt, turn, look)


def _units(au: str | Mapping[str, float] | None) -> dict[str, float]:
    if au is None:
        return {}
    text = au if isinstance(au, str) else "+".join(f"{name}:{value}" for name, value in au.items())
    if not text.strip():
        raise InputError("`au` is empty; action units are needed, as in AU12:0.8+AU4:0.3")
    if text.strip().lower().endswith(FILE_SUFFIXES):
        raise InputError(
            f"`au` is {text!r}, a file; action units are needed, as in AU12:0.8+AU4:0.3"
        )
    found = parse_emotion(text.replace(",", "+"))
    others = found.valence_arousal is not None or found.intensity is None or found.intensity.any()
    if others or not found.action_units or len(found) != 1:
        raise InputError(f"`au` is {text!r}, action units are needed, as in AU12:0.8+AU4:0.3")
    return {name: float(value[0]) for name, value in found.action_units.items()}


def _with_units(felt: Emotion | None, tracks: Mapping[str, FloatArray]) -> Emotion:
    """Return the emotion with these units in place of all sides of its own."""
    if felt is None:
        return Emotion(action_units=tracks)
    names = {name.rstrip("LR") for name in tracks}
    kept = {n: v for n, v in (felt.action_units or {}).items() if n.rstrip("LR") not in names}
    return replace(felt, action_units={**kept, **tracks})


def _degrees(name: str, value: Any, form: str, count: int, most: float) -> tuple[float, ...]:
    parts = value.split(",") if isinstance(value, str) else list(value)
    shown = value if isinstance(value, str) else ",".join(str(part) for part in parts)
    try:
        numbers = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise InputError(f"`{name}` is {shown!r}, degrees are needed, {form}")
    largest = max(numbers, key=abs)
    if abs(largest) > most:
        raise InputError(f"`{name}` is {shown!r}, {-most:g} to {most:g} degrees are possible")
    return numbers


def still_weights(own: FloatArray, rest: FloatArray, emotion: Emotion | None) -> FloatArray:
    """Return the weights (52,) in [0, 1] of a face under an emotion of one sample.

    own : (52,) as photographed; rest : (52,) the same with the lips shut and the eyes open
    """
    own, rest = np.asarray(own, np.float32), np.asarray(rest, np.float32)
    if emotion is None:
        return own
    felt, calm = _asked(emotion)
    shut = min(1.0, calm + sum(felt[name] * much for name, much in SHUTTING.items()))
    base = own.copy()
    base[LOWER_FACE] += np.float32(shut) * (rest - own)[LOWER_FACE]
    base[_LIDS] += np.float32(calm) * (rest - own)[_LIDS]
    strengths = np.array([[felt[name] for name in FELT]], np.float32)
    base *= 1.0 - given_way(strengths, np.array([calm], np.float32))[0]
    units = units_of(emotion)
    if not units:
        return np.clip(base, 0.0, 1.0)
    out = blended(base, weights_of_units(units)[0])
    out[_CLOSE] = min(1.0, out[_CLOSE] + (1.0 - LIFT_SHARE) * _lifted(felt) / -_GAPS[_CLOSE])
    return out


def _lifted(felt: Mapping[str, float]) -> float:
    """Return the gap, in inter-ocular distances, that lip and nose leave under those emotions."""
    strengths = np.array([[felt[name] for name in FELT]], np.float32)
    units = units_of_strengths(strengths)
    raising = {name: value for name, value in units.items() if name in RAISING}
    return float(weights_of_units(raising)[0] @ _GAPS) if raising else 0.0


def _asked(emotion: Emotion) -> tuple[dict[str, float], float]:
    """Return the strength of each emotion, and of neutral; none are of action units alone."""
    if emotion.weights is None and emotion.valence_arousal is None:
        return dict.fromkeys(FELT, 0.0), 0.0
    calm = 0.0
    if emotion.weights is not None:
        share = 1.0 if emotion.intensity is None else float(emotion.intensity[0])
        calm = float(emotion.weights[0, 0]) * share
    return dict(zip(FELT, strengths_of(emotion)[0].tolist(), strict=True)), calm


def turned_eyes(weights: FloatArray, yaw: float, pitch: float) -> tuple[FloatArray, float]:
    """Return weights (52,) with both eyes turned by radians more, and by how many radians less they
    turn than asked, at most.

    yaw : above 0 to the left of the picture; pitch : above 0 down
    """
    out, least = np.array(weights, np.float32), 0.0
    for side, (left, right) in {"Left": ("In", "Out"), "Right": ("Out", "In")}.items():
        for more, high, low in ((yaw, left, right), (pitch, "Down", "Up")):
            first, second = _INDEX[f"eyeLook{high}{side}"], _INDEX[f"eyeLook{low}{side}"]
            now = float(out[first] - out[second])
            aim = now + more / EYE_TURN
            most = max(MOST_LOOK, abs(now))
            got = min(max(aim, -most), most)
            if more:
                out[first], out[second] = max(got, 0.0), max(-got, 0.0)
                least = max(least, abs(aim - got) * EYE_TURN)
    return out, least


def toward_camera(
    gaze: Gaze, rotation: FloatArray, pose: tuple[float, float, float]
) -> tuple[float, float]:
    """Return yaw and pitch, radians, that the eyes turn by to look at a viewer far away.

    gaze : where they look now; rotation : (3,) the face's, radians; pose : see `Still`
    """
    rotation = np.asarray(rotation, np.float32)
    before, after = _at_camera(rotation), _at_camera(rotation + pose_rad(pose))
    expected = np.deg2rad(CAMERA_READING) + np.array(CAMERA_SHARE) * before
    off = np.array(CAMERA_GAIN) * (gaze.eyes.mean(axis=0) - expected)
    off[np.abs(off) < np.deg2rad(CAMERA_NOISE)] = 0.0
    pitch, yaw = (after - before - off).tolist()
    return yaw, pitch


def _at_camera(rotation: FloatArray) -> NDArray[np.float64]:
    """Return pitch and yaw (2,) in the head of eyes that look at a viewer far away."""
    x, y, z = (rotation_matrix(rotation).T @ np.array([0.0, 0.0, -1.0])).tolist()
    return np.array([math.asin(min(max(y, -1.0), 1.0)), math.atan2(-x, -z)])


def pose_rad(pose: tuple[float, float, float]) -> FloatArray:
    """Return (yaw, pitch, roll) degrees as (3,) radians, pitch first as everywhere else."""
    yaw, pitch, roll = pose
    return np.deg2rad(np.array([pitch, yaw, roll])).astype(np.float32)


def posed(
    still: Still, fit: HeadFit, rest: FloatArray, gaze: Gaze, rotation: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Return the absolute weights (52,) and rotation (3,) of a still, and `turned_eyes`' rest.

    fit : of the head to the photograph; rest : see `still_weights`; gaze, rotation : of the face
    """
    weights, lacking = still_weights(fit.weights, rest, still.emotion), 0.0
    if still.gaze is not None:
        if still.gaze == CAMERA:
            yaw, pitch = toward_camera(gaze, rotation, still.pose)
        else:
            yaw, pitch = np.deg2rad([-still.gaze[0], still.gaze[1]]).tolist()
        weights, lacking = turned_eyes(weights, yaw, pitch)
    return weights, np.asarray(fit.rotation, np.float32) + pose_rad(still.pose), lacking
