"""How people blink, look around, raise their brows and move their heads, in figures that real clips
and made motion share.

Lids are read off landmarks (eye aspect ratio over its own open level), brows and head off the
fitted head, eyes by `talkgen.face.gaze`. Tracked motion is noisy, so speeds are taken of rotation
averaged over SMOOTH frames, and gaze spread is what is left without the part that changes from
frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from talkgen.audio.features import mel_power
from talkgen.audio.vad import SpeechDetector
from talkgen.critic.lids import blink_spans, lid_openness, posed_landmarks
from talkgen.face.gaze import eye_features
from talkgen.face.head import HeadModel
from talkgen.types import MOTION_CHANNELS, FloatArray, Motion

FPS = 25.0
PAIR_S = 0.8  # blinks nearer than that are a pair
SMOOTH = 5
RAISE = 0.08  # weight by which a raised brow stands out
GLANCE_DEG = 4.0  # jump between two fixations that counts
_INDEX = {name: i for i, name in enumerate(MOTION_CHANNELS)}
_RAISED = [_INDEX[n] for n in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]
_LOWERED = [_INDEX[n] for n in ("browDownLeft", "browDownRight")]


@dataclass(frozen=True, eq=False)
class Stretch:
    """T frames at 25 a second of one person.

    openness (T,) of the lids, 1 open; rotation (T, 3) rad; weights (T, 52);
    eyes (T, 2) rad pitch and yaw against the head, NaN where unseen; speech (T,) bool
    """

    openness: FloatArray
    rotation: FloatArray
    weights: FloatArray
    eyes: FloatArray
    speech: NDArray[np.bool_]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.openness) / FPS


def eye_turns(landmarks: FloatArray, rotation: FloatArray, openness: FloatArray) -> FloatArray:
    """(T, 2) geometric pitch and yaw of the eyes against the head, rad; NaN where they are shut."""
    out = np.full((len(landmarks), 2), np.nan, np.float32)
    for t, (points, turn) in enumerate(zip(landmarks, rotation, strict=True)):
        if openness[t] < 0.7:
            continue
        features, trust = eye_features(points, turn)
        if trust.max() > 0.3:
            out[t] = (trust @ features[:, :2]) / trust.sum()
    return out


def made_turns(weights: FloatArray, eye_turn: float) -> FloatArray:
    """(T, 2) pitch and yaw of the eyes that eyeLook weights give; positive down, picture left."""
    of = {n: weights[:, i] for n, i in _INDEX.items() if n.startswith("eyeLook")}
    pitch = of["eyeLookDownLeft"] - of["eyeLookUpLeft"]
    yaw = of["eyeLookInLeft"] - of["eyeLookOutLeft"]
    return np.asarray(np.stack([pitch, yaw], 1) * eye_turn, np.float32)


def real_people(cache: Path, which: str = "train") -> dict[str, list[Stretch]]:
    """The stretches of every person of `cache`/{tracks,fits,sound}/`which` with a face in view."""
    people: dict[str, list[Stretch]] = {}
    for path in sorted((cache / "tracks" / which).glob("*.npz")):
        fit_path = cache / "fits" / which / path.name
        if path.name.endswith(".part.npz") or not fit_path.exists():
            continue
        track, fit = np.load(path), np.load(fit_path)
        seen = np.flatnonzero(track["valid"])
        if len(seen) < 2 * FPS:
            continue
        part = slice(int(seen[0]), int(seen[-1]) + 1)
        nearest = np.abs(np.arange(len(track["valid"]))[part, None] - seen[None]).argmin(1)
        points, rotation = track["landmarks"][seen[nearest]], fit["rotation"][part]
        openness = lid_openness(points)
        sound = cache / "sound" / which / f"{path.stem}.npy"
        speech = np.zeros(len(track["valid"]), bool)
        if sound.exists():
            heard = speech_frames(np.load(sound))[: len(speech)]
            speech[: len(heard)] = heard
        eyes = eye_turns(points, rotation, openness)
        people.setdefault(str(track["person"]), []).append(
            Stretch(openness, rotation, fit["weights"][part], eyes, speech[part])
        )
    return people


def speech_frames(samples: FloatArray) -> NDArray[np.bool_]:
    """(N,) samples at 16 kHz to (T,) whether somebody speaks, 25 a second."""
    loud = SpeechDetector().push(mel_power(samples))
    return np.asarray(loud[: len(loud) // 4 * 4].reshape(-1, 4).any(1))


def made_stretch(motion: Motion, samples: FloatArray, head: HeadModel) -> Stretch:
    """What is to be measured of motion made for `samples` (N,) at 16 kHz."""
    heard = speech_frames(samples)[: len(motion)]
    speech = np.zeros(len(motion), bool)
    speech[: len(heard)] = heard
    return Stretch(
        lid_openness(posed_landmarks(head, motion.blendshapes)), motion.rotation,
        motion.blendshapes, made_turns(motion.blendshapes, head.config.eye_turn), speech,
    )  # fmt: skip


def smoothed(track: FloatArray, width: int = SMOOTH) -> FloatArray:
    """(T, C) moving average, edges held."""
    half = width // 2
    padded = np.pad(track, ((half, half), (0, 0)), mode="edge")
    return np.mean([padded[i : i + len(track)] for i in range(width)], axis=0)


def measure(faces: list[Stretch]) -> dict[str, float]:
    """Figures of one person's stretches together; NaN where too little was seen."""
    seconds = sum(face.seconds for face in faces)
    starts = [blink_spans(face.openness) for face in faces]
    count = sum(len(first) for first, _ in starts)
    lengths = np.concatenate([length for _, length in starts]) / FPS * 1000
    gaps = np.concatenate([np.diff(first) for first, _ in starts]) / FPS
    near, chance = _at_pauses(faces, [first for first, _ in starts])
    turns = [np.degrees(smoothed(face.rotation)) for face in faces]
    steps = np.concatenate([np.linalg.norm(np.diff(turn, axis=0), axis=1) for turn in turns]) * FPS
    spread = np.sqrt(np.mean([turn.var(axis=0) for turn in turns], axis=0))
    reach = np.mean([np.ptp(turn, axis=0) for turn in turns], axis=0)
    brows = [brow_height(face.weights) for face in faces]
    raises = sum(len(find_peaks(brow, prominence=RAISE, distance=8)[0]) for brow in brows)
    gaze = [_gaze_figures(face) for face in faces]
    pitch, yaw, glances = (
        np.nanmean([row[k] for row in gaze]) if any(np.isfinite(row[k]) for row in gaze) else np.nan
        for k in range(3)
    )
    return {
        "blinks a minute": count / seconds * 60,
        "blink ms": float(np.mean(lengths)) if count else np.nan,
        "blinks in pairs": float(np.mean(gaps < PAIR_S)) if len(gaps) else np.nan,
        "blinks at phrase ends over chance": near / chance if chance > 0 and count else np.nan,
        "head pitch spread deg": float(spread[0]),
        "head yaw spread deg": float(spread[1]),
        "head roll spread deg": float(spread[2]),
        "head range deg": float(np.linalg.norm(reach)),
        "head speed deg/s": float(np.mean(steps)),
        "gaze pitch spread deg": float(pitch),
        "gaze yaw spread deg": float(yaw),
        "gaze shifts a minute": float(glances),
        "brow raises a minute": raises / seconds * 60,
        "brow spread": float(np.sqrt(np.mean([brow.var() for brow in brows]))),
    }


