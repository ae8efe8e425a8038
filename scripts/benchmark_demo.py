"""`talkgen demo` measured: how soon it answers, how soon a preview comes, and ten talks at once.

    python scripts/benchmark_demo.py [--only startup preview talks] [--rounds 3] [--talks 10]

Startup: from the command's start to the page's answer, and to workers that have loaded their
models. Preview: the Emotion tab in Chromium, from a change of a slider to the other picture on the
screen. Talks: asked for all at once by two visitors through `gradio_client`; each with its report,
and the memory of the server and of each worker meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT, SPEECH = ROOT / "examples" / "portrait.jpg", ROOT / "examples" / "speech.flac"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
GIVE_UP_S = 120.0
IDLE = 0.1
"""Share of a processor that a server with nothing to do may take."""
SETTLED = 3
"""Talks after which memory should grow no more."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/demo.json"))
    parser.add_argument(
        "--only", nargs="+", choices=tuple(MEASURES), help="others stay as they are"
    )
    parser.add_argument("--rounds", type=int, default=3, help="starts of the server")
    parser.add_argument("--changes", type=int, default=30, help="previews")
    parser.add_argument("--talks", type=int, default=10)
    parser.add_argument("--size", type=int, default=512, help="of the talks, pixels")
    parser.add_argument("--workers", type=int, help="as for `talkgen demo`")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    result: dict[str, Any] = {}
    if args.only and args.out.exists():
        result = json.loads(args.out.read_text("utf-8"))
    load = os.getloadavg()[0]
    for name, measure in MEASURES.items():
        if not args.only or name in args.only:
            result[name] = measure(args)
            print(name, json.dumps(result[name]), flush=True)
    result |= {
        "seed": args.seed, "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before",
    }  # fmt: skip
    args.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1) + "\n"
    rows = re.compile(r"\[\s+((?:[-\d.]+,?\s+)+)\]")  # of numbers alone: on one line
    text = rows.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
    args.out.write_text(text, encoding="utf-8")


@dataclass
class Server:
    """A running `talkgen demo`. seconds : from the start to the page's answer"""

    url: str
    process: subprocess.Popen[str]
    seconds: float


@contextlib.contextmanager
def serving(args: Any) -> Iterator[Server]:
    """Give a server on a free port."""
    command = [sys.executable, "-u", "-m", "talkgen", "demo", "--port", "0", "--no-open"]
    if args.workers:
        command += ["--workers", str(args.workers)]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        start = time.monotonic()
        with log.open("w") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, text=True,
                env=os.environ | {"TMPDIR": folder},
            )  # fmt: skip
        try:
            while not (said := re.search(r"http://[\w.:\[\]]+\d", log.read_text())):
                if process.poll() is not None or time.monotonic() - start > GIVE_UP_S:
                    sys.exit(f"talkgen demo did not start:\n{log.read_text()}")
                time.sleep(0.02)
            with urllib.request.urlopen(said.group(), timeout=GIVE_UP_S) as answer:
                assert b"talkgen" in answer.read()
            yield Server(said.group(), process, time.monotonic() - start)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def startup(args: Any) -> dict[str, Any]:
    """Return seconds until the page answers, and until nothing computes any more."""
    answered, quiet = [], []
    for _ in range(args.rounds):
        with serving(args) as server:
            answered.append(round(server.seconds, 2))
            quiet.append(round(server.seconds + until_quiet(server.process.pid), 2))
    return {
        "what": "seconds from the command's start; answers: the page is sent; warm: workers and "
                "previews have loaded their models", "n": args.rounds,
        "answers_s": answered, "warm_s": quiet,
    }  # fmt: skip


def until_quiet(pid: int, calm_s: float = 1.0) -> float:
    """Return seconds until a server and its workers computed nothing for a while."""
    start = time.monotonic()
    seen = [(start, -GIVE_UP_S)]
    while seen[-1][0] - start < GIVE_UP_S:
        time.sleep(0.1)
        seen.append((time.monotonic(), sum(processor_seconds(one) for one in family(pid))))
        since = next(
            one for one in reversed(seen) if one[0] < seen[-1][0] - calm_s or one is seen[0]
        )
        if seen[-1][1] - since[1] < IDLE * calm_s:
            return since[0] - start
    return GIVE_UP_S


# Preview


def preview(args: Any) -> dict[str, Any]:
    """Return seconds from a change on the page to another picture on the screen."""
    from gradio_client import Client
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with serving(args) as server, sync_playwright() as playwright:
        until_quiet(server.process.pid)
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(server.url)
        page.get_by_role("tab", name="Emotion", exact=True).click()
        panel = page.get_by_role("tabpanel").filter(visible=True).first
        upload = panel.locator("#emotion-portrait input[type=file]").first
        slider = panel.locator("input[type=range][aria-label*=happy]").first
        first = changed(page, lambda: upload.set_input_files(str(PORTRAIT)))

        def changes() -> dict[str, Any]:
            took = []
            for n in range(args.changes):
                level = 0.1 + 0.8 * ((n * 7) % 10) / 10
                took.append(changed(page, lambda level=level: slider.evaluate(SET, level)))
            return {
                "n": len(took), "median_s": round(statistics.median(took), 3),
                "p95_s": round(sorted(took)[round(0.95 * (len(took) - 1))], 3),
                "most_s": round(max(took), 3),
            }  # fmt: skip

        alone = changes()
        client = Client(server.url, verbose=False)
        running = [asked_talk(client, args, n) for n in range(args.talks)]
        time.sleep(2)
        busy = changes()
        drawing = not all(job.done() for job in running)  # they come in any order
        for job in running:
            job.cancel()
        browser.close()
    return {
        "what": "seconds from an input event in Chromium until another picture has been decoded "
                "there, 512 px; first: of a portrait that was just given; busy: while talks of "
                "another visitor are made", "first_s": round(first, 3),
        "alone": alone, "busy": busy, "busy_to_the_end": drawing,
    }  # fmt: skip


