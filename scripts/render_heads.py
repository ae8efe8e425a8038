"""Render labelled heads into shards, going on where an earlier run stopped.

TALKGEN_DATA=../shared python scripts/render_heads.py --out cache/rendered/train --count 8000
TALKGEN_DATA=../shared python scripts/render_heads.py --out cache/rendered/held --count 600 --held
python scripts/render_heads.py --out cache/rendered/plain --count 100 --plain
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import platform
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from talkgen.synthetic.heads import HeadStudio
from talkgen.synthetic.shards import RenderedSet, speed, write_shards
from talkgen.types import MOTION_CHANNELS

HELD_SEED = 100_003
"""Added to the seed for held-out people, so that shapes and scenes differ too."""


def main(
    out: Annotated[Path, typer.Option(help="Folder of the shards.")],
    count: Annotated[int, typer.Option(help="Pictures in all.")] = 8000,
    size: Annotated[int, typer.Option(help="Pixels a side.")] = 256,
    held: Annotated[bool, typer.Option(help="Only people kept aside for measuring.")] = False,
    seed: Annotated[int, typer.Option(help="Which people and scenes.")] = 0,
    plain: Annotated[bool, typer.Option(help="Drawn skins, needs no data.")] = False,
    bank: Annotated[Path | None, typer.Option(help="Folder that keeps the skins.")] = None,
    results: Annotated[Path | None, typer.Option(help="JSON file for speed and counts.")] = None,
    threads: Annotated[int, typer.Option(help="Threads that draw a picture.")] = 1,
) -> None:
    """Render heads."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    seed = seed + HELD_SEED if held else seed
    if plain:
        studio = HeadStudio.plain(seed=seed, size=size, threads=threads)
    else:
        data = os.environ.get("TALKGEN_DATA", "../shared")
        studio = HeadStudio.from_data(
            data, held=held, seed=seed, size=size, folder=bank, threads=threads
        )
    made = write_shards(studio, out, count)
    logging.info("%d pictures made, %d in %s", made, count, out)
    if results is not None:
        figures = report(studio, RenderedSet(out)) | {"seed": seed, "size": size}
        results.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def report(studio: HeadStudio, heads: RenderedSet) -> dict[str, Any]:
    """Return the speed of a studio and what its pictures hold."""
    took = speed(studio)
    yaw = np.degrees(np.abs(heads.rotation[:, 1]))
    strong = (heads.weights > 0.4).mean(axis=0)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {studio.threads} thread",
        "speed": took | {"pictures_a_second_two_processes": round(2000 / took["cpu_ms_a_picture"])},
        "skins": len(studio.skins),
        "pictures": len(heads),
        "people": len(set(heads.person.tolist())),
        "yaw_deg_share": {
            f"{a}-{b}": round(float(((yaw >= a) & (yaw < b)).mean()), 3)
            for a, b in ((0, 15), (15, 30), (30, 45), (45, 60), (60, 91))
        },
        "visible_share": round(float(heads.visible.mean()), 3),
        "weight_above_0.4_share": {
            n: round(float(s), 3) for n, s in zip(MOTION_CHANNELS, strong, strict=True)
        },
    }


if __name__ == "__main__":
    typer.run(main)
