"""What stands out of the noise floor: the loudness tracker that levelling and speech detection
share.

The floor is the minimum of the smoothed loudness over the last `FLOOR_FRAMES` (speech has gaps that
often).
"""

from __future__ import annotations

from collections import deque

import numpy as np

SMOOTH = 0.35  # share of the newest frame in the smoothed loudness
FLOOR_FRAMES = 300  # 3 s
BLOCK = 30  # frames whose minimum is kept as one value
START_FLOOR_DB = -50.0  # highest floor believed in the first half second
ABOVE_FLOOR_DB = 9.0
BELOW_PEAK_DB = 40.0  # what lies further below recent peaks is breath or room
PEAK_FALL_DB = 0.02  # 2 dB a second
LOWEST_DB = -68.0  # of mean mel power: digital silence and its dither


class Activity:
    """Tells of each 10 ms frame whether it stands out of the noise floor.

    near_peak_db : where something has risen out of the floor, what lies less than this below its
        peaks stands out too (loudness cannot tell speech from noise that close); None: not so
    """

    def __init__(self, near_peak_db: float | None = None) -> None:
        self._near_peak_db = near_peak_db
        self.loud_db = LOWEST_DB
        self.floor_db = START_FLOOR_DB
        self._peak_db = LOWEST_DB
        self._minima: deque[float] = deque(maxlen=FLOOR_FRAMES // BLOCK)
        self._block_minimum = np.inf
        self._count = 0

    def push(self, mean_power: float) -> bool:
        """True where the frame of this mean mel power stands out of the floor."""
        loud = max(10.0 * float(np.log10(mean_power + 1e-12)), LOWEST_DB - 12.0)
        self.loud_db = loud if self._count == 0 else self.loud_db + SMOOTH * (loud - self.loud_db)
        self._block_minimum = min(self._block_minimum, self.loud_db)
        self._count += 1
        floor = min(self._block_minimum, min(self._minima, default=np.inf))
        self.floor_db = min(floor, START_FLOOR_DB) if self._count < 50 else floor
        if self._count % BLOCK == 0:
            self._minima.append(self._block_minimum)
            self._block_minimum = self.loud_db
        self._peak_db = max(self._peak_db - PEAK_FALL_DB, self.loud_db)
        bar = self.floor_db + ABOVE_FLOOR_DB
        if self._near_peak_db is not None and self._peak_db > bar:
            bar = min(bar, self._peak_db - self._near_peak_db)
        bar = max(bar, self._peak_db - BELOW_PEAK_DB, LOWEST_DB)
        return max(loud, self.loud_db) > bar
