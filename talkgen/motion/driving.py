"""Another person's track onto a portrait, whole or in part, so that the portrait stays itself.

Where the portrait is a frame of the tracked clip, the clip comes back as it was (`retarget`).
Otherwise the driver's resting face is found (shut lips, open eyes) and what moves from there is
laid over the portrait's own rest. Three things are carried over as they look, not as weights, since
two heads need different weights for them: the gap between the lips, how far the lids are shut, and
where the eyes look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from talkgen.errors import InputError
from talkgen.face.gaze import CORNERS, LOWER, UPPER
from talkgen.motion.blend import blended
from talkgen.motion.gaze import EYE_TURN
from talkgen.motion.rest import LID_CHANNELS, RESTING_GAP, lip_gaps
from talkgen.motion.retarget import SHORT_TRACK, Pose, Retargeter
from talkgen.types import MOTION_CHANNELS, FloatArray, Motion

REGIONS = ("pose", "expression", "mouth", "eyes", "all")
"""pose: turn and place of the head; mouth: lips, jaw, puffed cheeks, tongue; eyes: lids and gaze;
expression: the whole face but the gaze; all: everything."""

REST_SHARE = 0.15
"""Share of a track's frames, those with the most shut lips, that show the driver at rest."""
REST_GAP = 0.03
"""Most of the driver's smallest lip gap, inter-ocular distances, that is taken for shut lips."""
OPEN_SHARE = 80.0
"""Percentile of the lids' opening that counts as open eyes."""
LID_SHUT = (0.15, 0.85)
"""Loss of opening from which on a lid counts as closing, and as shut."""
WINK = (0.55, 0.85)
"""Difference of the two lids from which on it is taken for more than noise, and for a wink."""
MOST_LOOK = 0.85  # weight of a gaze channel

