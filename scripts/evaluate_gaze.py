"""Measure the gaze on rendered heads and clips, or fit its constants.

export TALKGEN_DATA=../shared
python scripts/evaluate_gaze.py --held cache/rendered/held --out results/gaze.json
python scripts/evaluate_gaze.py --fit cache/rendered/train
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from talkgen.synthetic.shards import RenderedSet
from talkgen.training.gaze_calibrate import fit_constants, measure


def main(
    held: Annotated[Path | None, typer.Option(help="Rendered heads of held-out people.")] = None,
    fit: Annotated[Path | None, typer.Option(help="Rendered heads to fit constants on.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    seed: Annotated[int, typer.Option(help="Noise while fitting.")] = 0,
) -> None:
    """Fit or measure the gaze."""
    if fit is not None:
        print(json.dumps(fit_constants(RenderedSet(fit), np.random.default_rng(seed)), indent=1))
    if held is not None:
        data = Path(os.environ.get("TALKGEN_DATA", "../shared"))
        figures = measure(RenderedSet(held), data)
        text = json.dumps(figures, indent=1)
        print(text)
        if out is not None:
            out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
