"""Gather faces for the expression critic, going on where an earlier run stopped.

TALKGEN_DATA=../shared python scripts/prepare_expressions.py --out cache/expressions
    --faces cache/faces --rendered cache/rendered/mix --held cache/rendered/held

`--faces` and `--rendered` are what `prepare_faces.py` and `render_heads.py` wrote. About half an
hour of one core: 2 minutes for the labelled faces, 3 for the others, 12 to pose 360 portraits and
96 frames, 12 to render 13 000 heads of action units.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.synthetic.heads import HeadStudio
from talkgen.training import expression_data as data_of
from talkgen.training.expression_posed import calm_portraits, posed, spoken
from talkgen.training.expression_rendered import unit_heads

HELD_SEED = 100_003
"""Added to the seed for people kept aside, as in render_heads.py."""


def main(
    out: Annotated[Path, typer.Option(help="Folder of the .npz files.")],
    faces: Annotated[Path, typer.Option(help="Folder of prepare_faces.py.")],
    rendered: Annotated[Path, typer.Option(help="Folder of render_heads.py.")],
    held: Annotated[Path, typer.Option(help="The same, of people kept aside.")],
    people: Annotated[int, typer.Option(help="Portraits that are posed.")] = 360,
    heads: Annotated[int, typer.Option(help="Heads rendered for their action units.")] = 13000,
    bank: Annotated[Path | None, typer.Option(help="Folder that keeps the heads' skins.")] = None,
    seed: Annotated[int, typer.Option(help="Which portraits, poses and sounds.")] = 0,
    only: Annotated[str, typer.Option(help="Only this file: labelled, taught, ...")] = "",
) -> None:
    """Gather faces."""
    import torch

    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    analyzer = FaceAnalyzer.from_pretrained()

    def pose(portraits: Sequence[tuple[str, Any]]) -> data_of.Faces:
        from talkgen.motion.generator import MotionGenerator

        speech = data / "data" / "speech"
        sounds = sorted((speech / "languages").rglob("*.flac"))
        sounds += sorted((speech / "ljspeech").rglob("*.flac"))[::2]
        sounds += sorted((speech / "emodb").rglob("*.flac"))[::20]
        bank = spoken(MotionGenerator.from_pretrained(), sounds, seed=seed)
        return posed(portraits, bank, analyzer, seed=seed)

    def units(count: int, *, held: bool) -> data_of.Faces:
        studio = HeadStudio.from_data(data, held=held, seed=seed + held * HELD_SEED, folder=bank)
        return unit_heads(studio, analyzer, count, seed=seed + held * HELD_SEED)

    def frames() -> data_of.Faces:
        gathered = data_of.Gathered()
        for image, face, person in data_of.clip_frames(data, analyzer):
            gathered.add(image, face, person, speaking=True)
        return gathered.faces()

    makers: dict[str, Callable[[], data_of.Faces]] = {
        "labelled": lambda: data_of.labelled(data, analyzer),
        "taught": lambda: data_of.taught(faces, analyzer),
        "rendered": lambda: data_of.rendered(rendered, analyzer),
        "held": lambda: data_of.rendered(held, analyzer),
        "clips": frames,
        "units": lambda: units(heads, held=False),
        "units_held": lambda: units(400, held=True),
        "posed": lambda: pose(calm_portraits(data, people, seed=seed)),
        "modern": lambda: pose(data_of.calm_frames(data, analyzer)),
    }
    for name, make in makers.items():
        path = out / f"{name}.npz"
        if path.exists() or (only and name != only):
            continue
        made = make()
        made.save(path)
        logging.info("%s: %d faces of %d people", path, len(made), len(set(made.person.tolist())))


if __name__ == "__main__":
    typer.run(main)
