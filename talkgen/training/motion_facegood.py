"""FACEGOOD-Audio2Face as training data of the trunk: one actor, 116 unnamed blendshape weights.

Six takes, ten minutes, 30 frames a second, sample-exact with the sound (DATA.md). The channels have
no known meaning in the head model, so they get a head of their own on the trunk; what is learned
from them is how a mouth follows the voice. One take is held out, and its correlation reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from talkgen.audio.features import level_features, mel_power
from talkgen.io.audio import read_audio
from talkgen.motion.speech_motion import SpeechMotion
from talkgen.training.motion_crops import CropSet
from talkgen.training.motion_data import Track, stretched_tracks
from talkgen.types import ENGINE_FPS

Float32 = NDArray[np.float32]

HELD_OUT = "1114_2_04"
MOVING = 1e-3  # standard deviation from which on a channel counts as moving
STILL_WEIGHT = 0.02  # of a channel that does not move, beside 1: it need only stay where it is


@dataclass(frozen=True, eq=False)
class Take:
    """(N,) sound at 16 kHz and its (T, 116) weights in [0, 1], 25 frames a second."""

    name: str
    sound: Float32
    weights: Float32


def at_engine_rate(weights: Float32, fps: float) -> Float32:
    """(F, K) weights at `fps` to (T, K) at 25 frames a second; a frame's time is its middle."""
    count = int(len(weights) * ENGINE_FPS / fps)
    at = np.clip((np.arange(count) + 0.5) * fps / ENGINE_FPS - 0.5, 0, len(weights) - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, len(weights) - 1)
    share = (at - low)[:, None].astype(np.float32)
    return np.asarray(weights[low] * (1 - share) + weights[high] * share, np.float32)


def load_takes(folder: Path) -> list[Take]:
    """All takes (*.npz beside *.flac) of `folder`; none where it does not exist."""
    out = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as arrays:
            weights = at_engine_rate(arrays["weights"].astype(np.float32), float(arrays["fps"]))
        out.append(Take(path.stem, read_audio(path.with_suffix(".flac")).samples, weights))
    return out


def take_tracks(takes: list[Take], speeds: tuple[float, ...]) -> list[Track]:
    """The takes at several speeds, as tracks with 116 targets and no phones."""
    return [
        track
        for take in takes
        for track in stretched_tracks(
            take.name, take.sound, take.weights, np.ones(len(take.weights), bool), speeds
        )
    ]


def moving(crops: CropSet) -> Float32:
    """(116,) weight of each channel in the loss: 1 if it moves in `crops`, else STILL_WEIGHT."""
    spread = crops.targets[crops.valid].astype(np.float32).std(0)
    return np.where(spread > MOVING, 1.0, STILL_WEIGHT).astype(np.float32)


def correlations(model: SpeechMotion, take: Take) -> dict[int, float]:
    """Pearson r of the `facegood` head on `take`, for each channel that moves there."""
    features = level_features(mel_power(take.sound))
    frames = min(len(features) // 4, len(take.weights))
    with torch.inference_mode():
        _, said = model(torch.from_numpy(features[None, : 4 * frames]))
    made, real = said.facegood[0].numpy().astype(np.float64), take.weights[:frames]
    out = {}
    for channel in np.flatnonzero(real.std(0) > MOVING):
        own = made[:, channel]
        still = own.std() < 1e-9
        r = 0.0 if still else float(np.corrcoef(own, real[:, channel])[0, 1])
        out[int(channel)] = round(r, 3)
    return out
