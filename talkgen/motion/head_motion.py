"""Head motion: a slow sway, and nods and raised brows on the stressed syllables.

Sway is a damped spring driven by noise (two of them an axis: posture and talk), whose spread and
speed are those of the tracked `train` speakers. A stressed syllable is a peak of loudness; some of
them carry a nod or a raised brow that begins shortly before: more where the pitch has a top there
too, fewer where it has none (Cave et al. 1996: most raised brows go with a rise of the pitch). In
the tracks the head is up around such a peak (mean of 513: -0.3 deg from 0.3 s before to 0.1 s
after) and down half a second later, so a nod here lifts first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.manner import PLAIN, Manner, Style

DEGREE = np.pi / 180
POSTURE_HZ, TALK_HZ = 0.16, 0.8
POSTURE_STD = np.array([1.7, 2.9, 1.6]) * DEGREE  # pitch, yaw, roll
TALK_STD = np.array([1.8, 2.1, 1.3]) * DEGREE
SOFTNESS = 0.35  # share of a new push in a frame's: without it the head trembles
SILENT_SHARE = 0.45  # of the talk sway that stays while nobody speaks
SHIFT_STD = np.array([0.012, 0.008, 0.008])  # inter-ocular distances, x y z, with the posture
LIMIT = 13.0 * DEGREE

PEAK_REACH = 4  # frames either side in which an accent is the loudest
ACCENT_ABOVE_DB = -7.0  # over the speaker's level
PITCH_ABOVE = 2.0  # semitones over the median
PITCH_AFTER = 2  # frames after a top that are judged: with NEAR no more look-ahead than loudness
NEAR = 2  # frames either side of an accent in which a top of the pitch counts
NOD_FACTORS, BROW_FACTORS = (0.7, 1.5), (0.4, 2.0)
"""On the chances at an accent without and with a top of the pitch. A third of the loud peaks of the
`train` addresses have one, so about as much happens as with no pitch known. The tracked people
themselves show little: their brows have a top within 0.16 s of 25 % of the accents with and 20 %
without one (195 and 332), so the sizes follow Cave et al."""
ACCENT_PAUSE = 10  # frames between accents
NOD_CHANCE, BROW_CHANCE = 0.45, 0.2
NOD_DEGREES = (0.6, 2.4)
NOD_LIFT = 0.5  # of a nod, upwards first
BROW_RAISE = (0.12, 0.38)
LEAD = 2  # frames that a nod begins before its syllable's peak


NONE, PLAIN_ACCENT, FLAT, HIGH = 0, 1, 2, 3
"""Kinds of accent, see `accents_of`."""


def find_accents(loud_db: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(T,) loudness over the speaker's level, 25 a second, to (T,): True at stressed syllables.

    A frame needs PEAK_REACH frames on both sides to be judged.
    """
    smooth = np.convolve(np.pad(loud_db, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    out = np.zeros(len(smooth), bool)
    for t in range(PEAK_REACH, len(smooth) - PEAK_REACH):
        around = smooth[t - PEAK_REACH : t + PEAK_REACH + 1]
        top = smooth[t]
        out[t] = top >= ACCENT_ABOVE_DB and top >= around.max() and around.min() < top - 3
    return out


def _bell(length: int) -> NDArray[np.float64]:
    """(length,) a rise and a slower fall: the top lies at two fifths."""
    at = ((np.arange(length) + 0.5) / length) ** 0.76
    return np.asarray(np.sin(np.pi * at) ** 2)


def _nod(length: int) -> NDArray[np.float64]:
    """(length,) a lift of the head, then its way down and back."""
    lift = length // 3
    out = np.zeros(length)
    out[:lift] -= NOD_LIFT * _bell(lift)
    out[lift // 2 :] += _bell(length - lift // 2)
    return out


def find_pitch_tops(pitch: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(T,) pitch in Hz, 0 where unvoiced, 25 a second, to (T,): True at the tops of the melody.

    A top is the highest of PEAK_REACH frames before and PITCH_AFTER after it, and PITCH_ABOVE
    semitones over the median of the window.
    """
    voiced = pitch > 0
    out = np.zeros(len(pitch), bool)
    if voiced.sum() < 2 * PEAK_REACH:
        return out
    height = 12 * np.log2(np.where(voiced, pitch, 1.0) / np.median(pitch[voiced]))
    height = np.where(voiced, height, -99.0)
    for t in range(PEAK_REACH, len(pitch) - PITCH_AFTER):
        around = height[t - PEAK_REACH : t + PITCH_AFTER + 1]
        out[t] = height[t] >= PITCH_ABOVE and height[t] >= around.max()
    return out


def accents_of(
    loud_db: NDArray[np.float32], pitch: NDArray[np.float32] | None = None
) -> NDArray[np.int8]:
    """(T,) loudness over the speaker's level and pitch in Hz to (T,) kinds of accent.

    NONE, PLAIN_ACCENT (a loud peak of which no pitch is known), FLAT (none of the pitch's tops is
    near it), HIGH (one is)
    """
    loud = find_accents(loud_db)
    out = np.where(loud, PLAIN_ACCENT, NONE).astype(np.int8)
    if pitch is not None:
        near = np.convolve(find_pitch_tops(pitch), np.ones(2 * NEAR + 1), "same") > 0
        out[loud] = np.where(near[loud], HIGH, FLAT)
    return out

@dataclass
class _Spring:
    """Three independent damped springs under noise, started in their stationary state."""

    hertz: float
    std: NDArray[np.float64]
    rng: np.random.Generator
    fps: float
    damping: float = 0.8

    def __post_init__(self) -> None:
        self._omega = 2 * np.pi * self.hertz
        self.at = self.rng.normal(0.0, 1.0, 3) * self.std * 0.5
        self._speed = np.zeros(3)
        self._noise = np.zeros(3)
        self._drive = self.std * np.sqrt(4 * self.damping * self._omega**3)

    def step(self, share: float) -> NDArray[np.float64]:
        dt = 1.0 / self.fps
        drawn = self.rng.normal(0.0, 1.0, 3) * self._drive * np.sqrt(dt) * share
        self._noise += SOFTNESS * (drawn - self._noise)  # pushes that last a tenth of a second
        pull = -(self._omega**2) * self.at - 2 * self.damping * self._omega * self._speed
        self._speed = self._speed + pull * dt + self._noise
        self.at = self.at + self._speed * dt
        return self.at


class HeadProcess:
    """Rotation, translation and brow raise, frame by frame."""

    def __init__(
        self, rng: np.random.Generator, fps: float = 25.0, style: Style | None = None
    ) -> None:
        self._rng = rng
        self._style = style if style is not None else Style()
        self._posture = _Spring(POSTURE_HZ, POSTURE_STD, rng, fps)
        self._talk = _Spring(TALK_HZ, TALK_STD, rng, fps)
        self._shift = _Spring(POSTURE_HZ * 1.3, SHIFT_STD, rng, fps)
        self._share = 1.0
        self._nods = np.zeros((64, 3))  # what events still add to coming frames
        self._brows = np.zeros(64)
        self._since = ACCENT_PAUSE
        self._smooth_turn = np.zeros(3)

    def _accent(self, manner: Manner, kind: int = PLAIN_ACCENT) -> None:
        """Schedule what a stressed syllable LEAD frames ahead brings."""
        rng, style = self._rng, self._style
        nod, raise_ = (1.0, 1.0)
        if kind != PLAIN_ACCENT:
            nod, raise_ = NOD_FACTORS[kind == HIGH], BROW_FACTORS[kind == HIGH]
        if rng.random() < NOD_CHANCE * nod:
            shape = _nod(int(rng.integers(14, 23)))
            length = len(shape)
            size = float(rng.uniform(*NOD_DEGREES)) * DEGREE * style.nod * manner.accent
            axis = np.array([1.0, rng.normal(0, 0.35), rng.normal(0, 0.25)])
            self._nods[:length] += shape[:, None] * size * axis
        if rng.random() < BROW_CHANCE * raise_:
            shape = _bell(int(rng.integers(10, 20)))
            length = len(shape)
            size = float(rng.uniform(*BROW_RAISE)) * style.brow * manner.accent
            self._brows[:length] += shape * size

    def step(
        self,
        speaking: bool,
        accent: int,
        learned: NDArray[np.float32] | None = None,
        manner: Manner = PLAIN,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """(3,) rotation in radians, (3,) translation in inter-ocular distances, brow raise.

        accent : kind (`accents_of`) of the stressed syllable that peaks LEAD frames from now
        learned : (3,) rotation in radians that the transformer hears in the voice
        """
        self._since += 1
        if accent and self._since >= ACCENT_PAUSE:
            self._since = 0
            self._accent(manner, accent)
        wanted = 1.0 if speaking else SILENT_SHARE
        self._share += 0.08 * (wanted - self._share)
        sway = self._posture.step(1.0) + self._talk.step(self._share)
        turn = self._style.head * manner.sway * sway + self._nods[0]
        if learned is not None:
            turn = turn + learned
        turn = LIMIT * np.tanh(turn / LIMIT) + manner.lean
        shift = self._shift.step(1.0).copy()
        shift[0] -= 0.10 * turn[1]  # the neck carries the joint along a little
        shift[1] += 0.08 * turn[0]
        shift[2] -= manner.forward  # z runs away from the viewer
        brow = min(float(self._brows[0]), 0.6)
        self._nods = np.concatenate([self._nods[1:], np.zeros((1, 3))])
        self._brows = np.append(self._brows[1:], 0.0)
        return turn, shift, brow
