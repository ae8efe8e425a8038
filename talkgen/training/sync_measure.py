"""How well offsets are found: clips with their sound shifted by known numbers of frames."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from talkgen.audio.features import mel_power
from talkgen.critic.hearing import band_level, opening, smooth
from talkgen.critic.mouth import lag_curve, lip_gap
from talkgen.critic.sync import PER_FRAME, REACH, Sync, SyncCritic, lag_distances, sync_of
from talkgen.critic.sync_lips import known_points, lip_features
from talkgen.training.sync_data import SyncClip
from talkgen.types import ENGINE_FPS, Audio, FloatArray

MOST_SHIFT = 12
"""Frames that sound is shifted by at most."""


def made_late(landmarks: FloatArray, sound: Audio, frames: int) -> tuple[FloatArray, Audio]:
    """Return landmarks (T, 478, 3) and sound of which one was cut at its start, so that the picture
    is `frames` (25 a second) late; below zero, early."""
    cut = max(0, round(frames * sound.rate / ENGINE_FPS))
    return landmarks[max(0, -frames) :], Audio(sound.samples[cut:], sound.rate)


def draws(name: str, seeds: Iterable[int]) -> list[int]:
    """Return a random shift from -12 to 12 frames for each seed; a clip's name has its own."""
    key = zlib.crc32(name.encode())
    span = (-MOST_SHIFT, MOST_SHIFT + 1)
    return [int(np.random.default_rng([seed, key]).integers(*span)) for seed in seeds]


def shift_errors(
    critic: SyncCritic, landmarks: FloatArray, sound: Audio, shifts: Iterable[int]
) -> list[tuple[int, Sync]]:
    """Return (shift, verdict) of a clip for each shift: frames that the picture is made late by."""
    return [(late, critic.of_lips(*made_late(landmarks, sound, late))) for late in shifts]


def shift_figures(
    shifted: Mapping[str, list[tuple[int, Sync]]],
    own: Mapping[str, Sync],
    counted: Sequence[str],
    clips: Mapping[str, tuple[FloatArray, Audio]],
) -> dict[str, Any]:
    """Return how often the shift was found within a frame, in all draws of the counted clips.

    As shifted: the offset is the shift. Less its own: the offset is the shift and what the clip
    was off before. The same of the lip gap's best lag against the energy of the sound.
    """
    names = np.array([name for name in counted for _ in shifted[name]])
    rows = [(name, late, found) for name in counted for late, found in shifted[name]]
    off = np.array([found.offset - late for _, late, found in rows])
    before = np.array([own[name].offset for name, _, _ in rows])
    energy = np.array([energy_offset(*made_late(*clips[name], late)) - late
                       for name, late, _ in rows])  # fmt: skip

    def figures(error: Any) -> dict[str, Any]:
        good = np.asarray(np.abs(error) <= 1, np.float32)
        return {"within_1": round(float(good.mean()), 3), "ci95 over clips": bootstrap(good, names)}

    return {
        "clips": len(counted), "draws": len(rows),
        "as shifted": figures(off), "less its own": figures(off - before),
        "lip gap and energy, as shifted": figures(energy),
        "error by clip": {name: off[names == name].tolist() for name in counted},
        "lip gap and energy, error by clip": {
            name: energy[names == name].tolist() for name in counted
        },
        "all clips with speech, less its own, out of sync or not": round(
            float(np.mean([abs(found.offset - late - own[name].offset) <= 1
                           for name, found_ones in shifted.items()
                           for late, found in found_ones])), 3),
    }  # fmt: skip


