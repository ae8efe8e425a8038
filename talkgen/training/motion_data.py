"""Training examples for the motion model, from the caches of the prepare scripts.

A `Track` is a stretch of mel power with its targets; `TrackSampler` cuts crops of one length out of
many. Real tracks carry the motion fitted to a person, less that person's resting face; synthetic
ones carry phones and rule-made motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import mel_power
from talkgen.motion.controls import CONTROLS, FROM_CHANNELS
from talkgen.types import ENGINE_RATE, MOTION_CHANNELS

Float32 = NDArray[np.float32]
NUM_OUTPUTS = len(CONTROLS) + 4
SPEEDS = (0.82, 0.9, 1.0, 1.1, 1.22)


@dataclass(frozen=True)
class Track:
    """(4 T, 80) mel power, (2 T,) phones or None, (T, K) targets with (T,) validity.

    K is C + 4 for tracked people and synthetic speech; see motion_facegood for another space.
    """

    person: str
    power: Float32
    phones: NDArray[np.int64] | None
    targets: Float32
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.targets)


def lip_gap(landmarks: Float32) -> Float32:
    """(T, 478, 3) landmarks to (T,) inner-lip gap over inter-ocular distance (EVALUATION)."""
    xy = landmarks[..., :2]
    gap = np.linalg.norm(xy[:, 13] - xy[:, 14], axis=-1)
    apart = np.linalg.norm(xy[:, 33] - xy[:, 263], axis=-1)
    return np.asarray(gap / np.maximum(apart, 1e-6), np.float32)


@dataclass(frozen=True)
class ClipMotion:
    """A clip's fitted motion at 25 frames a second, absolute.

    weights (T, 52), rotation (T, 3), gap (T,), valid (T,), with the person, (N,) sound at 16 kHz
    and the (S,) identity of the head fitted to them
    """

    name: str
    person: str
    weights: Float32
    rotation: Float32
    gap: Float32
    valid: NDArray[np.bool_]
    sound: Float32
    shape: Float32 | None = None


def load_clips(cache: Path, which: str, *, fitted: bool = True) -> list[ClipMotion]:
    """Every clip of `cache`/{tracks,sound,fits}/`which` that has sound.

    fitted : leave out clips without a fit; otherwise their weights and rotation are zero (enough
        where only the lip gap is wanted)
    """
    clips = []
    for path in sorted((cache / "tracks" / which).glob("*.npz")):
        sound_path = cache / "sound" / which / f"{path.stem}.npy"
        if path.name.endswith(".part.npz") or not sound_path.exists():
            continue
        track = np.load(path)
        fit_path, shape = cache / "fits" / which / path.name, None
        if fit_path.exists():
            fit = np.load(fit_path)
            weights, rotation, shape = fit["weights"], fit["rotation"], fit["identity"]
        elif fitted:
            continue
        else:
            weights = np.zeros((len(track["landmarks"]), len(MOTION_CHANNELS)), np.float32)
            rotation = np.zeros((len(weights), 3), np.float32)
        clips.append(
            ClipMotion(
                path.stem, str(track["person"]), weights, rotation, lip_gap(track["landmarks"]),
                track["valid"].astype(bool), np.load(sound_path), shape,
            )
        )
    return clips


def resting_levels(clips: list[ClipMotion]) -> dict[str, tuple[Float32, float]]:
    """For each person the resting (52,) weights and lip gap: what a shut, calm mouth measures.

    What opens the mouth rests where the lips are closest (the mean over the frames of the lowest
    tenth of the gap), all else at its median: a p rolls and presses the lips more than rest does.
    """
    out = {}
    opening = ("jaw", "mouthClose", "mouthFunnel", "mouthLowerDown", "mouthUpperUp", "mouthShrugU")
    mouth = np.array([c.startswith(opening) for c in MOTION_CHANNELS])
    for person in sorted({c.person for c in clips}):
        own = [c for c in clips if c.person == person]
        weights = np.concatenate([c.weights[c.valid] for c in own])
        gap = np.concatenate([c.gap[c.valid] for c in own])
        shut = gap <= np.quantile(gap, 0.1)
        rest = np.where(mouth, weights[shut].mean(0), np.median(weights, 0))
        out[person] = (rest.astype(np.float32), float(np.quantile(gap, 0.04)))
    return out


def clip_targets(clip: ClipMotion, rest: tuple[Float32, float], gap_unit: float) -> Float32:
    """(T, C + 4) targets: controls and lip gap less the person's rest, rotation less its median."""
    controls = (clip.weights - rest[0]) @ FROM_CHANNELS
    gap = np.maximum(clip.gap - rest[1], 0.0) / gap_unit
    turn = (clip.rotation - np.median(clip.rotation[clip.valid], 0)) / 0.1
    return np.concatenate([controls, gap[:, None], turn], 1).astype(np.float32)


