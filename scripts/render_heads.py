"""Render labelled heads into shards, going on where an earlier run stopped.

TALKGEN_DATA=../shared python scripts/render_heads.py --out cache/rendered/train --count 8000
TALKGEN_DATA=../shared python scripts/render_heads.py --out cache/rendered/held --count 600 --held
python scripts/render_heads.py --out cache/rendered/plain --count 100 --plain
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from talkgen.synthetic.heads import HeadStudio
from talkgen.synthetic.shards import write_shards

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


if __name__ == "__main__":
    typer.run(main)
