"""Action units of the fitted head over time, and how they agree with those that were asked for.

Geometry, not recognition: landmarks do not show every unit (cheek raiser, nose wrinkler) and an
open mouth is speech. A critic of pictures will stand beside it.
"""

from __future__ import annotations

import numpy as np

from talkgen.critic.report import score
from talkgen.critic.watch import Watched
from talkgen.face.fit import fit_clip, fit_face
from talkgen.face.head import HeadModel
from talkgen.motion.facs import ACTION_UNITS, action_units_of, units_of
from talkgen.types import Emotion, FloatArray, Report

SPOKEN = frozenset((
    "AU16", "AU18", "AU19", "AU22", "AU25", "AU26", "AU27", "AU28", "AU29", "AU30", "AU34",
))  # fmt: skip
"""Units that speech moves."""
GAZE = frozenset(("AU43", "AU61", "AU62", "AU63", "AU64"))
FELT_UNITS = tuple(unit for unit in ACTION_UNITS if unit not in SPOKEN | GAZE)
"""Units that are judged against an emotion."""
FIT_EVERY = 2
"""Every n-th seen frame is fitted."""
LEAST_ASKED = 0.05
"""Frames in which less than that is asked for (length of the units' vector) are not judged."""


class UnitsCritic:
    """Scores `emotion` by the head fitted to landmarks, where a target is given.

    source : (478, 3) landmarks of the picture that the clip was made of, if it is known: how the
        head is built then comes from it. Its expression is not taken off: who smiles in the picture
        and in the clip is seen to smile
    """

    fills = ("emotion",)

    def __init__(self, head: HeadModel, source: FloatArray | None = None) -> None:
        self.head = head
        self.source = source

    def units(self, video: Watched) -> dict[str, FloatArray]:
        """Action units by name to (T,) intensity in [0, 1]; NaN where no face was seen.

        Every second seen frame is fitted, the ones between lie between.
        """
        out = {unit: np.full(len(video), np.nan, np.float32) for unit in ACTION_UNITS}
        frames = np.flatnonzero(video.seen)
        if not len(frames):
            return out
        identity = None
        if self.source is not None:
            identity = fit_face(self.head, self.source).identity
        looked = frames[::FIT_EVERY]
        _, fits = fit_clip(self.head, video.landmarks[looked], identity=identity)
        rows = [action_units_of(fit.weights) for fit in fits]
        for unit, values in out.items():
            values[frames] = np.interp(frames, looked, [row[unit] for row in rows])
        return out

    def score(
        self,
        video: Watched,
        *,
        reference: Watched | None = None,
        target: Emotion | None = None,
        units: dict[str, FloatArray] | None = None,
    ) -> Report:
        """Return the agreement; nothing without a target.

        units : what `units` gave, if it was read already
        """
        if target is None or not video.seen.any():
            return Report({})
        found = units if units is not None else self.units(video)
        shown = np.stack([found[unit] for unit in FELT_UNITS], 1)
        wanted = asked_units(target, len(video), video.fps)
        length = np.linalg.norm(wanted, axis=1)
        judged = (length > LEAST_ASKED) & np.isfinite(shown).all(1)
        if not judged.any():
            return Report({})
        sizes = length[judged] * np.maximum(np.linalg.norm(shown[judged], axis=1), 1e-3)
        cosines = (shown[judged] * wanted[judged]).sum(1) / sizes
        return Report(
            {"asked_units": score("asked_units", float(cosines.mean()), int(judged.sum()))}
        )


def asked_units(target: Emotion, frames: int, fps: float) -> FloatArray:
    """(frames, U) intensities of `FELT_UNITS` that an emotion asks for; one-sided units count
    half."""
    times = np.arange(frames) / fps
    out = np.zeros((frames, len(FELT_UNITS)), np.float32)
    for name, values in units_of(target).items():
        unit = name.rstrip("LR")
        if unit in FELT_UNITS:
            share = 1.0 if name == unit else 0.5
            track = np.interp(times, target.sample_times, values)
            out[:, FELT_UNITS.index(unit)] += share * track
    return np.clip(out, 0.0, 1.0)
