"""Whether a picture's face is fit to be animated: usable, doubtful or unusable, and why in words.

`unusable` is narrow: too little is left of the face to animate at all. Paintings, old photographs
and three-quarter views pass, at most as doubtful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from talkgen.face.points import LEFT_LIDS, LIPS, RIGHT_LIDS
from talkgen.types import Face, FloatArray, ImageArray

Verdict = Literal["usable", "doubtful", "unusable"]
VERDICTS: tuple[Verdict, ...] = ("usable", "doubtful", "unusable")

SIDE = 256
"""Pixels at which sharpness is measured; larger faces are shrunk to this."""
OWN_BLUR, MEASURING_BLUR, PIXEL_BLUR = 0.005, 0.95, 0.45
"""Blur (standard deviation) of a sharp face's edges: of the skin itself, share of the face's size;
of the measurement, pixels; and that a picture of few pixels gets by enlargement, in such pixels.
Calibrated on the London and Canadian pictures shrunk, enlarged and blurred."""

LIMITS: Mapping[str, tuple[float, float]] = {
    "size": (64.0, 20.0),
    "detail": (44.0, 14.0),
    "yaw_deg": (40.0, 62.0),
    "pitch_deg": (32.0, 50.0),
    "bright": (0.25, 0.7),
    "dark": (0.4, 0.85),
    "contrast": (7.0, 2.5),
    "one_sided": (3.5, float("inf")),
    "score": (0.55, 0.0),
    "eyes_seen": (0.45, 0.0),
    "mouth_seen": (0.45, 0.12),
    "outside": (0.01, 0.25),
    "mouth_open": (0.22, float("inf")),
    "eyes_open": (0.09, 0.0),
}
"""Measures, and where each becomes doubtful and where unusable; see `Quality`."""
_LOW_IS_BAD = frozenset(
    ("size", "detail", "contrast", "score", "eyes_seen", "mouth_seen", "eyes_open")
)
SKIN = (
    (50, 205, 36, 100, 118, 117), (280, 425, 266, 329, 347, 346), (9, 107, 69, 151, 299, 336),
)  # fmt: skip
"""Rings of bare skin: the right cheek, the left cheek, the forehead."""


@dataclass(frozen=True)
class Quality:
    """How fit a face is to be animated.

    verdict : the worst of all measures
    reasons : what is wrong with which value and what to do, in plain words; empty when usable
    measures : by name; those that cannot be known are absent:
        size : longer side of the landmarks' box, pixels
        detail : size of a sharp face that shows as much, pixels, at most 256 (blur and enlargement
            lower it)
        yaw_deg, pitch_deg : how far the head is turned and nods, degrees, unsigned
        bright, dark : share of the face's pixels that are burnt out, and black
        contrast : standard deviation of the face's grey values, of 255
        one_sided : light of the brighter cheek over that of the darker
        score : the reader's score of the whole face, in [0, 1]
        eyes_seen, mouth_seen : mean confidence of these points, where the backend knows
        outside : share of the landmarks beyond the picture's edge
        mouth_open : gap of the lips in distances of the outer eye corners
        eyes_open : gap of the lids of the wider eye over its width
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """One line to warn or to fail with; empty when the face is usable."""
        if self.verdict == "usable":
            return ""
        return f"the portrait's face is {self.verdict}: {'; '.join(self.reasons)}"


SOURCE_ONLY = ("mouth_open", "eyes_open")
"""Measures that say nothing against a face which is only read, not animated."""


def assess(image: ImageArray, face: Face, *, source: bool = True) -> Quality:
    """Return how fit the face of an (H, W, 3) uint8 RGB picture is.

    source : to be animated; False: to be read, where an open mouth and shut eyes are no fault
    """
    measures = measure(image, face)
    if not source:
        measures = {name: v for name, v in measures.items() if name not in SOURCE_ONLY}
    found = sorted(faults(measures).items(), key=lambda f: -f[1])  # the worst first
    # A small face is no blurred one as well: the same words are said once.
    told = dict.fromkeys(_words(name, measures[name], measures) for name, _ in found)
    worst = max((level for _, level in found), default=0)
    return Quality(VERDICTS[worst], tuple(told), measures)


