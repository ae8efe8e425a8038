"""Train the expression critic from the faces of `prepare_expressions.py`.

python scripts/train_expressions.py --faces cache/expressions --out cache/critic

Four steps, each going on where an earlier run stopped: `teach` (what faces do, 47 minutes of one
core), `folds` (emotions, five times without a fifth of the people, 5 x 5 minutes: what is measured
and calibrated on), `final` (emotions of everybody, 5 minutes), `fit` (linear readers, calibration,
checkpoint and results, 4 minutes). The shipped one was taught in four runs, each going on from the
one before with more rendered heads; its folds learned emotions before the heads of action units
were made.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

STEPS = ("teach", "folds", "final", "fit")


def main(
    faces: Annotated[Path, typer.Option(help="Folder of prepare_expressions.py.")],
    out: Annotated[Path, typer.Option(help="Folder of states and of the checkpoint.")],
    step: Annotated[str, typer.Option(help=f"One of {', '.join(STEPS)}; all in turn.")] = "",
    fold: Annotated[int, typer.Option(help="Only this fold, 0 to 4.")] = -1,
    minutes: Annotated[float, typer.Option(help="Processor minutes of `teach`.")] = 47.0,
    learn_minutes: Annotated[float, typer.Option(help="Of each fit of emotions.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Of weights and of what is drawn.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of the networks.")] = 1,
    results: Annotated[Path | None, typer.Option(help="JSON file of the figures.")] = None,
) -> None:
    """Train the expression critic."""
    import torch

    from talkgen.training import expression_fit as fit

    torch.set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    job = fit.Job(faces, out, seed=seed)
    wanted = STEPS if not step else (step,)
    if "teach" in wanted:
        job.teach(minutes)
    if "folds" in wanted:
        for number in range(fit.FOLDS) if fold < 0 else (fold,):
            job.learn(number, learn_minutes)
    if "final" in wanted:
        job.learn(None, learn_minutes)
    if "fit" in wanted:
        job.finish(results)


if __name__ == "__main__":
    typer.run(main)
