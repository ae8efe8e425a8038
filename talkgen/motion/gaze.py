"""Gaze: looking at the viewer, glances away and back, small fixations, eyes that counter the head.

The course follows Lee, Badler & Badler 2002 ("Eyes Alive"): spells of mutual gaze and shorter ones
of looking away, longer and fewer while listening; sizes of saccades fall off exponentially; level
and upright directions are likelier than oblique ones. Somebody who speaks to a camera looks away
less, so the spells at the viewer are longer here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.manner import PLAIN, Manner

EYE_TURN = 0.5  # radians of an eyeball at eyeLook weight 1 (talkgen.face.head)
DEGREE = np.pi / 180
MUTUAL_S, LISTENING_S = 3.4, 6.0  # mean spells of looking at the viewer, speaking and not
AWAY_S = 0.85  # mean spell of looking elsewhere
FIXATION_S = (0.25, 1.4)  # between the small saccades within a spell
GLANCE_DEG, GLANCE_MOST = 6.0, 14.0  # mean size of what leaves the viewer, and the largest
SMALL_DEG = 1.1  # spread of fixations about the viewer's eyes and mouth
DIRECTIONS = np.array([15.5, 6.5, 17.7, 7.4, 16.8, 7.9, 20.4, 7.8]) / 100.0
"""Chance of the eight directions, from the picture's left on by 45 degrees through up."""
UPRIGHT = 0.45  # share of a size that remains upwards or downwards
SPEED = 0.8  # share of the way that a saccade goes in a frame of 40 ms
COUNTER = 0.8  # share of the head's turn that the eyes take back
MOST = 0.42  # radians
AVERTED_PACE = 0.9  # how strongly a manner shortens looking at the viewer


class GazeProcess:
    """Yaw and pitch of both eyes against the head, radians, frame by frame."""

    def __init__(self, rng: np.random.Generator, fps: float = 25.0, spread: float = 1.0):
        """spread : factor on how far the eyes wander"""
        self._rng, self._fps, self._spread = rng, fps, spread
        self._spot = np.zeros(2)  # where a spell looks
        self._target = np.zeros(2)
        self._at = np.zeros(2)
        self._away = False
        self._spell = self._drawn(MUTUAL_S)
        self._wait = float(rng.uniform(*FIXATION_S))

    def _drawn(self, mean: float) -> float:
        return float(np.clip(self._rng.gamma(2.0, mean / 2.0), 0.3, 4 * mean))

    def _change(self, speaking: bool, manner: Manner) -> None:
        """Begin the next spell."""
        rng = self._rng
        self._away = not self._away
        if self._away:
            size = min(float(rng.exponential(GLANCE_DEG)) + 1.5, GLANCE_MOST) * DEGREE
            way = np.pi / 4 * rng.choice(8, p=DIRECTIONS / DIRECTIONS.sum()) + rng.normal(0, 0.2)
            self._spot = self._spread * size * np.array([np.cos(way), -UPRIGHT * np.sin(way)])
            self._spell = self._drawn(AWAY_S * np.exp(0.5 * manner.averted))
        else:
            self._spot = np.zeros(2)
            mean = MUTUAL_S if speaking else LISTENING_S
            self._spell = self._drawn(mean * np.exp(-AVERTED_PACE * manner.averted))

    def step(
        self, head: NDArray[np.float32], *, speaking: bool = True, manner: Manner = PLAIN
    ) -> NDArray[np.float64]:
        """(2,) yaw (positive: to the left of the picture) and pitch (positive: down).

        head : (3,) pitch, yaw, roll of the head in radians
        """
        self._wait -= 1.0 / self._fps
        self._spell -= 1.0 / self._fps
        changed = self._spell <= 0.0
        if changed:
            self._change(speaking, manner)
        if changed or self._wait <= 0.0:
            self._wait = float(self._rng.uniform(*FIXATION_S))
            small = self._rng.normal(0.0, SMALL_DEG * DEGREE, 2) * [1.0, 0.6]
            self._target = self._spot + self._spread * small
        target = self._target + np.array([0.0, manner.lowered])
        self._at = self._at + SPEED * (target - self._at)
        drawn = self._rng.normal(0.0, 0.0015, 2)  # tremor and micro-saccades
        turn = self._at + drawn - COUNTER * np.array([head[1], head[0]])
        return np.asarray(np.clip(turn, -MOST, MOST))


def look_weights(
    yaw: float, pitch: float, channels: tuple[str, ...]
) -> NDArray[np.float32]:
    """(52,) eyeLook weights that turn both eyes alike."""
    out = np.zeros(len(channels), np.float32)
    across, down = yaw / EYE_TURN, pitch / EYE_TURN
    left, right = ("In", "Out") if across > 0 else ("Out", "In")
    out[channels.index(f"eyeLook{left}Left")] = abs(across)
    out[channels.index(f"eyeLook{right}Right")] = abs(across)
    vertical = "Down" if down > 0 else "Up"
    for side in ("Left", "Right"):
        out[channels.index(f"eyeLook{vertical}{side}")] = abs(down)
    return np.clip(out, 0.0, 0.85)
