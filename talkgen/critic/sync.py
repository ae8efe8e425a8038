"""Whether lips and sound belong together, and by how many frames they are apart.

Lips seen in five frames and sound of any five frames become unit vectors (`sync_net`); their
distance, averaged over the clip, is lowest at the lag at which they fit. This is the form of
SyncNet (Chung & Zisserman 2016), with a network of our own that sees landmarks: LSE-D and LSE-C are
the published network's (`syncnet_v2`) and are not given for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import FEATURES_PER_SECOND, level_features, mel_power
from talkgen.critic.hearing import Heard
from talkgen.critic.report import score
from talkgen.critic.sync_lips import known_points, lip_features, placed_lips
from talkgen.critic.watch import Watched
from talkgen.types import ENGINE_FPS, Audio, Emotion, FloatArray, Report

REACH = 15
"""Lags, in frames at 25 a second, to either side."""
LEAST = 10
"""Frames that each lag must be judged by."""
PER_FRAME = round(FEATURES_PER_SECOND / ENGINE_FPS)
BLOCK = 3000
"""Frames that go through the network at a time."""
OVERLAP = 8
"""Frames of a block that only let its middle see its surroundings."""


@dataclass(frozen=True, eq=False)
class Sync:
    """How lips and sound fit.

    offset : frames, 25 a second; positive: the picture is late (the sound is heard first)
    confidence : median less minimum of `curve`; near 0 where nothing fits better than the rest
    distance : the minimum; curve : (31,) float32 mean distances, 0 to 2, for offsets -15 to 15
    frames : that were judged
    """

    offset: int
    confidence: float
    distance: float
    curve: FloatArray
    frames: int


def sync_of(curve: FloatArray, frames: int) -> Sync:
    """Return the verdict of a curve (31,); of one of NaN: offset 0, confidence 0."""
    if not np.isfinite(curve).all():
        return Sync(0, 0.0, float("nan"), np.asarray(curve, np.float32), 0)
    best = int(np.argmin(curve))
    low = float(curve[best])
    return Sync(
        best - REACH, float(np.median(curve)) - low, low, np.asarray(curve, np.float32), frames
    )


class SyncCritic:
    """Scores `sync` of a watched clip, or of landmarks before anything is drawn.

    >>> critic = SyncCritic.from_pretrained()                          # doctest: +SKIP
    >>> critic.of_lips(landmarks, Audio(samples)).offset               # doctest: +SKIP
    0
    """

    fills = ("sync",)

    def __init__(self, net: Any) -> None:
        self.net = net.eval()

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str] = "sync") -> Any:
        """Return the critic of a shipped name or a folder; of the published `syncnet_v2.model`
        where a file is named, which gives LSE-D and LSE-C (`syncnet_v2.PublishedSync`)."""
        if Path(name_or_path).is_file():
            from talkgen.critic.syncnet_v2 import PublishedSync

            return PublishedSync.from_file(name_or_path)
        from talkgen.critic.sync_net import SyncNet

        return cls(SyncNet.from_pretrained(name_or_path))

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return offset, confidence and distance; nothing for a clip too short or without sound."""
        found = self._of_clip(video)
        if found is None or not found.frames:
            return Report({})
        values = {
            "av_offset": found.offset, "sync_confidence": found.confidence,
            "sync_distance": found.distance,
        }  # fmt: skip
        return Report(
            {name: score(name, value, found.frames) for name, value in values.items()},
            {"sync network": "talkgen sync (landmarks); no LSE"},
        )

    def curve(self, video: Watched) -> FloatArray | None:
        """(31,) float32 mean distances for offsets -15 to 15; None without sound or too short."""
        found = self._of_clip(video)
        return None if found is None or not found.frames else found.curve

    def of_lips(self, landmarks: FloatArray, sound: Heard | Audio | FloatArray) -> Sync:
        """Return how landmarks (T, 478, 3), 25 frames a second, fit sound from the same time zero.

        Any unit and place will do, x right, y down; NaN where no face was seen. sound : what was
        heard, an `Audio`, or (N, 80) levelled mel features, 100 a second
        What is too short (under 1 s) or unseen has offset 0 and confidence 0.
        """
        features = sound_features(sound)
        landmarks = np.asarray(landmarks, np.float32)
        count = min(len(landmarks), 0 if features is None else len(features) // PER_FRAME)
        if features is None or count < REACH + LEAST:
            return sync_of(np.full(2 * REACH + 1, np.nan, np.float32), 0)
        landmarks = landmarks[:count]
        if not np.isfinite(landmarks[:, 0, 0]).any():
            return sync_of(np.full(2 * REACH + 1, np.nan, np.float32), 0)
        points, seen = known_points(landmarks)
        lips = self.vectors("see", lip_features(placed_lips(points)), 1)
        voice = self.vectors("listen", features[: PER_FRAME * count], PER_FRAME)
        return sync_of(lag_distances(lips, voice, seen), int(seen.sum()))

    def _of_clip(self, video: Watched) -> Sync | None:
        if video.sound is None or video.sound.samples is None:
            return None
        return self.of_lips(video.landmarks, video.sound)

    def vectors(self, stream: str, rows: FloatArray, per_frame: int) -> FloatArray:
        """(T * per_frame, K) rows to (T, D) vectors, in blocks that bound the memory."""
        import torch

        count, out = len(rows) // per_frame, []
        for start in range(0, count, BLOCK):
            first, last = max(0, start - OVERLAP), min(count, start + BLOCK + OVERLAP)
            part = torch.from_numpy(
                np.ascontiguousarray(rows[first * per_frame : last * per_frame])
            )
            with torch.inference_mode():
                vectors = getattr(self.net, stream)(part[None])[0].numpy()
            out.append(vectors[start - first : start - first + BLOCK])
        return np.concatenate(out)


def sound_features(sound: Heard | Audio | FloatArray) -> FloatArray | None:
    """(N, 80) float32 levelled mel features, 100 a second, of a sound in any of its forms; None of
    what was heard without its samples being kept."""
    if isinstance(sound, Heard):
        if sound.samples is None:
            return None
        return level_features(mel_power(sound.samples.astype(np.float32) / 32767.0))
    if isinstance(sound, Audio):
        return level_features(mel_power(sound.samples, sound.rate))
    return np.asarray(sound, np.float32)


def lag_distances(
    lips: FloatArray, sound: FloatArray, seen: NDArray[np.bool_] | None = None
) -> FloatArray:
    """(31,) float32 mean Euclidean distances of vectors (T, D) of lips and sound for offsets -15 to
    15 frames, positive where a picture fits sound from before it; frames not `seen` do not count.

    NaN for offsets with fewer than `LEAST` frames.
    """
    count = min(len(lips), len(sound))
    known = np.ones(count, bool) if seen is None else np.asarray(seen[:count], bool)
    out = np.full(2 * REACH + 1, np.nan, np.float32)
    for place, offset in enumerate(range(-REACH, REACH + 1)):
        first, last = max(0, offset), min(count, count + offset)
        rows = np.arange(first, last)[known[first:last]]
        if len(rows) >= LEAST:
            apart = lips[rows] - sound[rows - offset]
            out[place] = np.linalg.norm(apart, axis=1).mean()
    return out