def real_tracks(clip: ClipMotion, targets: Float32, speeds: tuple[float, ...]) -> list[Track]:
    """The clip at several speeds: its sound resampled, its targets stretched along."""
    return stretched_tracks(clip.person, clip.sound, targets, clip.valid, speeds)


def resampled_sound(sound: Float32, speed: float) -> Float32:
    """(N,) sound played `speed` times as fast, pitch and all."""
    import soxr

    if speed == 1.0:
        return sound
    return np.asarray(soxr.resample(sound, ENGINE_RATE, ENGINE_RATE / speed), np.float32)


def stretched_tracks(
    person: str, original: Float32, targets: Float32, known: NDArray[np.bool_],
    speeds: tuple[float, ...],
) -> list[Track]:  # fmt: skip
    """(N,) sound at 16 kHz with (T, K) targets and (T,) validity, once for each speed."""
    out = []
    for speed in speeds:
        power = mel_power(resampled_sound(original, speed))
        count = min(int(len(targets) / speed), len(power) // 4)
        at = np.clip((np.arange(count) + 0.5) * speed - 0.5, 0, len(targets) - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, len(targets) - 1)
        share = (at - low)[:, None].astype(np.float32)
        stretched = targets[low] * (1 - share) + targets[high] * share
        valid = known[low] & known[high]
        out.append(Track(person, power[: 4 * count], None, stretched, valid))
    return out


def synthetic_tracks(
    folder: Path, gap_unit: float, numbers: list[int] | None = None
) -> list[Track]:
    """One Track a shard of scripts/prepare_speech.py; rotation targets are not valid there
    (zero)."""
    out = []
    paths = sorted(p for p in folder.glob("*.npz") if not p.name.endswith(".part.npz"))
    for path in paths if numbers is None else [paths[n] for n in numbers]:
        shard = np.load(path)
        motion = shard["motion"].astype(np.float32)
        targets = np.zeros((len(motion), NUM_OUTPUTS), np.float32)
        targets[:, : len(CONTROLS)] = motion[:, :-1]
        targets[:, len(CONTROLS)] = motion[:, -1] / gap_unit
        power = (10.0 ** shard["log_mel"].astype(np.float32)).astype(np.float32)
        phones = shard["phones"].astype(np.int64)
        out.append(Track(path.stem, power, phones, targets, np.ones(len(motion), bool)))
    return out


class TrackSampler:
    """Random crops of `frames` motion frames; a track's chance is its weight."""

    def __init__(self, tracks: list[Track], weights: list[float], frames: int, seed: int):
        usable = [(t, w) for t, w in zip(tracks, weights, strict=True) if len(t) >= frames // 2]
        self.tracks = [t for t, _ in usable]
        chances = np.array([w for _, w in usable])
        self._chances = chances / chances.sum()
        self._frames = frames
        self._rng = np.random.default_rng(seed)

    def batch(self, size: int) -> dict[str, NDArray]:
        """power (B, 4 F, 80), targets (B, F, K), valid (B, F), phones (B, 2 F) (-1: unknown)
        and track (B,), which of `tracks` it is."""
        frames = self._frames
        power = np.full((size, 4 * frames, 80), 1e-9, np.float32)
        targets = np.zeros((size, frames, self.tracks[0].targets.shape[1]), np.float32)
        valid = np.zeros((size, frames), bool)
        phones = np.full((size, 2 * frames), -1, np.int64)
        picks = self._rng.choice(len(self.tracks), size, p=self._chances)
        for row, pick in enumerate(picks):
            track = self.tracks[pick]
            spare = len(track) - frames
            start = int(self._rng.integers(0, max(1, spare + 1)))
            stop = min(start + frames, len(track))
            count = stop - start
            # a short track lies anywhere in the row, so that its beginning is heard as well
            first = int(self._rng.integers(0, -spare + 1)) if spare < 0 else 0
            power[row, 4 * first : 4 * (first + count)] = track.power[4 * start : 4 * stop]
            targets[row, first : first + count] = track.targets[start:stop]
            valid[row, first : first + count] = track.valid[start:stop]
            if track.phones is not None:
                phones[row, 2 * first : 2 * (first + count)] = (
                    track.phones[2 * start : 2 * stop]
                )
        return {"power": power, "targets": targets, "valid": valid, "phones": phones,
                "track": picks}  # fmt: skip
