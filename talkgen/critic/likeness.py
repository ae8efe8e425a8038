"""How near a clip comes to a reference of the same speech: mouth, landmarks, head, pixels.

Pixel scores only say something where both show one person in one place (self-reenactment); they
are left out where the frames differ in size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from talkgen.critic.contracts import gaps
from talkgen.critic.lids import posed_landmarks
from talkgen.critic.mouth import correlation
from talkgen.critic.pictures import (
    crop,
    crop_box,
    landmark_distance,
    laplacian_energy,
    psnr,
    ssim,
)
from talkgen.critic.quality import flicker_crop
from talkgen.critic.report import score, scores_of
from talkgen.critic.watch import Look, Watched
from talkgen.face.head import HeadModel
from talkgen.face.points import LEFT_EYE, LIPS, RIGHT_EYE
from talkgen.types import Emotion, FloatArray, Report

PIXELS_EVERY = 2
"""Every n-th frame is compared by pixels."""
UPPER = tuple(sorted({*RIGHT_EYE, *LEFT_EYE, 9, 107, 69, 151, 299, 336, 108, 337}))
"""Points of eyes, brows and forehead; the irises (468 on) turn by themselves and are left out."""
MM = 10.0
"""Millimetres in a unit of the head model."""


class LikenessCritic:
    """Scores `against the reference`.

    head : the head model whose expressions are fitted to both; None leaves LVE and FDD out
    """

    fills = ("against the reference",)

    def __init__(self, head: HeadModel | None = None) -> None:
        self.head = head

    def reader(self) -> LikenessReader:
        """Return what compares the frames of one clip with the reference's."""
        return LikenessReader()

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return the scores; nothing without a reference."""
        if reference is None:
            return Report({})
        names = ("face_psnr", "mouth_psnr", "face_ssim", "mouth_ssim", "mouth_sharpness")
        scores = scores_of({name: video.reading(name) for name in names})
        count = min(len(video), len(reference))
        both = video.seen[:count] & reference.seen[:count]
        one, other = gaps(video)[:count], gaps(reference)[:count]
        if both.sum() >= 25:
            r, lag = correlation(np.nan_to_num(one), np.nan_to_num(other), both)
            scores["mouth_r"] = score("mouth_r", r, int(both.sum()))
            scores["mouth_lag"] = score("mouth_lag", lag, int(both.sum()))
        frames = np.flatnonzero(both)
        scores |= scores_of({
            "lmd": [landmark_distance(video.landmarks[t], reference.landmarks[t]) for t in frames],
            "m_lmd": [landmark_distance(video.landmarks[t], reference.landmarks[t], LIPS)
                      for t in frames],
        })  # fmt: skip
        own, real = video.reading("flicker"), video.reading("real_flicker")
        if len(own) and len(real):
            ratio = float(own.mean() / max(float(real.mean()), 1e-6))
            scores["flicker_ratio"] = score("flicker_ratio", ratio, len(own))
        if self.head is not None and len(frames) >= 3:
            scores |= head_scores(
                self.head, expressions(self.head, video.landmarks[frames]),
                expressions(self.head, reference.landmarks[frames]),
            )  # fmt: skip
        return Report(scores)


def expressions(head: HeadModel, landmarks: FloatArray) -> FloatArray:
    """(T, 478, 3) landmarks to the (T, 52) expression weights of the head fitted to the clip."""
    from talkgen.face.fit import fit_clip

    _, fits = fit_clip(head, landmarks)
    return np.stack([fit.weights for fit in fits])


def head_scores(head: HeadModel, made: FloatArray, real: FloatArray) -> dict[str, Any]:
    """(T, 52) weights of clip and reference to LVE and FDD, both drawn on the mean head."""
    one, other = (MM * posed_landmarks(head, weights) for weights in (made, real))
    lips = np.linalg.norm(one[:, list(LIPS)] - other[:, list(LIPS)], axis=-1).max(1)
    rest = MM * posed_landmarks(head, np.zeros((1, made.shape[1]), np.float32))
    upper = [i for i in UPPER if i < 468]
    spread = [
        np.linalg.norm(points[:, upper] - rest[:, upper], axis=-1).std(0) for points in (one, other)
    ]
    more = spread[0] - spread[1]
    return {
        "lve": score("lve", float((lips**2).mean()), len(made)),
        "lve_mm": score("lve_mm", float(lips.mean()), len(made)),
        "fdd": score("fdd", float(more.mean()), len(made)),
        "fdd_absolute": score("fdd_absolute", float(np.abs(more).mean()), len(made)),
    }


class LikenessReader:
    """Compares pixels of every second frame and keeps the reference's flicker."""

    every = 1
    bad: Mapping[str, int] = {"mouth_psnr": -1}

    def __init__(self) -> None:
        self._real: list[FloatArray] = []

    def look(self, look: Look) -> Mapping[str, Any]:
        """Return the readings of one pair of frames."""
        if look.real is None or look.real_face is None:
            self._real.clear()
            return {}
        out: dict[str, Any] = {}
        self._real.append(flicker_crop(Look(look.index, look.real, look.real_face)))
        if len(self._real) == 3:
            one, two, three = self._real
            out["real_flicker"] = float(np.abs(one - 2 * two + three).mean())
            del self._real[0]
        if look.index % PIXELS_EVERY or look.image.shape != look.real.shape:
            return out
        for region in ("face", "mouth"):
            box = crop_box(look.real_face.landmarks, region)
            made, real = crop(look.image, box), crop(look.real, box)
            out[f"{region}_psnr"] = psnr(made, real)
            out[f"{region}_ssim"] = ssim(made, real)
            if region == "mouth":
                energy = max(laplacian_energy(real), 1e-6)
                out["mouth_sharpness"] = laplacian_energy(made) / energy
        return out
