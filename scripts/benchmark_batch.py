"""`talkgen batch` measured: killed at random and gone on with; Ray beside workers of its own.

    python scripts/benchmark_batch.py [--jobs 100] [--kills 3] [--ray-jobs 30] [--seed 0]

Killed: jobs of `motion` and, every fifth, `talk` on the bundled portrait, each with another seed;
the run is ended by SIGKILL at random moments, begun again after each, and at last left alone.
Counted: whole outputs (every frame decoded), jobs made more than once, files left over. Ray: the
same jobs on a cluster of this machine with as many workers, and tasks that only sleep, which leaves
what the pool itself costs.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
SECONDS, SIZE, FPS = 0.48, 128, 25
STATE = ".talkgen-batch"
NAP_S, NAPS = 0.25, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/batch.json"))
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--ray-jobs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2, help="of the comparison with Ray")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("killed", "ray"), help="the other stays as it was")
    args = parser.parse_args()
    result: dict[str, Any] = json.loads(args.out.read_text("utf-8")) if args.only else {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        speech = short_speech(home)
        for name, measure in (("killed", killed), ("ray", beside_ray)):
            if args.only in (None, name):
                result[name] = measure(home, speech, args)
                print(json.dumps(result[name]), flush=True)
    result |= {
        "what": f"motion and, every fifth, talk at {SIZE} px, {SECONDS} s of speech a job, "
                f"{args.workers} workers; seconds "
                "from the first to the last job that ended, so without starting the workers; "
                "start: from the command's start to the end of the first job",
        "seed": args.seed, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def short_speech(home: Path) -> Path:
    """Return the bundled speech's first half second as a file."""
    import soundfile

    sound, rate = soundfile.read(ROOT / "examples" / "speech.flac")
    start = int(0.5 * rate)
    soundfile.write(home / "speech.wav", sound[start : start + int(SECONDS * rate)], rate)
    return home / "speech.wav"


def table(path: Path, speech: Path, jobs: int) -> Path:
    """Write a table of that many jobs."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["command", "output", "portrait", "speech", "size", "seed", "renderer"])
        portrait = ROOT / "examples" / "portrait.jpg"
        for n in range(jobs):
            name = f"{n // 10}/{n}"
            if n % 5:
                out.writerow(["motion", f"{name}.csv", "", speech, "", n, ""])
            else:
                out.writerow(["talk", f"{name}.mp4", portrait, speech, SIZE, n, "mesh"])
    return path


def command(jobs: Path, out: Path, *more: object) -> list[str]:
    """Return the command line of a batch."""
    return [str(a) for a in (sys.executable, "-m", "talkgen", "batch", jobs, "--out", out, *more)]


def log_of(out: Path) -> list[dict[str, Any]]:
    """Return the lines of a batch's log."""
    path = out / STATE / "log.jsonl"
    return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []


def outputs(out: Path) -> list[Path]:
    """Return the outputs that stand in a folder under their names."""
    found = (p for p in sorted(out.glob("*/*")) if p.suffix in (".mp4", ".csv"))
    return [p for p in found if STATE not in p.parts]


def whole(path: Path) -> bool:
    """Return whether a video, or a motion, has all its frames."""
    from talkgen.errors import TalkgenError
    from talkgen.io.video import open_video
    from talkgen.motion.export import read_motion

    try:
        film = path.suffix == ".mp4"
        count = len(list(open_video(path).frames())) if film else len(read_motion(path))
        return count == round(SECONDS * FPS)
    except TalkgenError:
        return False


