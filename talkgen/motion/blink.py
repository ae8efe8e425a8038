"""Blinks: a renewal process that prefers the ends of phrases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEAN_INTERVAL_S, INTERVAL_SIGMA = 3.3, 0.55  # log-normal: 15-25 blinks a minute
SHORTEST_INTERVAL_S = 0.8
PHRASE_END_CHANCE = 0.5  # of a blink where speech stops
SHAPES: tuple[tuple[float, ...], ...] = (
    (0.35, 0.95, 0.8, 0.4, 0.15),
    (0.5, 1.0, 0.7, 0.35, 0.1),
    (0.3, 0.9, 1.0, 0.6, 0.3, 0.1),
    (0.45, 0.95, 0.55, 0.2),
)
"""Lid closing at 25 frames a second: fast down (0.05-0.08 s), slow up (0.1-0.16 s)."""


class BlinkProcess:
    """Lid closing frame by frame; `step` is called once a frame."""

    def __init__(self, rng: np.random.Generator, fps: float = 25.0, rate: float = 1.0):
        """rate : factor on how often a person blinks; 0 never"""
        self._rng, self._fps, self._rate = rng, fps, rate
        self._pending: list[float] = []
        self._wait = self._interval() * float(rng.uniform(0.2, 0.9))
        self._since = SHORTEST_INTERVAL_S
        self._speaking = False

    def _interval(self) -> float:
        center = np.log(MEAN_INTERVAL_S) - INTERVAL_SIGMA**2 / 2
        drawn = float(np.exp(self._rng.normal(center, INTERVAL_SIGMA)))
        return max(drawn, SHORTEST_INTERVAL_S)

    def step(self, speaking: bool, hurry: float = 1.0) -> float:
        """The lid closing in [0, 1] of the next frame; hurry : factor on the rate just now."""
        ended = self._speaking and not speaking
        self._speaking = speaking
        if self._rate <= 0:
            return 0.0
        self._wait -= hurry * self._rate / self._fps
        self._since += 1.0 / self._fps
        if ended and self._since > 1.2 and self._rng.random() < PHRASE_END_CHANCE:
            self._wait = min(self._wait, float(self._rng.uniform(0.0, 0.25)))
        if self._wait <= 0.0 and not self._pending:
            shape = SHAPES[self._rng.integers(len(SHAPES))]
            self._pending = [float(v) for v in shape]
            self._wait = self._interval()
            self._since = 0.0
        return self._pending.pop(0) if self._pending else 0.0


def lid_weights(closing: float, channels: tuple[str, ...]) -> NDArray[np.float32]:
    """(52,) weights of a blink: lids, with a trace of squint and lowered gaze."""
    out = np.zeros(len(channels), np.float32)
    for side in ("Left", "Right"):
        out[channels.index("eyeBlink" + side)] = closing
        out[channels.index("eyeSquint" + side)] = 0.08 * closing
    return out
