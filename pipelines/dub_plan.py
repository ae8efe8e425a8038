"""Which picture of a video is shown when, and how much of the new mouth each of them gets."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.pipelines.dub_survey import Stretch, Survey
from talkgen.types import FloatArray

Fit = Literal["trim", "hold", "loop", "slow"]
FITS: tuple[Fit, ...] = ("trim", "hold", "loop", "slow")

YAW_DEG, PITCH_DEG = (38.0, 50.0), (32.0, 44.0)
"""Turns from which a face is left as it is more and more, and wholly."""
SURE = (0.42, 0.58)
"""How clearly the mouth is seen: under the first it is left, from the second on drawn in whole."""
SIZE_PX = (40.0, 56.0)
"""The same for the size of the face."""
RAMP_S = 0.16
"""Seconds over which the new mouth comes and goes, except at cuts."""


def check_fit(fit: str) -> Fit:
    """Return what is done with speech longer than the picture, or raise InputError."""
    if fit not in FITS:
        raise InputError(f"`fit` is {fit!r}, choose one of {', '.join(FITS)}")
    return fit


def shown(times: NDArray[np.float64], rate: float, seconds: float, fit: Fit) -> list[float]:
    """Return the times of all pictures of the new video.

    times : (T,) seconds of the source's pictures; rate : pictures a second; seconds : of speech
    """
    own = [float(t) for t in times]
    length = own[-1] + 1.0 / rate
    missing = round((seconds - length) * rate)
    if fit == "trim" or missing <= 0:
        return own
    if fit == "slow":
        return [k / rate for k in range(round(seconds * rate))]
    if fit == "hold":
        return own + [length + k / rate for k in range(missing)]
    out, passed = list(own), 1
    while len(out) < len(own) + missing:
        left = len(own) + missing - len(out)
        out += [t + passed * length for t in own[:left]]
        passed += 1
    return out


def source_of(index: int, out: list[float], times: NDArray[np.float64], fit: Fit) -> int:
    """Return which picture of the source is shown as number `index` of the new video."""
    count = len(times)
    if len(out) <= count:
        return index
    if fit == "hold":
        return min(index, count - 1)
    if fit == "loop":
        return index % count
    return min(int(index * count / len(out)), count - 1)


def shares(stretch: Stretch, found: Survey) -> FloatArray:
    """Return (T,) how much of the new mouth each picture of a stretch gets, 0 to 1.

    Pictures in which the head is turned too far, or the mouth covered, stay as they are; the new
    mouth goes before them and comes back after them. At a cut, and at both ends of the video, it
    is there at once.
    """
    frames = np.array(stretch.frames)
    good = np.ones(len(frames), np.float32)
    for values, (low, high), sign in (
        (np.rad2deg(np.abs(stretch.yaw)), YAW_DEG, -1), (stretch.sure, SURE, 1),
        (np.rad2deg(np.abs(stretch.pitch)), PITCH_DEG, -1), (stretch.size, SIZE_PX, 1),
    ):  # fmt: skip
        ramp = np.clip((np.asarray(values) - low) / (high - low), 0.0, 1.0)
        good = np.minimum(good, ramp if sign > 0 else 1.0 - ramp).astype(np.float32)
    first, last = int(frames[0]), int(frames[-1])
    whole = np.zeros(last - first + 1, np.float32)
    whole[frames - first] = good
    step = np.median(np.diff(found.times)) if len(found.times) > 1 else 0.04
    reach = max(1, round(RAMP_S / max(float(step), 1e-3)))
    before = 1.0 if stretch.begins_cut or first == 0 else 0.0
    after = 1.0 if stretch.ends_cut or last == found.count - 1 else 0.0
    padded = np.concatenate([np.full(2 * reach, before), whole, np.full(2 * reach, after)])
    window = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    least = window.min(axis=1)  # (len(whole) + 2 reach,)
    smooth = np.convolve(least, np.full(reach + 1, 1.0 / (reach + 1)), "same")
    drawn = np.minimum(smooth[reach : reach + len(whole)], np.ones(len(whole)))
    return np.asarray(drawn[frames - first], np.float32)