def faults(measures: Mapping[str, float]) -> dict[str, int]:
    """Return the measures that are at fault: 1 where doubtful, 2 where unusable."""
    levels = {name: _level(name, value) for name, value in measures.items()}
    return {name: level for name, level in levels.items() if level}


def _level(name: str, value: float) -> int:
    """Return 0, 1 or 2: usable, doubtful, unusable."""
    doubtful, unusable = LIMITS[name]
    if name in _LOW_IS_BAD:
        return int(value < doubtful) + int(value < unusable)
    return int(value > doubtful) + int(value > unusable)


def measure(image: ImageArray, face: Face) -> dict[str, float]:
    """Return the measures that `Quality` names."""
    points = face.landmarks[:, :2].astype(np.float64)
    out = {"size": face.size}
    crop = _own_pixels(image, face)
    if min(crop.shape[:2]) >= 8:
        out["detail"] = detail(crop, min(face.size, SIDE))
        out |= _light(image, points)
    yaw, pitch = np.degrees(face.rotation[1]), np.degrees(face.rotation[0])
    out |= {"yaw_deg": abs(float(yaw)), "pitch_deg": abs(float(pitch)), "score": face.score}
    if face.confidence is not None:
        out["eyes_seen"] = float(face.confidence[list(RIGHT_LIDS + LEFT_LIDS)].mean())
        out["mouth_seen"] = float(face.confidence[list(LIPS)].mean())
    height, width = image.shape[:2]
    beyond = (points < 0).any(1) | (points > np.array([width - 1, height - 1])).any(1)
    out["outside"] = float(beyond[:468].mean())
    eyes = max(face.interocular, 1e-6)
    out["mouth_open"] = float(np.linalg.norm(points[13] - points[14])) / eyes
    if abs(yaw) < 50:
        out["eyes_open"] = max(
            _gap(points, ((159, 145), (158, 153), (160, 144))) / _gap(points, ((33, 133),)),
            _gap(points, ((386, 374), (385, 380), (387, 373))) / _gap(points, ((263, 362),)),
        )
    return out


def _gap(points: FloatArray, pairs: tuple[tuple[int, int], ...]) -> float:
    one, other = np.array(pairs).T
    return float(np.maximum(np.linalg.norm(points[one] - points[other], axis=1), 1e-6).mean())


def _own_pixels(image: ImageArray, face: Face) -> FloatArray:
    """Return the grey pixels (h, w) of the face's box as they are; shrunk where above `SIDE`."""
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(face.box[:2]).astype(int), 0, (width, height))
    x1, y1 = np.clip(np.ceil(face.box[2:]).astype(int) + 1, 0, (width, height))
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    if min(part.shape[:2]) < 1:
        return np.zeros((0, 0), np.float32)
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = SIDE / max(face.size, 1e-6)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return grey


def detail(grey: FloatArray, size: float) -> float:
    """Return the size of a sharp face that would show as much as this one, at most `size` pixels.

    grey : the pixels of its box, in which it is `size` pixels high
    """
    extra = blur_sigma(grey) ** 2 - MEASURING_BLUR**2 - (OWN_BLUR * size) ** 2
    return float(min(size, size * PIXEL_BLUR / np.sqrt(max(extra, 1e-4))))


def blur_sigma(grey: FloatArray) -> float:
    """Return the blur of the strongest edges of (h, w) grey values: pixels, standard deviation.

    Blurred again by a known amount, a sharp edge loses much of its steepness and a soft one little
    (Zhuo and Sim 2011). Independent of contrast and brightness.
    """
    again = 1.0
    once = cv2.GaussianBlur(grey, (0, 0), 0.4)  # single noisy pixels are no edges
    steep, softer = _steepness(once), _steepness(cv2.GaussianBlur(once, (0, 0), again))
    edges = softer >= np.quantile(softer, 0.92)
    ratio = float(np.median(steep[edges] / np.maximum(softer[edges], 1e-3)))
    return float(np.clip(again / np.sqrt(max(ratio**2 - 1, 1e-4)), 0.1, 50.0))


