"""What a part has to offer to take part: structural types, no base classes to inherit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

from talkgen.types import Audio, Face, ImageArray, Motion, Portrait, Report


@runtime_checkable
class FaceAnalyzer(Protocol):
    """Finds faces."""

    def analyze(self, image: ImageArray) -> list[Face]:
        """Return the faces of an (H, W, 3) uint8 RGB picture, largest first."""

    def track(self, frames: Iterable[ImageArray]) -> Iterator[list[Face]]:
        """Yield the faces of each frame of a video, following them from frame to frame."""


@runtime_checkable
class AudioEncoder(Protocol):
    """Turns sound into features."""

    dim: int
    fps: float

    def encode(self, audio: Audio) -> Any:
        """Return (T, dim) float32 features at `fps` a second."""


@runtime_checkable
class MotionModel(Protocol):
    """Turns sound into motion."""

    def generate(self, audio: Audio, *, seed: int = 0) -> Motion:
        """Return `round(seconds * fps)` frames of motion; same seed, same motion."""


@runtime_checkable
class Renderer(Protocol):
    """Draws a portrait under motion."""

    def render(self, portrait: Portrait, motion: Motion) -> Iterator[ImageArray]:
        """Yield one (H, W, 3) uint8 RGB picture a motion frame."""


@runtime_checkable
class Critic(Protocol):
    """Measures a video."""

    def score(self, video: Any, *, reference: Any = None, target: Any = None) -> Report:
        """Return what was measured."""
