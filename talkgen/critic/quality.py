"""How good the pictures are without anything to compare them with: blur, blocks, seams, light,
flicker."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from talkgen.critic.flaws import blockiness, seam, seam_profile, teeth_sharpness
from talkgen.critic.report import score, scores_of
from talkgen.critic.watch import Look, Watched
from talkgen.face.alignment import aligned
from talkgen.face.quality import measure
from talkgen.types import Emotion, FloatArray, Report

FLICKER_SIDE = 128
"""Pixels of the aligned crop in which flicker is measured."""
STILLS = 3
"""Every n-th frame is looked at for what does not change quickly."""


class QualityCritic:
    """Scores `picture` and flicker of a clip that was watched with its `reader()`."""

    fills = ("picture", "steadiness")

    def reader(self) -> QualityReader:
        """Return what looks at the frames of one clip."""
        return QualityReader()

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return means over the frames that were looked at."""
        names = ("flicker", "detail", "blockiness", "teeth_sharpness", "burnt", "black")
        scores = scores_of({name: video.reading(name) for name in names})
        profiles = video.reading("seam_profile")
        if len(profiles):
            scores["seam"] = score("seam", seam(profiles), len(profiles))
        return Report(scores)


class QualityReader:
    """Reads flicker of every frame and the rest of every third; None of it where no face is."""

    every = 1
    bad: Mapping[str, int] = {"flicker": 1, "detail": -1, "teeth_sharpness": -1}

    def __init__(self) -> None:
        self._last: deque[FloatArray] = deque(maxlen=3)

    def look(self, look: Look) -> Mapping[str, Any]:
        """Return the readings of one frame."""
        if look.face is None:
            self._last.clear()
            return {}
        out: dict[str, Any] = {}
        self._last.append(flicker_crop(look))
        if len(self._last) == 3:
            one, two, three = self._last
            out["flicker"] = float(np.abs(one - 2 * two + three).mean())
        if look.index % STILLS:
            return out
        found = measure(look.image, look.face)
        names = (("detail", "detail"), ("burnt", "bright"), ("black", "dark"))
        out |= {name: found[own] for name, own in names if own in found}
        teeth, blocks = (of(look.image, look.face) for of in (teeth_sharpness, blockiness))
        out |= {n: v for n, v in (("teeth_sharpness", teeth), ("blockiness", blocks))
                if v is not None}  # fmt: skip
        out["seam_profile"] = seam_profile(look.image, look.face)
        return out


def flicker_crop(look: Look) -> FloatArray:
    """Return the aligned face of a frame as float32 grey (128, 128), slightly blurred.

    The blur keeps what a landmark's wobble of a fraction of a pixel would add out of the score.
    """
    assert look.face is not None
    grey = cv2.cvtColor(aligned(look.image, look.face, FLICKER_SIDE), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.5))