def brow_height(weights: FloatArray) -> FloatArray:
    """(T, 52) weights to (T,) how far the brows are up, smoothed."""
    height = weights[:, _RAISED].mean(1) - weights[:, _LOWERED].mean(1)
    return np.asarray(smoothed(height[:, None])[:, 0])


def _at_pauses(faces: list[Stretch], starts: list[NDArray[np.int64]]) -> tuple[float, float]:
    """Share of blinks within half a second of the end of speech, and of all frames there."""
    hits, total, frames, places = 0, 0, 0, 0
    for face, first in zip(faces, starts, strict=True):
        ends = np.flatnonzero(face.speech[:-1] & ~face.speech[1:]) + 1
        near = np.zeros(len(face.speech), bool)
        for end in ends:
            near[max(0, end - 5) : end + 13] = True
        hits, total = hits + int(near[first].sum()), total + len(first)
        places, frames = places + int(near.sum()), frames + len(near)
    return hits / max(total, 1), places / max(frames, 1)


def _gaze_figures(face: Stretch) -> tuple[float, float, float]:
    """Spread of pitch and yaw of the line of sight in degrees without noise; shifts a minute.

    Noise: differences of neighbouring frames, most of which lie within one fixation.
    """
    eyes = np.degrees(face.eyes.astype(np.float64))
    seen = np.isfinite(eyes).all(axis=1)
    if seen.sum() < 40:
        return np.nan, np.nan, np.nan
    step = np.diff(eyes, axis=0)[seen[1:] & seen[:-1]]
    noise = (np.median(np.abs(step), axis=0) / 0.6745) ** 2 / 2
    spread = np.sqrt(np.maximum(eyes[seen].var(axis=0) - noise, 0.0))
    return float(spread[0]), float(spread[1]), _shifts(eyes, seen)


def _shifts(eyes: NDArray[np.float64], seen: NDArray[np.bool_]) -> float:
    """Jumps between the medians of the 0.2 s before and after, a minute of seen frames."""
    jump = np.zeros(len(eyes))
    for t in range(5, len(eyes) - 5):
        before, after = eyes[t - 5 : t][seen[t - 5 : t]], eyes[t : t + 5][seen[t : t + 5]]
        if len(before) > 2 and len(after) > 2:
            jump[t] = np.linalg.norm(np.median(after, axis=0) - np.median(before, axis=0))
    peaks, _ = find_peaks(jump, height=GLANCE_DEG, distance=5)
    return len(peaks) / seen.sum() * FPS * 60
