"""Do brows and head move on the accents of the voice? Against chance, which is the same motion
beside sound that is shifted in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from talkgen.audio.prosody import prosody
from talkgen.motion.head_motion import HIGH, accents_of
from talkgen.types import Audio, FloatArray

RISE = 0.08  # brow weight over its surroundings of a raise
LIFT = 0.012  # radians over its surroundings of a lifted head
BEFORE, AFTER = 2, 8  # frames that a top may come before and after its accent
SHIFTS = 40  # by half a second and more, around


def accented_frames(samples: FloatArray) -> dict[str, NDArray[np.bool_]]:
    """Of (N,) sound at 16 kHz the (T,) frames that are loud peaks, with a top of the pitch or not.

    Found on the whole sound, without the windows of a stream.
    """
    found = prosody(Audio(samples))
    count = len(found) // 4
    loud = found.energy[: 4 * count].reshape(-1, 4).max(1)
    rows = found.pitch[: 4 * count].reshape(-1, 4)
    voiced = (rows > 0).sum(1) >= 2
    pitch = np.where(voiced, rows.sum(1) / np.maximum((rows > 0).sum(1), 1), 0).astype(np.float32)
    kinds = accents_of(loud - np.float32(np.quantile(loud, 0.9)), pitch)
    return {"with pitch": kinds == HIGH, "without": (kinds > 0) & (kinds != HIGH)}


def tops(track: FloatArray, prominence: float) -> NDArray[np.int64]:
    """Frames of the tops of (T,) that stand out of their surroundings."""
    smooth = np.convolve(np.pad(track, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return np.asarray(find_peaks(smooth, prominence=prominence, wlen=50)[0], np.int64)


def coincidence(events: NDArray[np.int64], accents: NDArray[np.bool_]) -> tuple[float, float]:
    """Share of `events` that come BEFORE to AFTER frames around an accent, and what chance gives.

    Chance: the mean over SHIFTS circular shifts of (T,) `accents`; NaN without events.
    """
    if not len(events):
        return float("nan"), float("nan")
    reach = np.zeros(len(accents), bool)
    for lag in range(-BEFORE, AFTER + 1):
        reach |= np.roll(accents, lag)
    events = events[events < len(accents)]
    shifts = np.linspace(13, len(accents) - 13, SHIFTS).astype(int)
    by_chance = np.mean([np.roll(reach, shift)[events].mean() for shift in shifts])
    return float(reach[events].mean()), float(by_chance)
