"""What is said in a clip, frame by frame: speech, silence, closures, steady vowels, loudness.

Sound goes through once, block by block; what stays is a few numbers for each video frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.audio.features import FEATURES_PER_SECOND, NUM_MELS, MelLeveler, MelStream
from talkgen.audio.phones import BILABIALS, VOWELS
from talkgen.audio.vad import SpeechDetector, silent_stretches
from talkgen.types import ENGINE_RATE, FloatArray

SILENT_S = 0.3
"""Stretches without speech from this long on are silence; shorter ones are closures and gaps."""
ENERGY_BAND = slice(9, 31)
"""Mel bands of 300-1200 Hz: the first formant, which an open jaw raises."""
SURE = 0.5
"""Posterior from which a p, b or m counts as heard."""
STEADY = (4, 6)
"""A vowel is steady in a frame where it is the likeliest in so many frames before it, and in so
many from it on; 50 a second."""
PHONE_BLOCK = 200
"""Feature frames that the recogniser is given at a time."""


@dataclass(frozen=True, eq=False)
class Heard:
    """The sound of a clip at the clip's frames.

    seconds : length
    speech, silence : (T,) bool; silence: inside stretches of 0.3 s and more without speech
    loudness : (T,) float32, level of the 300-1200 Hz band in decibels
    vowel : (T,) bool, inside a vowel that the recogniser names alike for 0.2 s
    closures : (first, last + 1) frames of each p, b or m that was heard
    samples : (N,) int16 at 16 kHz, the sound itself (32 kB a second), for critics that listen again
    """

    seconds: float
    speech: NDArray[np.bool_]
    silence: NDArray[np.bool_]
    loudness: FloatArray
    vowel: NDArray[np.bool_]
    closures: tuple[tuple[int, int], ...]
    samples: NDArray[np.int16] | None = None

    @property
    def energy(self) -> FloatArray:
        """(T,) the band's level as an opening from 0 to 1, quietest twentieth to loudest fiftieth:
        the simplest guess at a mouth (EVALUATION.md, baseline a)."""
        return opening(self.loudness)


def hear(blocks: Iterable[FloatArray], *, fps: float = 25.0, encoder: Any = None) -> Heard:
    """Return what is heard in sound (N,), float32 at 16 kHz, in any pieces.

    encoder : a `PhoneticEncoder`; None loads the shipped one
    """
    from talkgen.audio.phonetic import PHONE_FPS, PhoneticEncoder, PhoneticStream

    stream = PhoneticStream(encoder or PhoneticEncoder.from_pretrained("phonetic"))
    mels, leveler, detector = MelStream(), MelLeveler(), SpeechDetector()
    speech, band, posteriors = [], [], []
    samples, kept = 0, list[NDArray[np.int16]]()

    def take(power: FloatArray) -> FloatArray:
        speech.append(detector.push(power))
        band.append(band_level(power))
        return leveler.push(power)

    waiting = [np.zeros((0, NUM_MELS), np.float32)]

    def listen(features: FloatArray, *, least: int = PHONE_BLOCK) -> None:
        # few large pieces: a small one costs the encoder nearly as much
        waiting.append(features)
        if sum(map(len, waiting)) < least:
            return
        known = np.concatenate(waiting)
        waiting.clear()
        for start in range(0, len(known), PHONE_BLOCK):
            said = stream.push(known[start : start + PHONE_BLOCK])
            posteriors.append(said.phones.softmax(-1).numpy())

    for block in blocks:
        samples += len(block)
        kept.append(np.rint(np.clip(block, -1, 1) * 32767).astype(np.int16))
        listen(take(mels.push(block)))
    listen(take(mels.finish()))
    listen(leveler.finish(), least=0)
    posteriors.append(stream.finish().phones.softmax(-1).numpy())
    seconds = samples / ENGINE_RATE
    phones = np.concatenate(posteriors)
    loud = np.concatenate(band) if band else np.zeros(0, np.float32)
    heard = np.concatenate(speech) if speech else np.zeros(0, bool)
    quiet = silent_stretches(heard, round(SILENT_S * FEATURES_PER_SECOND))
    frames = max(1, round(seconds * fps))
    return Heard(
        seconds,
        _per_frame(heard, frames, fps).max(1),
        _per_frame(quiet, frames, fps).min(1),
        np.asarray(_per_frame(smooth(loud), frames, fps).mean(1), np.float32),
        _per_frame(steady_vowels(phones), frames, fps, PHONE_FPS)[:, 0],
        closures(phones, PHONE_FPS, fps),
        np.concatenate(kept) if kept else None,
    )


def steady_vowels(phones: FloatArray) -> NDArray[np.bool_]:
    """(N, 29) posteriors, 50 a second, to (N,) bool: one vowel leads for 0.2 s about the frame."""
    named = phones.argmax(-1)
    before, after = STEADY
    return np.array([
        bool(named[t] in VOWELS and len(set(named[max(0, t - before) : t + after])) == 1)
        for t in range(len(named))
    ], bool)  # fmt: skip


def closures(phones: FloatArray, rate: float, fps: float) -> tuple[tuple[int, int], ...]:
    """(N, 29) posteriors, `rate` a second, to the (first, last + 1) frames of each p, b and m."""
    sure = phones[:, list(BILABIALS)].sum(1) >= SURE
    edges = np.flatnonzero(np.diff(np.r_[0, sure.astype(np.int8), 0]))
    return tuple(
        (int(np.floor(first / rate * fps)), int(np.ceil(last / rate * fps)) + 1)
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    )


def band_level(power: FloatArray) -> FloatArray:
    """(N, 80) mel power to (N,) level of 300-1200 Hz, decibels."""
    return np.asarray(10 * np.log10(power[:, ENERGY_BAND].mean(1) + 1e-9), np.float32)


def smooth(level: FloatArray, width: int = 8) -> FloatArray:
    """(N,) levels, 100 a second, averaged over 80 ms."""
    if len(level) < width:
        return level
    return np.asarray(np.convolve(level, np.ones(width) / width, "same"), np.float32)


def opening(level: FloatArray) -> FloatArray:
    """(T,) levels as openings from 0 to 1: quietest twentieth to loudest fiftieth."""
    if not len(level):
        return level
    low, high = np.quantile(level, [0.05, 0.98])
    return np.asarray(np.clip((level - low) / max(high - low, 1e-5), 0, 1), np.float32)


def _per_frame(
    values: NDArray[Any], frames: int, fps: float, rate: float = FEATURES_PER_SECOND
) -> NDArray[Any]:
    """(N,) at `rate` to (frames, k): the k values that lie in each frame, the last ones held."""
    per = max(1, round(rate / fps))
    if not len(values):
        return np.zeros((frames, per), values.dtype)
    place = np.floor(np.arange(frames) * (rate / fps)).astype(int)[:, None] + np.arange(per)
    found: NDArray[Any] = values[np.minimum(place, len(values) - 1)]
    return found
