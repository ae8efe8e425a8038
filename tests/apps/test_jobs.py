"""Jobs of the page: real commands in real workers, progress, cancelling, death."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from talkgen.apps.call import Call, made
from talkgen.apps.jobs import Jobs
from talkgen.cli import main
from talkgen.io.video import open_video
from tests.apps.waiting import SLOW, ended, files, until

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.2 s of the bundled speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    sound, rate = soundfile.read(ROOT / "examples" / "speech.flac")
    soundfile.write(path, sound[: int(1.2 * rate)], rate)
    return path


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """One worker with the real commands."""
    real = Jobs(tmp_path_factory.mktemp("server"), workers=1)
    real.start()
    yield real
    real.close()


def talk(speech: Path, **values: Any) -> Call:
    return Call(
        "talk", {"portrait": PORTRAIT, "speech": speech, "size": 256, **values},
        {"output": "talk.mp4", "motion_out": "motion.csv"}, "making the video",
    )  # fmt: skip


def test_calls_follow_each_other_and_tell_how_far_they_are(jobs: Jobs, speech: Path) -> None:
    score = Call(
        "score", {"video": made(), "source": PORTRAIT}, {"json": "report.json"}, "measuring"
    )
    job = jobs.submit([talk(speech), score], "ann")
    seen: list[tuple[str, int, str, int, int, frozenset[str]]] = []

    async def watch() -> None:
        async for now in job.updates(every=0.02):
            seen.append(
                (now.state, now.number, now.stage, now.done, now.total, frozenset(now.files))
            )

    asyncio.run(asyncio.wait_for(watch(), SLOW))
    assert job.error is None
    assert seen[-1][0] == "done"
    stages = list(dict.fromkeys((number, stage) for _, number, stage, *_ in seen if stage))
    wanted = [(0, "finding the face"), (0, "drawing"), (1, "watching")]  # others are too short
    assert [stage for stage in stages if stage in wanted] == wanted
    drawn = [(done, total) for _, _, stage, done, total, _ in seen if stage == "drawing" and total]
    assert drawn == sorted(drawn)
    assert drawn[-1] == (30, 30)
    early = [number for _, number, _, _, _, made in seen if "output" in made and "json" not in made]
    assert set(early) == {1}  # the video is there while it is being measured
    assert set(job.files) == {"output", "motion_out", "json"}
    assert open_video(job.files["output"]).num_frames == 30
    assert json.loads(job.files["json"].read_text())
    assert "sync_distance" in job.printed[1]
    assert job.folder.parent == jobs.root / "made" / "ann"
    assert files(job.folder) == ["motion.csv", "report.json", "talk.mp4"]
    assert jobs.of("ann") == [job]
    assert jobs.of("bob") == []
    assert job.shell() == [
        "talkgen talk portrait.jpg speech.wav -o talk.mp4 --size 256 --motion-out motion.csv",
        "talkgen score talk.mp4 --source portrait.jpg --json report.json",
    ]


def test_cancelled_while_drawing_it_leaves_nothing_and_the_worker_is_as_good(
    jobs: Jobs, speech: Path
) -> None:
    first = jobs.submit([talk(speech, emotion="happy")], "ann")
    assert ended(first) == "done"
    process = jobs.pids()
    job = jobs.submit([talk(speech, emotion="happy", size=1024)], "ann")
    until(lambda: job.stage == "drawing" and job.done > 2)
    start = time.monotonic()
    job.cancel()
    assert ended(job) == "cancelled"
    assert time.monotonic() - start < 3
    assert job.done < 30
    assert (job.error, job.files) == (None, {})
    assert not job.folder.exists()
    again = jobs.submit([talk(speech, emotion="happy")], "ann")
    assert ended(again) == "done"
    assert jobs.pids() == process
    assert again.files["output"].read_bytes() == first.files["output"].read_bytes()
    job.cancel()  # of what has ended: nothing happens
    assert job.state == "cancelled"


def test_an_error_is_the_commands_own_line(
    jobs: Jobs,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.wav").write_bytes(speech.read_bytes())
    (tmp_path / "portrait.jpg").write_bytes(PORTRAIT.read_bytes())
    silent = tmp_path / "picture.jpg"
    silent.write_bytes(PORTRAIT.read_bytes())
    for name, value in (
        ("portrait", speech), ("candidates", 99), ("emotion", "hapy:0.7"), ("speech", silent),
    ):  # fmt: skip
        usual = talk(speech)
        call = Call("talk", {**usual.values, name: value}, usual.outputs)
        job = jobs.submit([call], "ann")
        assert ended(job) == "failed"
        with pytest.raises(SystemExit) as left:
            main(shlex.split(call.shell())[1:])
        assert left.value.code == 2
        assert capsys.readouterr().err.splitlines()[-1] == f"talkgen: error: {job.error}"
        assert (job.error_call, job.error_at) == (0, name)
        assert not job.folder.exists()


def test_a_killed_worker_takes_its_job_along_and_no_other(jobs: Jobs, speech: Path) -> None:
    job = jobs.submit([talk(speech, size=1024)], "ann")
    other = jobs.submit([talk(speech)], "bob")
    until(lambda: job.stage == "drawing" and job.done > 2)
    os.kill(jobs.pids()[0], signal.SIGKILL)
    assert ended(job) == "failed"
    assert job.error is not None
    assert "SIGKILL" in job.error
    assert not job.folder.exists()
    assert ended(other) == "done"
    assert len(jobs.pids()) == 1


def test_workers_end_with_a_killed_server(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from talkgen.apps.jobs import Jobs\n"
        "if __name__ == '__main__':\n"
        "    jobs = Jobs(Path(sys.argv[1]), workers=2); jobs.start()\n"
        "    while len(jobs.pids()) < 2: time.sleep(0.05)\n"
        "    print(*jobs.pids(), flush=True); time.sleep(600)\n"
    )
    script = tmp_path / "server.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "root"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    process.wait()
    until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()], 20)
