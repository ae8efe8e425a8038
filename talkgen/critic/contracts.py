"""What a talking video has to keep: length, shut lips in silence and at p, b, m, blinks, calm lips.

No network judges here: landmarks against what is heard.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.critic.lids import blink_spans, lid_openness
from talkgen.critic.mouth import PARTED, SHUT, correlation, lip_gap
from talkgen.critic.pictures import placed_on
from talkgen.critic.report import score, scores_of
from talkgen.critic.watch import Watched
from talkgen.face.points import LIPS
from talkgen.types import Emotion, FloatArray, Report

LEAST_SECONDS = 2.0
"""Shorter clips have no rate of blinks."""


class ContractCritic:
    """Scores `contracts` and lip jitter of a watched clip.

    ContractCritic().score(watched).scores["parted_in_silence"].value
    """

    fills = ("contracts",)

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return what was kept and broken; what needs sound is left out without it."""
        seen = video.seen
        scores = scores_of({"face_seen": seen})
        if not seen.any():
            return Report(scores)
        gap = gaps(video)
        # lids under a whole-clip level: unseen frames take the last seen one's
        lids = lid_openness(video.landmarks[seen])
        seconds = len(lids) / video.fps
        if seconds >= LEAST_SECONDS:
            first, _ = blink_spans(lids)
            scores["blink_rate"] = score("blink_rate", 60 * len(first) / seconds, len(lids))
        heard = video.sound
        if heard is None:
            return Report(scores)
        wanted = heard.seconds * video.fps
        scores["frame_count_error"] = score("frame_count_error", abs(len(video) - wanted), 1)
        count = min(len(gap), len(heard.speech))
        quiet = heard.silence[:count] & np.isfinite(gap[:count])
        scores |= scores_of({"parted_in_silence": gap[:count][quiet] > PARTED})
        scores |= scores_of({"closures_kept": kept_closures(gap, heard.closures)})
        if seen[:count].sum() >= 25:
            r, _ = correlation(heard.energy, np.nan_to_num(gap), seen[:count])
            scores["mouth_energy_r"] = score("mouth_energy_r", r, int(seen[:count].sum()))
        step = lip_steps(video.landmarks)[:count]
        for name, where in (("jitter_vowel", heard.vowel), ("jitter_silence", heard.silence)):
            values = within(step, where[:count])
            if len(values):
                scores[name] = score(name, float(np.median(values)), len(values))
        return Report(scores)


def gaps(video: Watched) -> FloatArray:
    """(T,) lip gap of a clip, NaN where the face is not seen."""
    out = np.full(len(video), np.nan, np.float32)
    seen = video.seen
    out[seen] = lip_gap(video.landmarks[seen])
    return out


def kept_closures(gap: FloatArray, closures: Any) -> NDArray[np.bool_]:
    """(K,) whether the lips shut at some frame of each closure that is seen."""
    parts = [gap[first:last] for first, last in closures if last <= len(gap)]
    return np.array([np.nanmin(p) < SHUT for p in parts if np.isfinite(p).any()], bool)


def lip_steps(landmarks: FloatArray) -> FloatArray:
    """(T, 478, 3) to (T,) median absolute second difference of the lips' points at each frame.

    In percent of the inter-ocular distance; each frame is first laid on the first seen one by
    place, turn and size. NaN beside frames without a face.
    """
    seen = np.flatnonzero(np.isfinite(landmarks[:, 0, 0]))
    out = np.full(len(landmarks), np.nan, np.float32)
    if len(seen) < 3:
        return out
    base = landmarks[seen[0]]
    apart = float(np.linalg.norm(base[33, :2] - base[263, :2]))
    lips = np.full((len(landmarks), len(LIPS), 2), np.nan)
    for t in seen:
        lips[t] = placed_on(landmarks[t], base)[list(LIPS)]
    second = np.linalg.norm(lips[2:] - 2 * lips[1:-1] + lips[:-2], axis=-1)
    out[1:-1] = 100 * np.median(second, axis=1) / max(apart, 1e-6)
    return out


def within(values: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    """Return the second differences whose three frames all lie in `where`, finite ones alone."""
    inside = where.copy()
    inside[1:] &= where[:-1]
    inside[:-1] &= where[1:]
    found = values[inside]
    return found[np.isfinite(found)]
