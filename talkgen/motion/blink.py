"""Blinks: a renewal process with pairs, livelier in speech, on stress and at the ends of phrases.

Rates are those of the tracked `train` speakers (median 24 a minute while speaking,
results/behaviour.json) and of Bentivoglio et al. 1997 (conversation 26, rest 17); the course of the
lids is the mean of 720 tracked blinks: down within 0.1 s, up along a tail twice as long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEAN_INTERVAL_S, INTERVAL_SIGMA = 3.4, 0.6  # log-normal, while speaking, the average person
SILENT_PACE = 0.65  # of the rate while nobody speaks
SHORTEST_INTERVAL_S = 0.45
PAIR_CHANCE, PAIR_S = 0.08, (0.28, 0.6)  # of a second blink right after
PHRASE_END_CHANCE = 0.22  # of a blink where speech stops
ACCENT_CHANCE = 0.06  # of a blink on a stressed syllable: twice the usual in the tracks
CLOSING_S, OPENING_S = 0.1, 0.075  # whole way down; time in which the lids open by 1 - 1/e
STRETCH_SIGMA = 0.22  # of the logarithm of a blink's length
DEPTH = (0.82, 1.0)  # of the way down
LAST = 0.03  # closing at which a blink is over


class BlinkProcess:
    """Lid closing frame by frame; `step` is called once a frame."""

    def __init__(self, rng: np.random.Generator, fps: float = 25.0, rate: float = 1.0):
        """rate : factor on how often a person blinks; 0 never"""
        self._rng, self._fps, self._rate = rng, fps, rate
        self._pending: list[float] = []
        self._wait = self._interval() * float(rng.uniform(0.2, 0.9))
        self._since = 2.0
        self._speaking = False

    def _interval(self) -> float:
        if self._rng.random() < PAIR_CHANCE:
            return float(self._rng.uniform(*PAIR_S)) * self._rate
        center = np.log(MEAN_INTERVAL_S) - INTERVAL_SIGMA**2 / 2
        drawn = float(np.exp(self._rng.normal(center, INTERVAL_SIGMA)))
        return max(drawn, SHORTEST_INTERVAL_S)

    def step(self, speaking: bool, hurry: float = 1.0, accent: bool = False) -> float:
        """The lid closing in [0, 1] of the next frame.

        hurry : factor on the rate just now; accent : a stressed syllable begins
        """
        ended = self._speaking and not speaking
        self._speaking = speaking
        if self._rate <= 0:
            return 0.0
        pace = hurry * self._rate * (1.0 if speaking else SILENT_PACE)
        self._wait -= pace / self._fps
        self._since += 1.0 / self._fps
        if ended and self._since > 1.2 and self._rng.random() < PHRASE_END_CHANCE * hurry:
            self._wait = min(self._wait, float(self._rng.uniform(0.0, 0.25)))
        if accent and self._since > 0.8 and self._rng.random() < ACCENT_CHANCE * hurry:
            self._wait = 0.0
        if self._wait <= 0.0 and not self._pending:
            self._pending = self._course()
            self._wait = self._interval()
            self._since = 0.0
        return self._pending.pop(0) if self._pending else 0.0

    def _course(self) -> list[float]:
        """The closing of one blink's frames, begun anywhere within the first of them."""
        stretch = float(np.exp(self._rng.normal(0.0, STRETCH_SIGMA)))
        depth, at = float(self._rng.uniform(*DEPTH)), float(self._rng.uniform(0.2, 1.0)) / self._fps
        out: list[float] = []
        while True:
            down = min(at / (CLOSING_S * stretch), 1.0)
            up = max(at - CLOSING_S * stretch, 0.0) / (OPENING_S * stretch)
            value = depth * (1 - np.cos(np.pi * down)) / 2 * np.exp(-up)
            if down == 1.0 and value < LAST:
                return out
            out.append(float(value))
            at += 1.0 / self._fps


def lid_weights(closing: float, channels: tuple[str, ...]) -> NDArray[np.float32]:
    """(52,) weights of a blink: lids, with a trace of squint and lowered gaze."""
    out = np.zeros(len(channels), np.float32)
    for side in ("Left", "Right"):
        out[channels.index("eyeBlink" + side)] = closing
        out[channels.index("eyeSquint" + side)] = 0.08 * closing
    return out