def killed(home: Path, speech: Path, args: Any) -> dict[str, Any]:
    """Return what came of a batch that was killed again and again."""
    rng, out = random.Random(args.seed), home / "killed"
    jobs = table(home / "killed.csv", speech, args.jobs)
    line = command(jobs, out, "--workers", args.workers)
    before: dict[str, int] = {}
    broken_after_kill = remade = 0
    ended: list[int] = []
    for number in range(args.kills):
        share = args.jobs // (args.kills + 1)
        aim = len(before) + rng.randint(share // 2, share)
        process = subprocess.Popen(line, cwd=ROOT, stderr=subprocess.DEVNULL)
        while len(outputs(out)) < aim and process.poll() is None:
            time.sleep(0.05)
        time.sleep(rng.random())  # amid whatever it does then
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.5)
        now = {str(p): p.stat().st_mtime_ns for p in outputs(out)}
        remade += sum(now.get(path) != then for path, then in before.items())
        broken_after_kill += sum(not whole(Path(path)) for path in now)
        before = now
        ended.append(len(now))
        print(f"kill {number + 1}: {len(now)} outputs", flush=True)
    start = time.monotonic()
    code = subprocess.run(line, cwd=ROOT, stderr=subprocess.DEVNULL, check=False).returncode
    took = time.monotonic() - start
    last = outputs(out)
    remade += sum(Path(p).stat().st_mtime_ns != then for p, then in before.items())
    made = Counter(x["job"] for x in log_of(out) if x.get("status") == "made")
    start = time.monotonic()
    again = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    strangers = [
        p for p in out.rglob("*")
        if p.is_file() and STATE not in p.parts and p not in last and p != out / "summary.csv"
    ]  # fmt: skip
    return {
        "jobs": args.jobs, "kills": args.kills, "outputs_at_kills": ended, "exit_code": code,
        "outputs": len(last), "whole": sum(map(whole, last)),
        "broken_at_a_kill": broken_after_kill, "remade_though_done": remade,
        "made_more_than_once": sum(n > 1 for n in made.values()),
        "files_left_over": len(strangers) + len(list((out / STATE / "work").iterdir())),
        "last_run_seconds": round(took, 1),
        "rerun_kept": f"0 made, {args.jobs} kept" in again.stderr,
        "rerun_seconds": round(time.monotonic() - start, 1),
    }  # fmt: skip


def beside_ray(home: Path, speech: Path, args: Any) -> dict[str, Any]:
    """Return seconds of the same jobs by workers of this machine and by Ray's."""
    jobs = table(home / "ray.csv", speech, args.ray_jobs)
    spans: dict[str, list[float]] = {"workers": [], "ray": []}
    starts: dict[str, list[float]] = {"workers": [], "ray": []}
    for turn in range(args.rounds):
        for name, more in (("workers", ()), ("ray", ("--ray", "auto"))):
            out = home / f"{name}{turn}"
            began = time.time()
            subprocess.run(
                command(jobs, out, "--workers", args.workers, *more), cwd=ROOT, check=True,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            times = sorted(x["time"] for x in log_of(out))
            spans[name].append(round(times[-1] - times[0], 2))
            starts[name].append(round(times[0] - began, 2))
            print(name, spans[name][-1], starts[name][-1], flush=True)
    naps = {name: napping(home / f"nap_{name}", name, args.workers) for name in spans}
    best = {name: min(values) for name, values in spans.items()}
    return {
        "jobs": args.ray_jobs, "seconds": spans, "start_seconds": starts,
        "overhead": round(best["ray"] / best["workers"] - 1, 3),
        "naps": NAPS, "nap_seconds": NAP_S, "naps_took": naps,
        "naps_ideal": NAPS * NAP_S / args.workers,
        "overhead_naps": round(naps["ray"] / naps["workers"] - 1, 3),
    }  # fmt: skip


class Napper:
    """A runner whose tasks sleep."""

    def __call__(self, task: float, place: Path) -> dict[str, Any]:
        time.sleep(task)
        return {}


def napping(home: Path, name: str, size: int) -> float:
    """Return the seconds of tasks that sleep, workers being up."""
    from talkgen.pipelines.batch_ray import RayPool
    from talkgen.pipelines.batch_workers import ProcessPool

    home.mkdir()
    if name == "ray":
        os.environ["PYTHONPATH"] = str(ROOT / "scripts")  # for the actors to find the runner
        pool: Any = RayPool(Napper(), size, home)
    else:
        pool = ProcessPool(Napper(), size, lambda n: home / f"{n}.lock")
    for n in range(size):
        pool.submit(f"first {n}", 1, 0.5, home)
    ended = 0
    while ended < size:
        ended += len(pool.wait())
    start, given, ended = time.monotonic(), 0, 0
    while ended < NAPS:
        while pool.free() and given < NAPS:
            pool.submit(f"{given}", 1, NAP_S, home)
            given += 1
        ended += len(pool.wait())
    took = time.monotonic() - start
    pool.close()
    return round(took, 2)


if __name__ == "__main__":
    main()
