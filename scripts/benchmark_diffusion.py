"""Speed and memory of the diffusion renderer, for each number of steps and each option.

    python scripts/benchmark_diffusion.py             # all, into results/diffusion_speed.json
    python scripts/benchmark_diffusion.py --steps 4 --options default bfloat16 --frames 6 --dry
    python scripts/benchmark_diffusion.py --device cuda

Face crops of 256 pixels, seeded speech-like movement of the example portrait, cut and enlarged to
512 pixels. `networks` is encoding, the flow and decoding alone; `whole` also draws the mesh and
lays the difference into it. Each case runs in a process of its own, so that the peak memory is its
own. Frames a second are those of the fastest block (other programs may be running), the median
stands beside them. `first_s` is the first block's time, with compiling. `off` says how far the
drawn levels of 255 are, at most and on average, from those of the option "default". Run it on an
idle machine; needs the shipped networks, or others by --autoencoder and --denoiser.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "diffusion_speed.json"
STEPS = (1, 4, 20)
OPTIONS: dict[str, dict[str, Any]] = {  # of talkgen.render.performance.Performance
    "default": {},
    "one_thread": {"threads": 1},
    "channels_first": {"channels_last": False},
    "bfloat16": {"dtype": "bfloat16"},
    "float32": {"dtype": "float32"},
    "sdpa": {"attention": "sdpa"},
    "xformers": {"attention": "xformers"},
    "compiled": {"compiled": True},
    "tiling": {"tiling": True},
}
ON = {
    "cpu": ("default", "one_thread", "channels_first", "bfloat16", "compiled", "tiling"),
    "cuda": ("default", "channels_first", "float32", "sdpa", "xformers", "compiled", "tiling"),
}
"""What differs from the default on a device."""
CORES = 2
TARGETS = {("cpu", 1): 5.0, ("cpu", 4): 2.0, ("cuda", 4): 100.0}
"""Frames a second, networks alone."""
BLOCK = 4
COMPARED = 2


def renderer_of(options: argparse.Namespace, case: str, steps: int) -> Any:
    """Return the renderer of a case."""
    from talkgen.render.diffusion import DiffusionRenderer
    from talkgen.render.performance import Performance

    cpu = {} if options.device != "cpu" else {"threads": CORES}
    return DiffusionRenderer.from_pretrained(
        options.autoencoder, options.denoiser, threads=CORES, steps=steps, seed=options.seed,
        device=options.device, batch=BLOCK, performance=Performance(**{**cpu, **OPTIONS[case]}),
    )  # fmt: skip


def measure(options: argparse.Namespace, case: str, steps: int) -> dict[str, Any]:
    """Return the figures of one case, measured in this process."""
    import numpy as np
    from benchmark_renderer import enlarged, spoken

    renderer = renderer_of(options, case, steps)
    loaded = peak_mb(options.device)
    ready = renderer.prepare(enlarged("512"))
    blocks = max(1, round(options.frames / BLOCK))
    motion = spoken((blocks + 1) * BLOCK, options.seed)
    kept: list[Any] = []
    networks: list[float] = []
    change = renderer.sampler.change

    def timed(*given: Any) -> Any:
        start = time.perf_counter()
        made = change(*given)  # hands back arrays, so what a GPU began is done
        networks.append(time.perf_counter() - start)
        kept.append(made[0][:COMPARED])
        return made

    renderer.sampler.change = timed
    whole, last = [], time.perf_counter()
    for number, _ in enumerate(renderer.render(ready, motion), 1):
        if number % BLOCK == 0:
            now = time.perf_counter()
            whole.append(now - last)
            last = now
    np.save(options.here, np.concatenate(kept[:1]))
    target = TARGETS.get((options.device.split(":")[0], steps))
    return {
        "frames": blocks * BLOCK,
        "networks_frames_per_s": round(BLOCK / min(networks[1:]), 2),
        "networks_frames_per_s_median": round(BLOCK / float(np.median(networks[1:])), 2),
        "whole_frames_per_s": round(BLOCK / min(whole[1:]), 2),
        "whole_frames_per_s_median": round(BLOCK / float(np.median(whole[1:])), 2),
        "first_s": round(networks[0], 2),
        "loaded_mb": round(loaded), "peak_mb": round(peak_mb(options.device)),
        **({} if target is None else {"target_frames_per_s": target}),
    }  # fmt: skip


def peak_mb(device: str) -> float:
    """Return the most memory that this process has held, MB: of the GPU, where it computes."""
    if device != "cpu":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(one: Path, other: Path) -> dict[str, float]:
    """Return how far what two cases drew is apart, in levels of 255."""
    import numpy as np

    gap = np.abs(np.load(one).astype(np.float64) - np.load(other))
    return {"most": round(float(gap.max()), 3), "mean": round(float(gap.mean()), 4)}


def run_case(options: argparse.Namespace, case: str, steps: int, shown: Path) -> dict[str, Any]:
    """Return the figures of one case, measured in a process of its own; or why there are none."""
    done = subprocess.run(
        [
            sys.executable, __file__, "--here", str(shown), "--steps", str(steps),
            "--options", case, "--frames", str(options.frames), "--seed", str(options.seed),
            "--device", options.device, "--autoencoder", options.autoencoder,
            "--denoiser", options.denoiser,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return {"failed": reason[:300]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--steps", nargs="+", type=int, default=list(STEPS))
    parser.add_argument("--options", nargs="+", choices=list(OPTIONS))
    parser.add_argument("--frames", type=int, default=24, help="of each case, in blocks of 4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--autoencoder", default="autoencoder", help="name or folder")
    parser.add_argument("--denoiser", default="denoiser", help="name or folder")
    parser.add_argument("--dry", action="store_true", help="print, write nothing")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure every case in its own process and write the results."""
    options = parsed()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if options.here:
        print(json.dumps(measure(options, options.options[0], options.steps[0])))
        return
    from benchmark import commit, machine

    kind = options.device.split(":")[0]
    cases = options.options or list(ON[kind])
    everything = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        for steps in options.steps:
            found: dict[str, Any] = {}
            for case in cases:
                shown = Path(folder) / f"{case}_{steps}.npy"
                found[case] = run_case(options, case, steps, shown)
                plain = Path(folder) / f"default_{steps}.npy"
                if case != "default" and shown.is_file() and plain.is_file():
                    found[case]["off"] = apart(shown, plain)
                print(options.device, steps, case, json.dumps(found[case]), flush=True)
            place = everything.setdefault(kind, {}).setdefault(f"steps_{steps}", {})
            place.update(found)
    everything[kind] |= {
        "seed": options.seed, "date": datetime.date.today().isoformat(), "machine": where(kind),
        "processor": machine(), "commit": commit(), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    if not options.dry:
        RESULTS.write_text(json.dumps(everything, indent=2) + "\n")


def where(kind: str) -> str:
    """Return the name of what computes."""
    if kind == "cpu":
        from benchmark import machine

        return machine()
    import torch

    return torch.cuda.get_device_name()


if __name__ == "__main__":
    main()
