"""How long things will take, by how long they took."""

from __future__ import annotations

import heapq
import statistics
from collections import deque
from collections.abc import Sequence

from talkgen.apps.call import Call

REMEMBERED = 5
"""Runs of a command whose median is what is usual."""
PACE_S = 6.0
"""Time back that the pace is taken from; the first frames are slow, and stages differ."""
SURE_S = 1.5
"""What has to be seen of a stage before time left is said."""


class Pace:
    """Tells how long the rest of a count will take, by the last seconds of it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def begin(self) -> None:
        """Forget; another count begins."""
        self._seen.clear()

    def at(self, done: int, now: float) -> None:
        """Take how many steps are done at a time in seconds."""
        if done <= 0:  # what comes before the first step is no measure of the steps
            return
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > PACE_S:
            self._seen.popleft()

    def left(self, total: int, now: float) -> float | None:
        """Return seconds until `total` steps are done, None where it cannot be told yet."""
        if len(self._seen) < 2 or not total:
            return None
        (first, start), (last, done) = self._seen[0], self._seen[-1]
        if last - first < SURE_S or done <= start:
            return None
        return max(0.0, (total - done) * (last - first) / (done - start) - (now - last))


class Usual:
    """Tells how long commands take, as they did last."""

    def __init__(self) -> None:
        self._took: dict[str, deque[float]] = {}

    def took(self, call: Call, seconds: float) -> None:
        """Take how long a call took."""
        self._took.setdefault(call.command, deque(maxlen=REMEMBERED)).append(seconds)

    def of(self, calls: Sequence[Call]) -> float | None:
        """Return seconds for calls one after the other, None where one was never made."""
        if not all(call.command in self._took for call in calls):
            return None
        return sum(statistics.median(self._took[call.command]) for call in calls)


def begins_in(free: Sequence[float | None], before: Sequence[float | None]) -> float | None:
    """Return seconds until a worker is free for who comes after others; None: it cannot be told.

    free : in how many seconds each worker is; before : how long those take that come first
    """
    if None in free or None in before or not free:
        return None
    times = [one for one in free if one is not None]
    heapq.heapify(times)
    for seconds in before:
        heapq.heappush(times, heapq.heappop(times) + (seconds or 0.0))
    return times[0]
