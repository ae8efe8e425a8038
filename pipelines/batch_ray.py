"""Workers on a Ray cluster: actors that each load the models once, on as many machines as it has.

Each actor has one task at a time, so that nothing queues up where it could be lost, and whoever is
free takes the next. An actor that dies, with its machine or without, takes only its job along; the
batch begins it again on a new one. All machines must see the batch's folder and the inputs under
the same paths (a shared folder): each actor checks that before its first task.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import platform
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from talkgen.errors import InputError, MissingDependencyError
from talkgen.pipelines.batch_workers import Done, Runner
from talkgen.raster.bands import THREADS, cores

log = logging.getLogger("talkgen")
TOKEN = "shared.token"
REACH_S = 10.0


def check_ray() -> None:
    """Raise MissingDependencyError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError("`--ray` needs Ray; run: pip install 'talkgen[ray]'")


class Actor:
    """What runs on the cluster: a runner with its models, after a look at the shared folder."""

    def __init__(self, runner: Runner, home: Path, token: str, threads: int) -> None:
        os.environ[THREADS] = str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        self._runner = runner
        self._sees = _token(home) == token
        self._name = f"{platform.node()} process {os.getpid()}"

    def do(self, task: Any, place: Path) -> tuple[str, dict[str, Any] | None]:
        """Do a task; return who did it, and None where the shared folder is not seen."""
        return self._name, self._runner(task, place) if self._sees else None


class RayPool:
    """Actors of a cluster.

    runner : what does the tasks, a picklable callable; size : how many actors
    home : a folder that all machines share; address : of the cluster, or "auto"
    """

    def __init__(self, runner: Runner, size: int, home: Path, *, address: str = "auto") -> None:
        check_ray()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self.size = size
        self._ray = ray
        self._own = _join(ray, address, size)
        token = uuid.uuid4().hex
        (home / TOKEN).write_text(token)
        self._runner = ray.put(runner)
        self._kind = ray.remote(Actor).options(num_cpus=1, max_restarts=0, max_task_retries=0)
        self._args = (self._runner, home, token, max(1, cores() // size))
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[str, int, Any, float]] = {}

    def free(self) -> int:
        """Return how many more tasks are taken now."""
        return self.size - len(self._running)

    def submit(self, name: str, attempt: int, task: Any, place: Path) -> None:
        """Give a task to an actor; a new one is started where none is idle."""
        actor = self._idle.pop() if self._idle else self._kind.remote(*self._args)
        reference = actor.do.remote(task, place)
        self._running[reference] = (name, attempt, actor, time.monotonic())

    def wait(self) -> list[Done]:
        """Return tasks that ended, one at least."""
        ready, _ = self._ray.wait(list(self._running), num_returns=1)
        return [self._ended(reference) for reference in ready]

    def _ended(self, reference: Any) -> Done:
        name, attempt, actor, since = self._running.pop(reference)
        seconds = time.monotonic() - since
        try:
            worker, answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Done(name, attempt, None, "", seconds, f"its worker died ({_short(error)})")
        if answer is None:
            raise InputError(
                f"worker {worker} does not see the batch's folder; give one that all machines of "
                "the cluster share"
            )
        self._idle.append(actor)
        return Done(name, attempt, answer, worker, seconds)

    def close(self) -> None:
        """End all actors, and the cluster if it was started here."""
        for actor in {*self._idle, *(found[2] for found in self._running.values())}:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self._idle, self._running = [], {}
        if self._own:
            self._ray.shutdown()


def _join(ray: Any, address: str, size: int) -> bool:
    """Join a cluster; return whether it, or the link to it, is this process' own to end."""
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address != "auto":
        _reach(address)
    try:
        ray.init(address=address, **quiet)
    except ConnectionError as error:
        if address != "auto":
            raise _absent(address, error) from error
        # Ray's own workers give way to everything else; ours do not, so these need not either.
        os.environ.setdefault("RAY_worker_niceness", "0")
        try:
            ray.init(num_cpus=size, include_dashboard=False, **quiet)
        except Exception as fault:  # a bare one is what Ray raises where its own parts are late
            raise InputError(
                f"Ray does not start here ({' '.join(str(fault).split())[:80]}); "
                "try again when less else runs, or leave `--ray` out"
            ) from fault
    return True


def _reach(address: str) -> None:
    """Raise InputError where nothing listens at an address: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"`--ray` is {address!r}, 'auto' or HOST:PORT is needed")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        raise _absent(address, error) from error


def _absent(address: str, error: Exception) -> InputError:
    return InputError(
        f"no Ray cluster at {address!r} ({' '.join(str(error).split())[:120]}); start one by "
        "`ray start --head`, or give `--ray auto`"
    )


def _short(error: BaseException) -> str:
    return type(error).__name__


def _token(home: Path) -> str:
    try:
        return (home / TOKEN).read_text()
    except OSError:
        return ""