def _steepness(grey: FloatArray) -> FloatArray:
    dx = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(np.hypot(dx, dy)[1:-1, 1:-1])


def _light(image: ImageArray, points: FloatArray) -> dict[str, float]:
    """Return bright, dark, contrast and one_sided of the face's hull and cheeks."""
    height, width = image.shape[:2]
    low = np.floor(points.min(0)).astype(int)
    high = np.ceil(points.max(0)).astype(int) + 1
    x0, y0 = np.clip(low, 0, (width - 1, height - 1))
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height))
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    local = points - (x0, y0)

    def inside(rings: tuple[tuple[int, ...], ...]) -> FloatArray:
        mask = np.zeros(grey.shape, np.uint8)
        for ring in rings:
            cv2.fillConvexPoly(mask, cv2.convexHull(local[list(ring)].astype(np.int32)), 1)
        return grey[mask > 0]

    whole, skin = inside((tuple(range(468)),)), inside(SKIN)
    if len(whole) < 16 or len(skin) < 4:
        return {}
    both = [inside(SKIN[:1]), inside(SKIN[1:2])]
    cheeks = [max(float(np.median(v)), 4.0) for v in both if len(v)]
    return {
        "bright": float((skin >= 250).mean()),
        "dark": float((whole <= 12).mean()),
        "contrast": float(whole.std()),
        "one_sided": max(cheeks) / min(cheeks) if len(cheeks) == 2 else 1.0,
    }


def _words(name: str, value: float, measures: Mapping[str, float]) -> str:
    """Return one measure's fault with its value and the remedy."""
    limit = LIMITS[name][0]
    small = measures["size"] < LIMITS["size"][0]
    size = f"it is {measures['size']:.0f} px high, {LIMITS['size'][0]:.0f} px and more is good"
    words = {
        "size": f"{size}; take a larger picture",
        "detail": f"{size}; take a larger picture" if small else
        f"it is blurred, as sharp as one of {value:.0f} px ({limit:.0f} px is good); "
        "take a sharper picture",
        "yaw_deg": f"it is turned by {value:.0f} degrees, up to {limit:.0f} is good; "
        "take a picture more from the front",
        "pitch_deg": f"it nods by {value:.0f} degrees, up to {limit:.0f} is good; "
        "take a picture at eye level",
        "bright": f"{value:.0%} of its skin is burnt out, up to {limit:.0%} is good; "
        "take a darker picture",
        "dark": f"{value:.0%} of it is black, up to {limit:.0%} is good; take a brighter picture",
        "contrast": f"its contrast is {value:.1f} of 255, {limit:.0f} and more is good; "
        "take a clearer picture",
        "one_sided": f"one cheek is {value:.1f} times as bright as the other, up to {limit:.1f} "
        "is good; take a picture in even light",
        "score": f"the reader is sure of it by {value:.2f} only, {limit:.2f} and more is good; "
        "take a picture with nothing before the face",
        "eyes_seen": f"the eyes are covered or out of sight (confidence {value:.2f}, {limit:.2f} "
        "and more is good); take a picture that shows them",
        "mouth_seen": f"the mouth is covered or out of sight (confidence {value:.2f}, {limit:.2f} "
        "and more is good); take a picture that shows it",
        "outside": f"the picture's edge cuts off {value:.0%} of it; take a picture that shows all",
        "mouth_open": f"the mouth is open by {value:.2f} of the eye distance, up to {limit:.2f} is "
        "good; take a picture with the mouth shut",
        "eyes_open": f"the eyes are shut (open by {value:.2f} of their width, {limit:.2f} and more "
        "is good); take a picture with open eyes",
    }
    return words[name]