SET = """(slider, share) => {
    const [low, high] = [Number(slider.min || 0), Number(slider.max || 100)];
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
    set.call(slider, low + share * (high - low));
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    slider.dispatchEvent(new Event("change", {bubbles: true}));
    slider.dispatchEvent(new PointerEvent("pointerup", {bubbles: true}));
}"""
WATCH = """() => {
    const start = performance.now();
    const shown = () => document.querySelector("#emotion-preview img");
    const before = shown()?.currentSrc;
    window.seen = new Promise((done, fail) => {
        setTimeout(() => fail(new Error("no other picture came")), 30000);
        const look = async () => {
            const image = shown();
            if (image?.complete && image.naturalWidth > 200 && image.currentSrc !== before) {
                await image.decode();
                return done((performance.now() - start) / 1000);
            }
            requestAnimationFrame(look);
        };
        look();
    });
}"""


def changed(page: Any, change: Any) -> float:
    """Return seconds until a change has brought another picture."""
    page.wait_for_timeout(300)
    page.evaluate(WATCH)
    change()
    return float(page.evaluate("() => window.seen"))


# Talks


def talks(args: Any) -> dict[str, Any]:
    """Return how long talks took that were asked for at once, and the memory meanwhile."""
    from gradio_client import Client

    with serving(args) as server:
        until_quiet(server.process.pid)
        clients = [Client(server.url, verbose=False) for _ in range(2)]
        with Watching(server.process.pid) as memory:
            start = time.monotonic()
            running = [asked_talk(clients[n % 2], args, n) for n in range(args.talks)]
            ended: list[float] = []
            for job in running:
                job.add_done_callback(lambda _: ended.append(time.monotonic() - start))
            made = [job.result(timeout=1200) for job in running]
            time.sleep(3)
    ended.sort()
    settled = [row for row in memory.rows if row[0] >= ended[min(SETTLED, len(ended)) - 1]]
    grown = {
        name: round(settled[-1][column] - settled[0][column])
        for column, name in ((1, "server"), (2, "workers"))
    }
    return {
        "what": f"talks of {SPEECH.name} at {args.size} px with their reports, asked for at once "
                "by two visitors through gradio_client", "n": args.talks,
        "whole": sum(bool(whole(video) and report) for video, _, report in made),
        "workers": memory.workers, "seconds": round(ended[-1], 1),
        "ended_s": [round(t, 1) for t in ended],
        "memory_mib": {
            "columns": ["seconds", "server", "workers"], "rows": memory.thinned(),
            f"grown_after_{SETTLED}": grown,
        },
    }  # fmt: skip


def asked_talk(client: Any, args: Any, number: int) -> Any:
    """Ask for a talk; return gradio_client's job."""
    from gradio_client import handle_file

    return client.submit(
        portrait=handle_file(str(PORTRAIT)), speech=handle_file(str(SPEECH)), emotion="happy:0.7",
        size=str(args.size), seed=args.seed + number, api_name="/talk",
    )  # fmt: skip


def whole(path: str) -> bool:
    """Return whether a video has all the frames of the speech."""
    import soundfile

    from talkgen.io.video import open_video

    seconds = soundfile.info(SPEECH).duration
    return len(list(open_video(path).frames())) == round(25 * seconds)


@dataclass
class Watching:
    """Takes the memory of a server and its workers each second. rows : time, server, workers"""

    pid: int
    rows: list[tuple[float, float, float]] = field(default_factory=list)
    workers: int = 0

    def __enter__(self) -> Watching:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        start = time.monotonic()
        while not self._over.wait(1.0):
            own, *others = [resident_mib(one) for one in family(self.pid)]
            big = [mib for mib in others if mib > 50]  # without multiprocessing's own helper
            self.workers = max(self.workers, len(big))
            self.rows.append((round(time.monotonic() - start, 1), round(own), round(sum(big))))

    def thinned(self, most: int = 40) -> list[list[float]]:
        """Return some of the rows, the last one too."""
        step = max(1, -(-len(self.rows) // most))
        return [list(row) for row in self.rows[::-1][::step][::-1]]


# Processes, as Linux shows them


def family(pid: int) -> list[int]:
    """Return a process and all that it has started, itself first."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            rest = path.read_text().rpartition(")")[2].split()
            children.setdefault(int(rest[1]), []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds; 0 where it has ended."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 0.0


def processor_seconds(pid: int) -> float:
    """Return how long a process has computed; 0 where it has ended."""
    with contextlib.suppress(OSError):
        rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


MEASURES = {"startup": startup, "preview": preview, "talks": talks}

if __name__ == "__main__":
    main()