def energy_offset(landmarks: FloatArray, sound: Audio) -> int:
    """Return the lag from -15 to 15 at which the lip gap fits the energy in 300-1200 Hz best."""
    level = smooth(band_level(mel_power(sound.samples, sound.rate)))
    per_frame = level[: len(level) // PER_FRAME * PER_FRAME].reshape(-1, PER_FRAME).mean(1)
    return gap_offset(landmarks, opening(per_frame))


def gap_offset(landmarks: FloatArray, opening_of_sound: FloatArray) -> int:
    """Return the lag from -15 to 15 at which the lip gap of landmarks fits a course (T,) best."""
    curve = lag_curve(lip_gap(known_points(landmarks)[0]), opening_of_sound, REACH)
    return int(np.nanargmax(curve)) - REACH if np.isfinite(curve).any() else 0


def agreement(
    own: Mapping[str, Sync], witness: Mapping[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """Return in how many of the named clips two readings of the offset differ by at most 1."""
    close = [name for name in names if abs(own[name].offset - witness[name]) <= 1]
    return {"clips": len(names), "agree": len(close), "not": sorted(set(names) - set(close))}


def foreign(
    critic: SyncCritic, clips: Mapping[str, tuple[FloatArray, Audio]], own: Mapping[str, Sync]
) -> dict[str, Any]:
    """Return confidences of every clip's picture with the sound of each other one.

    told_apart : share of all pairs of an own and a foreign sound in which the own is trusted more
    """
    wrong = np.array([
        critic.of_lips(points, sound).confidence
        for name, (points, _) in clips.items()
        for other, (_, sound) in clips.items()
        if other != name
    ])  # fmt: skip
    right = np.array([own[name].confidence for name in clips])
    return {
        "pairs": len(wrong), "mean": round(float(wrong.mean()), 3),
        "highest in 20": round(float(np.quantile(wrong, 0.95)), 3),
        "own sound, mean": round(float(right.mean()), 3),
        "told_apart": round(float((right[:, None] > wrong[None]).mean()), 3),
    }  # fmt: skip


def stretches(critic: SyncCritic, landmarks: FloatArray, sound: Audio, frames: int) -> list[Sync]:
    """Return the verdicts of stretches of a clip, each judged as a clip of its own, half over the
    one before."""
    per_frame = sound.rate / ENGINE_FPS
    out = []
    for start in range(0, len(landmarks) - frames + 1, frames // 2):
        first, last = round(start * per_frame), round((start + frames) * per_frame)
        part = Audio(sound.samples[first:last], sound.rate)
        out.append(critic.of_lips(landmarks[start : start + frames], part))
    return out


def inside(verdicts: Iterable[Sync], confidences: Sequence[float]) -> dict[str, Any]:
    """Return the range of confidences, their number, and the share of verdicts inside it."""
    low, high = min(confidences), max(confidences)
    share = np.mean([low <= found.confidence <= high for found in verdicts])
    return {
        "least": round(low, 3), "most": round(high, 3), "n": len(confidences),
        "share_inside": round(float(share), 3),
    }  # fmt: skip


def windows_of(critic: SyncCritic, clip: SyncClip, frames: int, step: int) -> list[Sync]:
    """Return the verdicts of stretches of a clip, each `frames` long."""
    seen = critic.vectors("see", lip_features(clip.lips), 1)
    heard = critic.vectors("listen", clip.sounds[0].astype(np.float32), PER_FRAME)
    out = []
    for start in range(0, len(clip) - frames + 1, step):
        part = slice(start, start + frames)
        out.append(sync_of(lag_distances(seen[part], heard[part]), frames))
    return out


def share_within(verdicts: Iterable[Sync], frames: int = 1) -> dict[str, Any]:
    """Return the share of verdicts within so many frames of 0, their number and mean figures."""
    found = list(verdicts)
    if not found:
        return {"n": 0}
    return {
        "within_1": round(float(np.mean([abs(v.offset) <= frames for v in found])), 3),
        "exact": round(float(np.mean([v.offset == 0 for v in found])), 3),
        "confidence": round(float(np.mean([v.confidence for v in found])), 3),
        "n": len(found),
    }


def by_person(
    critic: SyncCritic, clips: Iterable[SyncClip], frames: int, step: int
) -> Mapping[str, dict[str, Any]]:
    """Return `share_within` of the stretches of each person's clips, played at their own speed."""
    found: dict[str, list[Sync]] = {}
    for clip in clips:
        if clip.speed == 1.0:
            found.setdefault(clip.person, []).extend(windows_of(critic, clip, frames, step))
    return {person: share_within(verdicts) for person, verdicts in found.items()}


def bootstrap(values: FloatArray, groups: FloatArray, seed: int = 0) -> list[float]:
    """Return the 95 % interval of the mean of values (N,), whole groups (N,) drawn again."""
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    means = np.array([values[groups == name].mean() for name in names])
    drawn = means[rng.integers(0, len(names), (2000, len(names)))].mean(1)
    return [round(float(v), 3) for v in np.quantile(drawn, [0.025, 0.975])]
