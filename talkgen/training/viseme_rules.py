"""Phones to motion by a written rule: a target for each phone class, joined by dominance curves.

Every phone pulls towards its target with a strength that falls with the distance from its middle
(Cohen and Massaro 1993); what a phone does not care about it leaves to its neighbours (an s takes
its lip rounding from the vowels around it). Openings follow what tracked people do: s, t and k are
nearly as open as the vowels beside them, the rounded vowels far less than a table of drawn visemes
has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.phones import PHONES
from talkgen.motion.controls import CONTROLS

FULL_GAP = 0.17
"""Lip gap of an open vowel over the inter-ocular distance."""

# gap (share of FULL_GAP), jawOpen, then further controls; `strength` per phone for gap and for
# shape
_TABLE: dict[str, tuple[float, float, float, float, dict[str, float]]] = {
    # phone: gap, jaw, gap strength, shape strength, shape
    "sil": (0.0, 0.0, 1.2, 0.7, {}),
    "p": (0.0, 0.05, 6.0, 0.5, {"mouthRollLower": 0.25, "mouthRollUpper": 0.2, "mouthPress": 0.3}),
    "m": (0.0, 0.05, 6.0, 0.5, {"mouthRollLower": 0.25, "mouthRollUpper": 0.2, "mouthPress": 0.25}),
    "f": (0.16, 0.08, 2.5, 1.5, {"mouthRollLower": 0.45, "mouthUpperUp": 0.3}),
    "th": (0.45, 0.2, 1.0, 0.6, {"mouthLowerDown": 0.25, "mouthUpperUp": 0.15}),
    "t": (0.55, 0.2, 0.7, 0.35, {"mouthLowerDown": 0.25, "mouthUpperUp": 0.15}),
    "n": (0.55, 0.2, 0.7, 0.35, {"mouthLowerDown": 0.2, "mouthUpperUp": 0.1}),
    "s": (0.55, 0.12, 1.0, 0.5, {"mouthStretch": 0.2, "mouthLowerDown": 0.35,
                                 "mouthUpperUp": 0.2}),
    "sh": (0.5, 0.15, 1.0, 1.2, {"mouthFunnel": 0.6, "mouthPucker": 0.15, "mouthUpperUp": 0.15,
                                 "mouthLowerDown": 0.2}),
    "k": (0.6, 0.3, 0.4, 0.2, {"mouthLowerDown": 0.15}),
    "ng": (0.55, 0.25, 0.5, 0.2, {"mouthLowerDown": 0.15}),
    "l": (0.65, 0.32, 0.6, 0.3, {"mouthLowerDown": 0.2, "mouthUpperUp": 0.1}),
    "r": (0.45, 0.2, 0.8, 0.8, {"mouthFunnel": 0.35, "mouthPucker": 0.15}),
    "w": (0.2, 0.1, 1.8, 1.6, {"mouthPucker": 0.75, "mouthFunnel": 0.3}),
    "j": (0.5, 0.18, 0.8, 0.8, {"mouthStretch": 0.3, "mouthSmile": 0.2}),
    "h": (0.65, 0.3, 0.2, 0.1, {}),
    "a": (1.0, 0.75, 1.2, 0.8, {"mouthLowerDown": 0.25, "mouthUpperUp": 0.15}),
    "ae": (0.95, 0.65, 1.2, 0.8, {"mouthStretch": 0.25, "mouthLowerDown": 0.3,
                                  "mouthUpperUp": 0.2}),
    "ah": (0.8, 0.5, 1.0, 0.7, {"mouthLowerDown": 0.2, "mouthUpperUp": 0.1}),
    "ao": (0.55, 0.5, 1.0, 1.1, {"mouthFunnel": 0.45, "mouthPucker": 0.15}),
    "o": (0.45, 0.35, 1.1, 1.3, {"mouthFunnel": 0.4, "mouthPucker": 0.45}),
    "u": (0.3, 0.15, 1.3, 1.5, {"mouthPucker": 0.75, "mouthFunnel": 0.3}),
    "uh": (0.42, 0.25, 1.0, 1.0, {"mouthFunnel": 0.3, "mouthPucker": 0.3}),
    "eh": (0.8, 0.45, 1.0, 0.8, {"mouthStretch": 0.22, "mouthSmile": 0.1, "mouthLowerDown": 0.25}),
    "e": (0.68, 0.32, 1.0, 0.9, {"mouthStretch": 0.28, "mouthSmile": 0.18, "mouthLowerDown": 0.2}),
    "ih": (0.68, 0.3, 0.9, 0.7, {"mouthStretch": 0.2, "mouthSmile": 0.12, "mouthLowerDown": 0.2}),
    "iy": (0.52, 0.18, 1.0, 1.0, {"mouthStretch": 0.38, "mouthSmile": 0.3, "mouthLowerDown": 0.2}),
    "ax": (0.6, 0.3, 0.6, 0.4, {"mouthLowerDown": 0.15}),
    "y": (0.36, 0.18, 1.2, 1.4, {"mouthPucker": 0.6, "mouthFunnel": 0.25}),
}  # fmt: skip

_SPREAD_S = 0.055  # how far a phone's pull reaches beyond its own stretch


def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(P, C + 1) targets and strengths; the last column is the gap."""
    targets = np.zeros((len(PHONES), len(CONTROLS) + 1))
    strengths = np.zeros_like(targets)
    opening = [CONTROLS.index(n) for n in ("jawOpen", "mouthLowerDown", "mouthUpperUp")]
    for name, (gap, jaw, gap_strength, shape_strength, shape) in _TABLE.items():
        row = PHONES.index(name)
        strengths[row] = shape_strength
        targets[row, -1], strengths[row, -1] = gap * FULL_GAP, gap_strength
        targets[row, opening[0]] = jaw
        for control, value in shape.items():
            targets[row, CONTROLS.index(control)] = value
        strengths[row, opening] = (gap_strength + shape_strength) / 2
    return targets, strengths


TARGETS, STRENGTHS = _tables()


def rule_motion(
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    phones: NDArray[np.int64],
    times: NDArray[np.float64],
) -> NDArray[np.float32]:
    """(T, C + 1) controls and lip gap (over IOD) at `times` seconds, by the rule."""
    middle = (starts + ends)[None] / 2
    beyond = np.maximum(0.0, np.abs(times[:, None] - middle) - (ends - starts)[None] / 2 * 0.5)
    reach = _SPREAD_S + 0.2 * np.minimum(ends - starts, 0.2)[None]
    pull = np.exp(-((beyond / reach) ** 1.5))  # (T, P)
    weight = pull @ STRENGTHS[phones]
    value = pull @ (STRENGTHS[phones] * TARGETS[phones])
    return (value / np.maximum(weight, 1e-9)).astype(np.float32)


def phone_frames(
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    phones: NDArray[np.int64],
    count: int,
    rate: float = 50.0,
) -> NDArray[np.int64]:
    """(count,) phone class at the middle of each frame."""
    times = (np.arange(count) + 0.5) / rate
    index = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, len(phones) - 1)
    out = np.where(times < ends[index], phones[index], 0)
    return out.astype(np.int64)
