"""Waiting for jobs in tests, not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from talkgen.apps.job import Job

SLOW = 60.0
"""Seconds within which anything here is done on a busy machine."""


def until(what: Callable[[], object], seconds: float = SLOW) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def ended(job: Job) -> str:
    assert job.wait(SLOW), f"{job.state} {job.stage} {job.done}/{job.total}"
    return job.state


def files(root: Path) -> list[str]:
    return sorted(p.name for p in root.rglob("*") if p.is_file())
