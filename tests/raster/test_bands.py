"""How many threads draw."""

import os

import pytest

from talkgen.raster.bands import MAX_THREADS, THREADS, thread_count


def test_thread_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS, raising=False)
    assert thread_count() == min(len(os.sched_getaffinity(0)), MAX_THREADS)
    monkeypatch.setenv(THREADS, "1")
    assert thread_count() == 1
    assert thread_count(2) == 2
    monkeypatch.setenv(THREADS, "99")
    assert thread_count() == MAX_THREADS
    monkeypatch.setenv(THREADS, "some")
    assert thread_count() == min(len(os.sched_getaffinity(0)), MAX_THREADS)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS and Windows
    assert thread_count() == min(os.cpu_count() or 1, MAX_THREADS)
