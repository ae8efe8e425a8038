"""The knobs of how much moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from talkgen.errors import InputError

MOST = 4.0


@dataclass(frozen=True)
class Scales:
    """Factors from 0 to 4 on what speech and emotion bring; 1 is as made.

    mouth : lips, jaw, cheeks and nose; closed lips stay closed
    brow : brows and lids, without blinks
    pose : head rotation and translation
    blink : how often the eyes blink; 0 never
    expression : mouth and brow together
    """

    mouth: float = 1.0
    brow: float = 1.0
    pose: float = 1.0
    blink: float = 1.0
    expression: float = 1.0

    def __post_init__(self) -> None:
        for knob in fields(self):
            value = getattr(self, knob.name)
            if not (math.isfinite(value) and 0 <= value <= MOST):
                raise InputError(
                    f"`{knob.name}_scale` is {value:g}, a number from 0 to {MOST:g} is needed"
                )

    def times(self, *, pose: float = 1.0, expression: float = 1.0) -> Scales:
        """The same knobs with those two turned by further factors."""
        return replace(self, pose=self.pose * pose, expression=self.expression * expression)

    @property
    def lower(self) -> float:
        """Factor on the lower face."""
        return self.mouth * self.expression

    @property
    def upper(self) -> float:
        """Factor on the upper face."""
        return self.brow * self.expression
