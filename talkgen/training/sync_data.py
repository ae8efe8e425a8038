"""Lips with their own sound, for the sync critic: real clips, and crops of them with the sound of
15 frames to either side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import level_features, mel_power
from talkgen.critic.sync import PER_FRAME, REACH
from talkgen.critic.sync_lips import AROUND, MIRRORED, lip_features, placed_lips
from talkgen.training.motion_augment import add_noise, add_room, change_voice
from talkgen.training.motion_data import resampled_sound
from talkgen.types import FloatArray

SPEEDS = (0.85, 0.93, 1.0, 1.08, 1.18)
"""Sound and lips are played so many times as fast: other voices, other tempi."""
LEAST_VALID = 0.9
"""Clips whose face is lost more often are left out."""


@dataclass(frozen=True, eq=False)
class SyncClip:
    """lips (T, 45, 2) placed; sounds: versions (4 T, 80) float16 of levelled mel features, the
    first as recorded, others with voice, room and noise changed"""

    name: str
    person: str
    speed: float
    lips: FloatArray
    sounds: tuple[NDArray[np.float16], ...]

    def __len__(self) -> int:
        return len(self.lips)


def sync_clips(
    cache: Path, which: str, *, speeds: tuple[float, ...] = SPEEDS, disturbed: int = 1,
    seed: int = 0,
) -> list[SyncClip]:  # fmt: skip
    """Return every clip with sound of scripts/prepare_tracks.py's cache, at several speeds.

    disturbed : versions of each sound with voice, room and noise changed
    """
    rng = np.random.default_rng(seed)
    out = []
    for path in sorted((cache / "tracks" / which).glob("*.npz")):
        sound_path = cache / "sound" / which / f"{path.stem}.npy"
        if path.name.endswith(".part.npz") or not sound_path.exists():
            continue
        track = np.load(path)
        if track["valid"].mean() < LEAST_VALID:
            continue
        lips, sound = placed_lips(track["landmarks"]), np.load(sound_path)
        for speed in speeds:
            power = mel_power(resampled_sound(sound, speed))
            count = min(int(len(lips) / speed), len(power) // PER_FRAME)
            power = power[: PER_FRAME * count]
            versions = [power] + [disturb(power, rng) for _ in range(disturbed)]
            sounds = tuple(level_features(v).astype(np.float16) for v in versions)
            out.append(
                SyncClip(path.stem, str(track["person"]), speed, played(lips, speed, count), sounds)
            )
    return out


def played(lips: FloatArray, speed: float, count: int) -> FloatArray:
    """(T, ...) at `speed` times the pace: (count, ...), straight lines in between."""
    at = np.clip((np.arange(count) + 0.5) * speed - 0.5, 0, len(lips) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(lips) - 1)
    share = (at - low).astype(np.float32).reshape(-1, *(1,) * (lips.ndim - 1))
    return np.asarray(lips[low] * (1 - share) + lips[high] * share, np.float32)


def disturb(power: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(N, 80) mel power of another vocal tract, band, room and with noise."""
    twice = np.repeat(power[None], 2, 0)  # the noise of a row may be another row's speech
    return np.asarray(add_noise(add_room(change_voice(twice, rng), rng), rng)[0], np.float32)


def vary_lips(lips: FloatArray, rng: np.random.Generator, noise: float) -> FloatArray:
    """(T, 45, 2) placed lips of somebody else: mirrored, tilted, wider, livelier, trembling.

    noise : largest spread of the tracker's tremble, inter-ocular distances
    """
    if rng.random() < 0.5:
        lips = lips[:, MIRRORED] * np.array([-1, 1], np.float32)
    middle = lips.mean(0)
    livelier: Any = middle + (lips - middle) * rng.uniform(0.6, 1.5, (1, 1, 2))
    tilt = rng.normal(0, 0.05)
    cos, sin = np.cos(tilt), np.sin(tilt)
    wider = livelier @ np.array([[cos, -sin], [sin, cos]]) * rng.uniform(0.85, 1.15, (1, 1, 2))
    spread = rng.uniform(0, noise)
    tremble = rng.normal(0, spread, wider.shape) + rng.normal(0, spread, (len(wider), 1, 2))
    return np.asarray(wider + tremble, np.float32)


class SyncSampler:
    """Crops of `frames` frames with the sound of REACH more to either side.

    A person's chance is the root of their seconds.
    """

    def __init__(self, clips: list[SyncClip], frames: int, noise: float = 0.004) -> None:
        self.clips = [clip for clip in clips if len(clip) >= frames]
        self.frames, self.noise = frames, noise
        total: dict[str, int] = {}
        for clip in self.clips:
            total[clip.person] = total.get(clip.person, 0) + len(clip)
        chances = np.array([len(clip) / total[clip.person] ** 0.5 for clip in self.clips])
        self.chances = chances / chances.sum()

    def batch(self, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(B, F, 96) lip features and (B, 4 (F + 30), 80) sound, held where it ends."""
        frames, reach = self.frames, PER_FRAME * REACH
        lips, sounds = [], []
        for pick in rng.choice(len(self.clips), size, p=self.chances):
            clip = self.clips[pick]
            start = int(rng.integers(0, len(clip) - frames + 1))
            first = max(0, start - AROUND)
            part = vary_lips(clip.lips[first : start + frames + AROUND], rng, self.noise)
            lips.append(lip_features(part)[start - first : start - first + frames])
            sound = clip.sounds[int(rng.integers(len(clip.sounds)))]
            at = np.arange(PER_FRAME * start - reach, PER_FRAME * (start + frames) + reach)
            heard = sound[np.clip(at, 0, len(sound) - 1)].astype(np.float32)
            if rng.random() < 0.5:
                hole = int(rng.integers(0, len(heard) - 16))
                heard[hole : hole + int(rng.integers(4, 16))] = 0
            sounds.append(heard)
        return np.stack(lips), np.stack(sounds)
