"""Facial action units of ARKit weights: which channel shows which unit of FACS.

The table follows the FACS manual's muscle descriptions against Apple's descriptions of the
channels. A unit's intensity is the strongest share that one of its channels gives, left and right
taken as the stronger side, clipped to [0, 1]. Units that no channel expresses (AU38, AU39) are left
out; AU5/AU7 and AU6 are told by eyeWide, eyeSquint and cheekSquint alone.
"""

from __future__ import annotations

from talkgen.types import MOTION_CHANNELS, FloatArray

ACTION_UNITS: dict[str, tuple[tuple[str, float], ...]] = {
    "AU1": (("browInnerUp", 1.0),),
    "AU2": (("browOuterUpLeft", 1.0), ("browOuterUpRight", 1.0)),
    "AU4": (("browDownLeft", 1.0), ("browDownRight", 1.0)),
    "AU5": (("eyeWideLeft", 1.0), ("eyeWideRight", 1.0)),
    "AU6": (("cheekSquintLeft", 1.0), ("cheekSquintRight", 1.0)),
    "AU7": (("eyeSquintLeft", 1.0), ("eyeSquintRight", 1.0)),
    "AU9": (("noseSneerLeft", 1.0), ("noseSneerRight", 1.0)),
    "AU10": (("mouthUpperUpLeft", 1.0), ("mouthUpperUpRight", 1.0)),
    "AU12": (("mouthSmileLeft", 1.0), ("mouthSmileRight", 1.0)),
    "AU14": (("mouthDimpleLeft", 1.0), ("mouthDimpleRight", 1.0)),
    "AU15": (("mouthFrownLeft", 1.0), ("mouthFrownRight", 1.0)),
    "AU16": (("mouthLowerDownLeft", 1.0), ("mouthLowerDownRight", 1.0)),
    "AU17": (("mouthShrugLower", 1.0), ("mouthShrugUpper", 0.5)),
    "AU18": (("mouthPucker", 1.0),),
    "AU19": (("tongueOut", 1.0),),
    "AU20": (("mouthStretchLeft", 1.0), ("mouthStretchRight", 1.0)),
    "AU22": (("mouthFunnel", 1.0),),
    "AU24": (("mouthPressLeft", 1.0), ("mouthPressRight", 1.0)),
    "AU25": (("jawOpen", 2.0), ("mouthLowerDownLeft", 0.8), ("mouthUpperUpLeft", 0.8),
             ("mouthFunnel", 0.8)),
    "AU26": (("jawOpen", 2.0),),
    "AU27": (("jawOpen", 1.0),),
    "AU28": (("mouthRollLower", 1.0), ("mouthRollUpper", 1.0)),
    "AU29": (("jawForward", 1.0),),
    "AU30": (("jawLeft", 1.0), ("jawRight", 1.0)),
    "AU34": (("cheekPuff", 1.0),),
    "AU43": (("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0)),
    "AU61": (("eyeLookOutLeft", 1.0), ("eyeLookInRight", 1.0)),
    "AU62": (("eyeLookOutRight", 1.0), ("eyeLookInLeft", 1.0)),
    "AU63": (("eyeLookUpLeft", 1.0), ("eyeLookUpRight", 1.0)),
    "AU64": (("eyeLookDownLeft", 1.0), ("eyeLookDownRight", 1.0)),
}  # fmt: skip
"""Action unit: channels and the unit's intensity at weight 1."""

_CLOSED_BY = MOTION_CHANNELS.index("mouthClose")


def action_units_of(weights: FloatArray) -> dict[str, float]:
    """Return the intensity in [0, 1] of every unit under ARKit weights (52,).

    mouthClose takes away from AU25 (lips apart) what it closes of an open jaw.
    """
    out = {}
    for unit, channels in ACTION_UNITS.items():
        value = max(share * float(weights[MOTION_CHANNELS.index(c)]) for c, share in channels)
        if unit == "AU25":
            value -= 2.0 * float(weights[_CLOSED_BY])
        out[unit] = min(max(value, 0.0), 1.0)
    return out
