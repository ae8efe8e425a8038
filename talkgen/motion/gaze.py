"""Gaze: fixations near the viewer, small saccades between them, eyes that counter the head's
turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.manner import PLAIN, Manner

EYE_TURN = 0.5  # radians of an eyeball at eyeLook weight 1 (talkgen.face.head)
FIXATION_S = (0.35, 2.2)
SIGMA = (0.045, 0.025)  # radians, yaw and pitch of a glance beside the viewer
CENTRED_CHANCE = 0.6  # of a fixation on the viewer
SPEED = 0.55  # share of the way that a saccade goes in a frame of 40 ms
COUNTER = 0.85  # share of the head's turn that the eyes take back


class GazeProcess:
    """Yaw and pitch of both eyes against the head, radians, frame by frame."""

    def __init__(self, rng: np.random.Generator, fps: float = 25.0, spread: float = 1.0):
        """spread : factor on how far the eyes wander"""
        self._rng, self._fps, self._spread = rng, fps, spread
        self._target = np.zeros(2)
        self._at = np.zeros(2)
        self._wait = float(rng.uniform(*FIXATION_S))

    def step(
        self, head: NDArray[np.float32], *, speaking: bool = True, manner: Manner = PLAIN
    ) -> NDArray[np.float64]:
        """(2,) yaw (positive: to the left of the picture) and pitch (positive: down).

        head : (3,) pitch, yaw, roll of the head in radians
        """
        self._wait -= 1.0 / self._fps
        if self._wait <= 0.0:
            self._wait = float(self._rng.uniform(*FIXATION_S))
            self._target = self._rng.normal(0.0, SIGMA) * self._spread
            if self._rng.random() < CENTRED_CHANCE - 0.4 * manner.averted:
                self._target *= 0.15
        target = self._target + np.array([0.0, manner.lowered])
        self._at = self._at + SPEED * (target - self._at)
        drawn = self._rng.normal(0.0, 0.0015, 2)  # tremor and micro-saccades
        return self._at + drawn - COUNTER * np.array([head[1], head[0]])


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
    return np.clip(out, 0.0, 0.6)
