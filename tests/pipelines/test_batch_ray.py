"""The same jobs on a Ray cluster of this machine: a killed worker costs nothing but time."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from talkgen.errors import InputError
from talkgen.pipelines.batch import Batch, Outcome, locked
from talkgen.pipelines.batch_state import STATE, StateFolder
from tests.pipelines.test_batch import Writer, job, made, seen, statuses

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'talkgen[ray]'")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cluster() -> Any:
    """Two workers of a real cluster; its processes find the tests by PYTHONPATH."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        try:
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
            pytest.skip("this machine is too busy for Ray's own parts to start in their time")
        yield
        ray.shutdown()


def run(folder: Path, jobs: list[Any], **options: Any) -> list[Outcome]:
    from talkgen.pipelines.batch_ray import RayPool

    state = StateFolder(folder)
    with locked(state):
        return Batch(state, RayPool(Writer(), 2, state.home), **options)(jobs)


def test_jobs_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    """Killed mid-job, two workers at a time or for good: nothing is lost, nothing made twice."""
    jobs = [job(f"{n}/{n}.txt", f"text {n}", takes_s=0.1) for n in range(6)]
    jobs += [job("killed.txt", "late", deaths=2), job("never.txt", deaths=9)]
    jobs += [job("wrong.txt", fails="no face"), job("reads.txt", after=frozenset({"wrong.txt"}))]
    outcomes = run(tmp_path, jobs)
    assert statuses(outcomes) == ["made"] * 7 + ["failed"] * 3
    assert outcomes[6].attempts == 3
    assert "worker died" in outcomes[7].error
    assert len({o.worker for o in outcomes if o.worker}) >= 2
    wanted = {f"{n}/{n}.txt" for n in range(6)} | {"killed.txt", "summary.csv"}
    assert seen(tmp_path) == wanted
    assert (tmp_path / "killed.txt").read_text() == "late"
    assert sorted(made(tmp_path)) == sorted(j.name for j in jobs[:7])
    again = run(tmp_path, jobs[:7])
    assert statuses(again) == ["kept"] * 7


def test_a_worker_killed_from_outside(cluster: Any, tmp_path: Path) -> None:
    jobs = [job(f"{n}.txt", f"text {n}", takes_s=0.6) for n in range(5)]
    killed = []

    def kill_once(outcome: Outcome) -> None:
        if not killed:
            killed.append(int(outcome.worker.rsplit(" ", 1)[1]))
            os.kill(killed[0], signal.SIGKILL)

    state = StateFolder(tmp_path)
    from talkgen.pipelines.batch_ray import RayPool

    with locked(state):
        outcomes = Batch(state, RayPool(Writer(), 2, state.home))(jobs, on_end=kill_once)
    assert statuses(outcomes) == ["made"] * 5
    lines = [json.loads(x) for x in (tmp_path / STATE / "log.jsonl").read_text().splitlines()]
    assert killed
    assert sorted(x["job"] for x in lines if x.get("status") == "made") == sorted(
        j.name for j in jobs
    )


def test_a_folder_that_is_not_shared(cluster: Any, tmp_path: Path) -> None:
    from talkgen.pipelines.batch_ray import TOKEN, RayPool

    state = StateFolder(tmp_path)
    pool = RayPool(Writer(), 1, state.home)
    (state.home / TOKEN).write_text("another machine's")
    place = tmp_path / "a-1"
    place.mkdir()
    pool.submit("a", 1, job("a.txt").task, place)
    with pytest.raises(InputError, match="does not see the batch's folder"):
        pool.wait()
    pool.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [("127.0.0.1:1", "no Ray cluster at '127.0.0.1:1'"), ("here", "HOST:PORT is needed")],
)
def test_no_cluster_there(
    tmp_path: Path, address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkgen.pipelines.batch_ray import RayPool

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(InputError, match=words):
        RayPool(Writer(), 1, tmp_path, address=address)
