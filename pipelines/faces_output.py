"""What was read of faces as a table, a JSON file, a picture and masks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import talkgen
from talkgen.errors import OutputError
from talkgen.face.overlay import draw_faces
from talkgen.io.output import check_output, make_folder, whole_file
from talkgen.pipelines.faces import FaceReading
from talkgen.types import MOTION_CHANNELS, FloatArray, ImageArray

STRONG = 0.3
"""Scores from here on are named in the table."""


def faces_table(readings: Sequence[FaceReading]) -> Any:
    """Return a rich table, a line a face: place, verdict, pose, gaze, expression, head fit."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    names = ("face", "px", "at", "score", "verdict", "pitch yaw roll", "gaze", "fit", "scores")
    for column in names:
        table.add_column(column, justify="right" if column in ("face", "px", "fit") else "left")
    for number, reading in enumerate(readings, 1):
        face = reading.face
        x, y = (face.box[:2] + face.box[2:]) / 2
        order = [i for i in np.argsort(-face.scores) if face.scores[i] >= STRONG][:4]
        look = np.degrees(reading.gaze.eyes.mean(0))
        table.add_row(
            str(number), f"{face.size:.0f}", f"{x:.0f},{y:.0f}", f"{face.score:.2f}",
            "; ".join([reading.quality.verdict, *reading.quality.reasons]),
            " ".join(f"{v:+.0f}" for v in np.degrees(face.rotation)),
            f"{look[0]:+.0f} {look[1]:+.0f}", f"{reading.fit.error:.1f} %",
            " ".join(f"{MOTION_CHANNELS[i]} {face.scores[i]:.2f}" for i in order),
        )  # fmt: skip
    return table


def write_json(
    path: str | os.PathLike[str], image: ImageArray, readings: Sequence[FaceReading]
) -> None:
    """Write all numbers; the file appears whole or not at all."""
    content = {
        "talkgen": talkgen.__version__,
        "size": [image.shape[1], image.shape[0]],
        "units": "pixels (x right, y down, z away from the viewer); degrees where a name says so",
        "faces": [reading.to_dict() for reading in readings],
    }
    with whole_file(check_output(path, (".json",))) as part:
        part.write_text(json.dumps(content, indent=1), "utf-8")


def write_overlay(
    path: str | os.PathLike[str], image: ImageArray, readings: Sequence[FaceReading]
) -> None:
    """Write the picture with points, boxes and gaze drawn in."""
    from PIL import Image

    drawn = draw_faces(image, [r.face for r in readings], [r.gaze for r in readings])
    with whole_file(check_output(path, (".png", ".jpg"))) as part:
        Image.fromarray(drawn).save(part)


def check_folder(path: Path) -> None:
    """Raise OutputError, before any work starts, where a folder for several files cannot be."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"output {str(path)!r} is a file; name a folder")
    home = path if path.is_dir() else path.parent
    if not home.is_dir():
        raise OutputError(f"output folder {str(home)!r} does not exist; make it first")
    if not os.access(home, os.W_OK):
        raise OutputError(f"output folder {str(home)!r} is not writable; choose another")


def write_masks(folder: Path, number: int, masks: Mapping[str, FloatArray]) -> None:
    """Write each mask (H, W) in [0, 1] as an 8-bit picture `face<number>_<part>.png`."""
    from PIL import Image

    make_folder(folder)
    for part, mask in masks.items():
        with whole_file(check_output(folder / f"face{number}_{part}.png", (".png",))) as file:
            Image.fromarray(np.rint(np.clip(mask, 0, 1) * 255).astype(np.uint8)).save(file)
