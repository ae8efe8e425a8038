"""All critics as one: what a clip is worth, what could not be said, and what it rests on.

A critic has `score(video, reference=, target=) -> Report` (`talkgen.protocols.Critic`), names the
groups that it `fills`, and, where it needs pixels, gives a `reader()` (`talkgen.critic.watch`);
one of sync gives its `curve(video)` too.
Others join by being passed in; what none of them fills is said to be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkgen.critic.feeling import Feeling, feeling_of, feeling_to_dict, plain
from talkgen.critic.mouth import lag_curve
from talkgen.critic.report import SILENT, SLOTS, group_of, merged, to_dict
from talkgen.critic.units import UnitsCritic
from talkgen.critic.watch import Reader, Watched
from talkgen.types import Emotion, FloatArray, Report

LAG_REACH = 15
"""Frames to either side in the curve of offsets."""


class ClipCritic:
    """Several critics as one `Critic`."""

    def __init__(self, critics: Sequence[Any]) -> None:
        self.critics = tuple(critics)

    def readers(self) -> list[Reader]:
        """Return fresh readers for one clip."""
        return [critic.reader() for critic in self.critics if hasattr(critic, "reader")]

    def absent(self, report: Report | None = None) -> dict[str, str]:
        """Return the groups that no critic fills, or of which the report says nothing, and why."""
        filled = {group for critic in self.critics for group in getattr(critic, "fills", ())}
        out = {group: why for group, why in SLOTS.items() if group not in filled}
        if report is not None:
            said = {group_of(name) for name in report.scores}
            out |= {group: SILENT[group] for group in SLOTS if group in filled - said}
        return out

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return the scores of every critic in one report."""
        return self.judged(video, reference=reference, target=target).report

    def judged(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Judged:
        """Return the report with what it rests on."""
        reports, units = [], {}
        for critic in self.critics:
            if isinstance(critic, UnitsCritic):
                units = critic.units(video)
                reports.append(critic.score(video, reference=reference, target=target, units=units))
                continue
            reports.append(critic.score(video, reference=reference, target=target))
        curves = [c.curve(video) for c in self.critics if hasattr(c, "curve")]
        report = merged(reports)
        return Judged(
            report, self.absent(report), video, reference, target, units, feeling_of(video),
            next((curve for curve in curves if curve is not None), None),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Judged:
    """A clip's report and what it rests on.

    absent : groups that nobody judged, and why; video, reference : what was seen
    target : the emotion that was asked for; units : action units (T,) of the fitted head
    feeling : what the expression critic saw over time
    distances : (31,) of mouth and sound for lags from -15 to 15 frames, by the sync critic
    """

    report: Report
    absent: Mapping[str, str]
    video: Watched
    reference: Watched | None = None
    target: Emotion | None = None
    units: Mapping[str, FloatArray] = field(default_factory=dict)
    feeling: Feeling | None = None
    distances: FloatArray | None = None

    def tracks(self) -> dict[str, FloatArray]:
        """Return what was read frame by frame, (T,) each, NaN where unknown."""
        from talkgen.critic.contracts import gaps
        from talkgen.critic.lids import lid_openness

        out: dict[str, FloatArray] = {"lip_gap": gaps(self.video)}
        if self.reference is not None:
            out["reference_lip_gap"] = gaps(self.reference)
        if self.video.sound is not None:
            out["energy"] = self.video.sound.energy
            out["silence"] = self.video.sound.silence.astype(np.float32)
        seen = self.video.seen
        if seen.any():
            lids = np.full(len(seen), np.nan, np.float32)
            lids[seen] = lid_openness(self.video.landmarks[seen])
            out["lid_openness"] = lids
        out |= {n: v for n, v in self.video.readings.items() if v.ndim == 1}
        return out

    def offsets(self) -> dict[str, FloatArray]:
        """Return (31,) correlations of the lip gap with others for lags from -15 to 15 frames."""
        tracks = self.tracks()
        return {
            name: np.asarray(lag_curve(tracks["lip_gap"], tracks[name], LAG_REACH), np.float32)
            for name in ("energy", "reference_lip_gap")
            if name in tracks
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything but pictures as plain values; unknown numbers are None."""
        video = self.video
        return {
            **to_dict(self.report),
            "absent": dict(self.absent),
            "fps": video.fps, "frames": len(video), "size": list(video.size),
            "tracks": {name: plain(values) for name, values in self.tracks().items()},
            "action_units": {name: plain(values) for name, values in self.units.items()},
            "expression": None if self.feeling is None else feeling_to_dict(self.feeling),
            "offsets": {
                "lags": list(range(-LAG_REACH, LAG_REACH + 1)),
                **{name: plain(values) for name, values in self.offsets().items()},
                "sync_distance": None if self.distances is None else plain(self.distances),
            },
            "worst": [
                {"reading": m.reading, "frame": m.index, "seconds": round(m.index / video.fps, 3),
                 "value": round(m.value, 4)}
                for m in video.moments
            ],
        }  # fmt: skip
