"""The FER critic over a clip: frames are read as they go by, then judged together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from talkgen.critic.dynamics import smoothed
from talkgen.critic.report import score, scores_of
from talkgen.critic.watch import Look, Watched
from talkgen.motion.emotion import strengths_at
from talkgen.motion.facs import FELT, affect_of
from talkgen.types import EMOTIONS, Emotion, FloatArray, Report

if TYPE_CHECKING:
    from talkgen.critic.fer import FERCritic

EVERY = 3
"""Every n-th frame is read: expressions last longer, and the next frames look alike."""
LEAST_ASKED = 0.05
"""Strength under which a frame asks for nothing but neutral."""


class ExpressionReader:
    """Reads the faces of one clip (`talkgen.critic.watch.Reader`)."""

    every = EVERY
    bad: ClassVar[Mapping[str, int]] = {}

    def __init__(self, critic: FERCritic) -> None:
        self.critic = critic

    def look(self, look: Look) -> Mapping[str, Any]:
        """Return `emotions` (8,), `affect` (2,), `units` (U,) and `pspi` of a frame's face."""
        if look.face is None:
            return {}
        read = self.critic.read([look.image], [look.face])
        return {
            "emotions": read.emotions[0], "affect": read.affect[0], "units": read.units[0],
            "pspi": read.pspi[0],
        }  # fmt: skip


def speaking_of(video: Watched) -> NDArray[np.bool_] | None:
    """Return the frames (T,) in which somebody speaks, None without sound."""
    if video.sound is None:
        return None
    out = np.zeros(len(video), bool)
    heard = video.sound.speech[: len(video)]
    out[: len(heard)] = heard
    return out


def score_clip(video: Watched, target: Emotion | None) -> Report:
    """Return the scores of what a reader saw; nothing where no reader was there."""
    if not len(video.reading("emotions")):
        return Report({})
    scores = scores_of({
        "valence": video.reading("affect")[:, 0], "arousal": video.reading("affect")[:, 1],
        "pain": video.reading("pspi"),
    })  # fmt: skip
    if target is None:
        return Report(scores)
    known = np.isfinite(video.readings["emotions"]).all(1)
    seen = smoothed(video.readings["emotions"], video.fps, speaking_of(video))[known]
    times = np.flatnonzero(known) / video.fps
    strengths = strengths_at(target, times)
    share, weight = asked_share(strengths)
    asked = (seen * share).sum(1)
    named = seen.argmax(1) == share.argmax(1)
    total = max(float(weight.sum()), 1e-6)
    scores["emotion_asked"] = score(
        "emotion_asked", float((asked * weight).sum() / total), len(seen)
    )
    scores["emotion_named"] = score(
        "emotion_named", float((named * weight).sum() / total), len(seen)
    )
    places = affect_of(target)
    wanted = np.stack([np.interp(times, target.sample_times, column) for column in places.T], 1)
    shown = video.readings["affect"][known]
    gap = np.linalg.norm(shown - wanted, axis=1)
    scores["affect_error"] = score("affect_error", float(gap.mean()), len(seen))
    return Report(scores)


def asked_share(strengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, 7) strengths of `FELT` to what they ask for: shares (N, 8) of `EMOTIONS`, and how much
    each frame counts (N,): as strongly as it asks, those that ask for nothing as neutral."""
    total = strengths.sum(1)
    calm = total < LEAST_ASKED
    out = np.zeros((len(strengths), len(EMOTIONS)), np.float32)
    out[:, 1 : 1 + len(FELT)] = strengths / np.maximum(total, LEAST_ASKED)[:, None]
    out[calm] = np.eye(len(EMOTIONS), dtype=np.float32)[0]
    weight = np.where(calm, 1.0 if calm.all() else LEAST_ASKED, np.minimum(total, 1.0))
    return out, np.asarray(weight, np.float32)
