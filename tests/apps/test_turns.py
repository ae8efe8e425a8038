"""Turns, limits and stubborn work, by a runner that takes its time; and how it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from talkgen.apps.call import Call
from talkgen.apps.jobs import Jobs
from talkgen.apps.pace import Pace, begins_in
from talkgen.apps.status import clock, error_html, status_html
from talkgen.apps.worker import TellingVoice
from talkgen.errors import InputError
from tests.apps.waiting import ended, files, until

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / "examples" / "portrait.jpg"


class Napper:
    """Sleeps the `seed` of a talk in hundredths of a second; heeds its voice unless `still`."""

    def __init__(self, voice: TellingVoice) -> None:
        self._voice = voice

    def __call__(self, task: Any, place: Path) -> dict[str, Any]:
        values = task.row.values
        count = int(values["seed"][0])
        (place / "half-made.part").write_text("x")
        with self._voice.counted("sleeping", count) as step:
            for _ in range(count):
                time.sleep(0.01)
                if "still" not in values:
                    step(1)
        if "crop" in values:
            raise SystemExit(3)
        (place / task.outputs["output"][0]).write_text("made")
        return {"notes": [f"slept {count}"], "printed": "", "seconds": 0.01 * count}


def nap(hundredths: int, **values: Any) -> Call:
    return Call(
        "talk", {"portrait": PORTRAIT, "speech": PORTRAIT, "seed": hundredths, **values},
        {"output": "nap.mp4"}, "sleeping",
    )  # fmt: skip


@pytest.fixture
def naps(tmp_path: Path) -> Iterator[Callable[..., Jobs]]:
    opened: list[Jobs] = []

    def start(**options: Any) -> Jobs:
        opened.append(Jobs(tmp_path / f"{len(opened)}", runner=Napper, **options))
        opened[-1].start()
        return opened[-1]

    yield start
    for one in opened:
        pids = one.pids()
        one.close()
        assert not [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]


def test_visitors_take_turns(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    first = jobs.submit([nap(20)], "ann")
    until(lambda: first.state == "working")
    ann = [jobs.submit([nap(3)], "ann") for _ in range(4)]
    bob = [jobs.submit([nap(3)], "bob") for _ in range(2)]
    assert [job.ahead for job in [*ann, *bob]] == [1, 3, 4, 5, 0, 2]
    for job in [first, *ann, *bob]:
        assert ended(job) == "done"
    in_turn = sorted([*ann, *bob], key=lambda job: job.ended_at or 0)
    assert [job.visitor for job in in_turn] == ["bob", "ann", "bob", "ann", "ann", "ann"]


def test_several_workers_work_at_the_same_time(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=2)
    one, two = (jobs.submit([nap(500)], name) for name in ("ann", "bob"))
    until(lambda: one.state == two.state == "working" and one.done > 0 and two.done > 0)
    jobs.cancel_all("ann")
    assert ended(one) == "cancelled"
    assert two.state == "working"
    jobs.cancel_all("bob")
    assert ended(two) == "cancelled"


def test_cancelled_while_waiting_it_never_begins(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    first = jobs.submit([nap(300)], "ann")
    until(lambda: first.state == "working")
    second, third = jobs.submit([nap(1)], "ann"), jobs.submit([nap(1)], "bob")
    second.cancel()
    assert second.state == "cancelled"
    assert not second.folder.exists()
    first.cancel()
    assert ended(third) == "done"
    assert second.seconds == 0
    assert files(jobs.root) == ["nap.mp4"]


def test_a_worker_that_does_not_heed_is_ended_within_four_seconds(
    naps: Callable[..., Jobs],
) -> None:
    jobs = naps(workers=1)
    job = jobs.submit([nap(6000, still=True)], "ann")
    until(lambda: job.stage == "sleeping")
    before, start = jobs.pids(), time.monotonic()
    job.cancel()
    assert ended(job) == "cancelled"
    assert 2.5 < time.monotonic() - start < 4
    assert not job.folder.exists()
    assert ended(jobs.submit([nap(1)], "ann")) == "done"
    assert jobs.pids() != before


def test_a_full_line_refuses_and_one_visitor_cannot_fill_it(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1, waiting=4)
    first = jobs.submit([nap(500)], "ann")
    until(lambda: first.state == "working")
    for _ in range(2):
        jobs.submit([nap(1)], "ann")
    with pytest.raises(InputError, match="2 of your requests are waiting"):
        jobs.submit([nap(1)], "ann")
    for _ in range(2):
        jobs.submit([nap(1)], "bob")
    with pytest.raises(InputError, match="4 requests are waiting"):
        jobs.submit([nap(1)], "cleo")
    jobs.cancel_all("bob")
    assert jobs.submit([nap(1)], "cleo").state == "waiting"
    assert not (jobs.root / "made" / "bob").exists()


def test_a_worker_that_leaves_by_itself_is_replaced(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    job = jobs.submit([nap(1, crop=True)], "ann")
    assert ended(job) == "failed"
    assert job.error is not None
    assert "code 3" in job.error
    assert ended(jobs.submit([nap(1)], "ann")) == "done"


def test_a_later_call_that_fails_leaves_what_earlier_ones_made(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    second = Call("talk", {**nap(1, crop=True).values}, {"output": "other.mp4"})
    job = jobs.submit([nap(1), second], "ann")
    assert ended(job) == "failed"
    assert job.error_call == 1
    assert files(job.folder) == ["nap.mp4"]
    assert job.files["output"].name == "nap.mp4"
    assert job.notes == ["slept 1"]


def test_new_workers_warm_up_until_somebody_asks(naps: Callable[..., Jobs]) -> None:
    warm = naps(workers=1, warm=[nap(1)])
    until(warm.is_warm)
    assert files(warm.root) == []
    busy = naps(workers=1, warm=[nap(6000), nap(6000)])
    job = busy.submit([nap(1)], "ann")
    assert ended(job) == "done"
    assert job.seconds < 10
    until(busy.is_warm)
    assert files(busy.root) == ["nap.mp4"]


def test_old_jobs_are_swept(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    old = jobs.submit([nap(1)], "ann")
    assert ended(old) == "done"
    time.sleep(0.3)
    long = jobs.submit([nap(500)], "ann")
    assert jobs.sweep(older_than_s=60) == 0
    assert jobs.sweep(older_than_s=0.2) == 1
    assert (jobs.of("ann"), jobs.get(old.id), jobs.get(long.id)) == ([long], None, long)
    assert not old.folder.exists()


def test_of_many_jobs_the_last_ones_are_kept(
    naps: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkgen.apps.jobs.ITS_JOBS", 3)
    jobs = naps(workers=1)
    other = jobs.submit([nap(1)], "bob")
    made = []
    for _ in range(5):
        made.append(jobs.submit([nap(1)], "ann"))
        assert ended(made[-1]) == "done"
    last = jobs.submit([nap(1)], "ann")
    assert jobs.of("ann") == [*made[2:], last]
    assert [job.folder.exists() for job in made] == [False, False, True, True, True]
    assert ended(other) == "done"
    assert other.files["output"].exists()


def test_where_no_worker_can_be_started_jobs_wait_until_one_can(
    naps: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkgen.apps import jobs as module

    able = module.Worker

    def unable(*_: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(module, "TROUBLE_S", 0.05)
    monkeypatch.setattr(module, "Worker", unable)
    jobs = naps(workers=1)
    job = jobs.submit([nap(1)], "ann")
    time.sleep(0.3)
    assert job.state == "waiting"
    monkeypatch.setattr(module, "Worker", able)
    assert ended(job) == "done"


def test_a_full_disk_takes_no_more(
    naps: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkgen.apps.jobs.LEAST_FREE", 1 << 60)
    jobs = naps(workers=1)
    with pytest.raises(InputError, match="disk is full"):
        jobs.submit([nap(1)], "ann")
    assert jobs.of("ann") == []
    assert list(jobs.root.iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", ".", "x" * 200, "ann\0", "ä"])
def test_no_visitors_name_leads_elsewhere(name: str, naps: Callable[..., Jobs]) -> None:
    jobs = Jobs(naps(workers=1).root / "other", workers=1, runner=Napper)  # never started
    job = jobs.submit([nap(1)], name)
    made_in = jobs.root / "made"
    assert job.folder.resolve().parent.parent == made_in.resolve()
    assert job.folder.is_dir()
    jobs.close()
    assert not job.folder.exists()


def test_closing_ends_everything(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=2)
    running = [jobs.submit([nap(6000)], "ann") for _ in range(3)]
    until(lambda: sum(job.state == "working" for job in running) == 2)
    start = time.monotonic()
    jobs.close()
    assert time.monotonic() - start < 3
    assert [job.state for job in running] == ["cancelled"] * 3
    assert files(jobs.root) == []


def test_pace_follows_the_last_seconds() -> None:
    pace = Pace()
    assert pace.left(100, 0.0) is None
    for n in range(1, 11):  # ten slow ones, then fast ones
        pace.at(n, 2.0 * n)
    assert pace.left(100, 20.0) == pytest.approx(180, rel=0.05)
    for n in range(11, 91):
        pace.at(n, 20 + 0.1 * (n - 10))
    assert pace.left(100, 28.0) == pytest.approx(1.0, abs=0.2)
    assert pace.left(0, 28.0) is None


def test_a_turn_begins_when_a_worker_is_free() -> None:
    assert begins_in([3.0], []) == 3
    assert begins_in([3.0, 10.0], [4.0]) == 7
    assert begins_in([3.0, 10.0], [4.0, 1.0, 5.0]) == 10
    assert begins_in([3.0, None], []) is None
    assert begins_in([3.0], [None]) is None


def test_waiting_tells_how_long_once_it_is_known(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    assert ended(jobs.submit([nap(100)], "ann")) == "done"
    first = jobs.submit([nap(300)], "ann")
    until(lambda: first.state == "working")
    second, third = jobs.submit([nap(1)], "bob"), jobs.submit([nap(1)], "ann")
    assert second.begins_in == pytest.approx(0.9, abs=0.5)
    assert third.begins_in == pytest.approx(1.9, abs=0.5)
    assert first.begins_in is None
    assert "begins in about" in status_html(third)
    jobs.cancel_all("ann")


def test_status_says_it_in_words_and_escapes_them(naps: Callable[..., Jobs]) -> None:
    jobs = naps(workers=1)
    call = Call("talk", nap(500).values, {"output": "n.mp4"}, "making <b>")
    first = jobs.submit([call], "ann")
    until(lambda: first.done > 200)
    second, third = jobs.submit([nap(1)], "ann"), jobs.submit([nap(1)], "bob")
    said = status_html(first)
    assert 'role="status" aria-live="polite">Making &lt;b&gt;: sleeping<' in said
    assert " of 500 frames, " in said
    assert " s left" in said
    assert '<progress value="' in said
    assert "you are next" in status_html(third)
    assert "1 before you" in status_html(second)
    jobs.cancel_all("ann")
    ended(first)
    assert "Cancelled" in status_html(first)
    assert "<progress" not in status_html(first)
    assert error_html("<script>") == (
        '<p class="tg-error" role="alert"><b>Error:</b> &lt;script&gt;</p>'
    )
    assert error_html("") == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.7, "1 min"), (80, "1 min 20 s"), (7500, "2 h 5 min")]
)
def test_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