_MOUTH = np.array([n.startswith(("jaw", "mouth", "cheekPuff", "tongue")) for n in MOTION_CHANNELS])
_LOOK = np.array([n.startswith("eyeLook") for n in MOTION_CHANNELS])
_EYES = np.array([n.startswith("eye") for n in MOTION_CHANNELS])
_PARTS = {"mouth": _MOUTH, "eyes": _EYES, "expression": ~_LOOK, "all": np.ones(52, bool)}
_OPENERS = {"jawOpen": 1.0, "mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4,
            "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3}  # fmt: skip
"""What parts the lips, and how readily it is turned to bring about a gap."""


def check_regions(regions: Collection[str]) -> frozenset[str]:
    """Return the regions after checking that all are known and that there is one."""
    if isinstance(regions, str):
        regions = [regions]
    wrong = [name for name in regions if name not in REGIONS]
    if wrong or not regions:
        given = repr(wrong[0]) if wrong else "empty"
        raise InputError(f"`region` is {given}, choose of {', '.join(REGIONS)}")
    return frozenset(regions)


class DrivingRetargeter(Retargeter):
    """Turns the track of a driving clip into poses of a portrait.

    base : the portrait's own retargeter
    regions : what is driven, of `REGIONS`; the rest stays as photographed
    absolute : the driver's own turn, expression and gaze instead of what changes from the
        driver's rest; the head's place in the picture is relative all the same
    """

    def __init__(
        self, base: Retargeter, regions: Collection[str] = ("all",), *, absolute: bool = False
    ) -> None:
        super().__init__(base.head, base.fit, base.frame_size, base.landmarks)
        names = check_regions(regions)
        self.absolute = absolute
        self.posed = bool(names & {"pose", "all"})
        self.driven: NDArray[np.bool_] = np.any(
            [np.zeros(len(MOTION_CHANNELS), bool), *(_PARTS[n] for n in names - {"pose"})], axis=0
        )
        gaps, slopes = lip_gaps(self.head, self.head.neutral(self.fit.identity))
        self._gap, self._slope = float(gaps[0]), slopes[0]

    def poses(self, motion: Motion) -> Iterator[Pose]:
        """Yield one pose a frame of a whole "camera" track with `landmarks`."""
        if motion.space != "camera" or "landmarks" not in motion.extra:
            raise InputError("a portrait is driven by a tracked clip; give the motion of `track`")
        own = self.matching_frame(motion) is not None
        weights = None if own else self.weights(motion)
        fixed = np.asarray(self.fit.weights, np.float32)
        still = Rotation.identity()
        for index, pose in enumerate(self._camera_poses(motion)):
            moved = pose.weights if weights is None else weights[index]
            face = np.where(self.driven, moved, fixed)
            if not self.posed:
                yield self._pose(face, still, np.zeros(3, np.float32))
            elif self.absolute and not own:
                yield Pose(face, motion.rotation[index], pose.scale, pose.translation)
            else:
                yield Pose(face, pose.rotation, pose.scale, pose.translation)

    def weights(self, motion: Motion) -> FloatArray:
        """Return the portrait's weights (T, 52) in [0, 1] under another person's whole track."""
        given = motion.blendshapes
        gaps, open_lids = lip_opening(motion), lid_opening(motion)
        known = len(motion) >= SHORT_TRACK  # shorter ones have no statistics of rest
        rest = np.zeros(len(MOTION_CHANNELS), np.float32)
        if known and not self.absolute:
            few = np.argsort(gaps, kind="stable")[: max(1, round(REST_SHARE * len(gaps)))]
            rest = np.where(_MOUTH, np.median(given[few], axis=0), np.percentile(given, 20, axis=0))
        if self.absolute:
            out = np.array(given)
        else:
            share = np.minimum(given / np.maximum(rest, 1e-3), 1.0)  # a driver's rest let go
            share = np.where(rest > 0.02, share, 1.0)
            more = np.maximum(given - rest, 0.0)
            out = np.stack([blended(self.rest * s, m) for s, m in zip(share, more, strict=True)])
        out[:, _LOOK] = self._look(motion)[:, _LOOK]
        if known:
            out[:, LID_CHANNELS] = self._lids(open_lids)
            floor = 0.0 if self.absolute else min(REST_GAP, float(np.percentile(gaps, 5)))
            out = self._parted(out, np.maximum(gaps - floor, 0.0) + RESTING_GAP)
        return np.asarray(np.clip(out, 0.0, 1.0), np.float32)

    def _parted(self, weights: FloatArray, gaps: FloatArray) -> FloatArray:
        """Return weights (T, 52) under which the lips are apart by `gaps` (T,), as far as what
        opens a mouth can bring that about."""
        out = np.array(weights)
        reach = np.zeros(len(MOTION_CHANNELS), np.float32)
        for name, ease in _OPENERS.items():
            reach[MOTION_CHANNELS.index(name)] = ease
        for _ in range(3):  # what has come to an end of its range leaves the rest to the others
            lack = gaps - (self._gap + out @ self._slope)
            room = np.where(lack[:, None] > 0, 1.0 - out, out)
            step = reach * np.sign(self._slope) * (room > 1e-4)
            gain = step @ self._slope
            by = lack / np.maximum(gain, 1e-3) * (gain > 1e-3)
            out = np.clip(out + by[:, None] * step, 0.0, 1.0)
        return np.asarray(out, np.float32)

    def _lids(self, opening: FloatArray) -> FloatArray:
        """Return weights (T, 2) that shut the portrait's lids as far as the driver's are shut."""
        awake = np.maximum(np.percentile(opening, OPEN_SHARE, axis=0), 1e-3)
        low, high = LID_SHUT
        shut = np.clip((1.0 - opening / awake - low) / (high - low), 0.0, 1.0)
        # Eyes shut together; what one of them does alone counts where it is more than noise.
        mean = shut.mean(axis=1, keepdims=True)
        wink = np.clip((np.abs(np.diff(shut, axis=1)) - WINK[0]) / (WINK[1] - WINK[0]), 0.0, 1.0)
        shut = mean + wink * (shut - mean)
        own = self.rest[list(LID_CHANNELS)]
        return np.asarray(own + (1.0 - own) * shut, np.float32)

    def _look(self, motion: Motion) -> FloatArray:
        """Return gaze channels (T, 52): the driver's turns of the eyes, from the portrait's own.

        Where the head is not driven, the driver's turns of the head are the eyes' to follow.
        """
        turns = _turns(motion.blendshapes)
        if not self.absolute:
            own = _turns(np.asarray(self.rest)[None])
            turns = own + turns - np.median(turns, axis=0)
        if not self.posed:
            head = motion.rotation[:, [1, 0]] - np.median(motion.rotation[:, [1, 0]], axis=0)
            turns = turns + head[:, None] / EYE_TURN
        return _channels(np.clip(turns, -MOST_LOOK, MOST_LOOK))


def lip_opening(motion: Motion) -> FloatArray:
    """Return the gap between the lips (T,) of a track, in inter-ocular distances."""
    points = np.asarray(motion.extra["landmarks"], np.float32)[:, :, :2]
    apart = np.linalg.norm(points[:, 33] - points[:, 263], axis=1)
    gap = np.linalg.norm(points[:, 13] - points[:, 14], axis=1)
    return np.asarray(gap / np.maximum(apart, 1e-6), np.float32)


def lid_opening(motion: Motion) -> FloatArray:
    """Return how far the lids are open (T, 2) over the eyes' widths: left, right."""
    points = np.asarray(motion.extra["landmarks"], np.float32)
    found = []
    for eye in (1, 0):  # the points name the right eye first
        high = points[:, list(UPPER[eye])] - points[:, list(LOWER[eye])]  # in depth too: a head
        wide = points[:, CORNERS[eye][0]] - points[:, CORNERS[eye][1]]  # thrown back narrows eyes
        width = np.maximum(np.linalg.norm(wide, axis=-1), 1e-6)
        found.append(np.linalg.norm(high, axis=-1).mean(axis=1) / width)
    return np.stack(found, axis=1).astype(np.float32)


def _turns(weights: FloatArray) -> FloatArray:
    """Return signed turns (T, 2 eyes: left, right; 2: to the picture's left, down) of (T, 52)."""

    def of(name: str) -> FloatArray:
        return np.asarray(weights[:, MOTION_CHANNELS.index(name)])

    eyes = []
    for side, towards, away in (("Left", "In", "Out"), ("Right", "Out", "In")):
        across = of(f"eyeLook{towards}{side}") - of(f"eyeLook{away}{side}")
        eyes.append(np.stack([across, of(f"eyeLookDown{side}") - of(f"eyeLookUp{side}")], axis=1))
    return np.stack(eyes, axis=1)


def _channels(turns: FloatArray) -> FloatArray:
    """Return the channels (T, 52) of signed turns (T, 2, 2): the reverse of `_turns`."""
    out = np.zeros((len(turns), len(MOTION_CHANNELS)), np.float32)
    for eye, (side, towards, away) in enumerate((("Left", "In", "Out"), ("Right", "Out", "In"))):
        for axis, (plus, minus) in enumerate(((towards, away), ("Down", "Up"))):
            value = turns[:, eye, axis]
            out[:, MOTION_CHANNELS.index(f"eyeLook{plus}{side}")] = np.maximum(value, 0.0)
            out[:, MOTION_CHANNELS.index(f"eyeLook{minus}{side}")] = np.maximum(-value, 0.0)
    return out
