"""Split the rows of a picture over a few threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

MAX_THREADS = 4
MIN_ROWS = 64


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="talkgen-render")


THREADS = "TALKGEN_THREADS"
"""Environment variable: how many threads draw where nothing else is said."""


def cores() -> int:
    """Return how many cores this process may use; all of them where the system does not tell."""
    able = getattr(os, "sched_getaffinity", None)
    return len(able(0)) if able else (os.cpu_count() or 1)


def thread_count(threads: int | None = None) -> int:
    """Return how many threads draw: `threads`, or one a core up to `MAX_THREADS`."""
    wanted = os.environ.get(THREADS, "")
    known = int(wanted) if wanted.isdecimal() else cores()
    return max(1, min(threads or known, MAX_THREADS))


def over_rows(
    draw: Callable[[int, int], object],
    rows: int,
    threads: int | None = None,
    least: int = MIN_ROWS,
) -> None:
    """Call `draw(first_row, last_row)` for bands that cover `rows` rows, on some threads.

    least : rows for which a thread is worth its while

    `draw` must release the GIL and write only its own rows.
    """
    count = min(thread_count(threads), max(1, rows // least))
    if count == 1:
        draw(0, rows)
        return
    edges = [rows * i // count for i in range(count + 1)]
    jobs = [_pool().submit(draw, edges[i], edges[i + 1]) for i in range(1, count)]
    draw(edges[0], edges[1])
    for job in jobs:
        job.result()
