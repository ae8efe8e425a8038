"""Draw many portraits under many expressions and poses on one sheet, to be looked at.

python scripts/contact_sheet.py -o sheet.png face1.jpg face2.jpg
TALKGEN_DATA=../shared python scripts/contact_sheet.py -o sheet.png --group london
TALKGEN_DATA=../shared python scripts/contact_sheet.py -o folder --everything
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from PIL import Image

from talkgen.errors import NoFaceError
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.pipelines.portrait import load_portrait
from talkgen.render.mesh import MeshRenderer, PreparedPortrait
from talkgen.types import MOTION_CHANNELS, ImageArray, Motion

BOTH = ("Left", "Right")


def sides(name: str, value: float) -> dict[str, float]:
    """Return the two channels of a symmetric expression."""
    return {name + side: value for side in BOTH}


COLUMNS: dict[str, tuple[dict[str, float], tuple[float, float, float]]] = {
    "rest": ({}, (0, 0, 0)),
    "jaw .15": ({"jawOpen": 0.15}, (0, 0, 0)),
    "jaw .3": ({"jawOpen": 0.3}, (0, 0, 0)),
    "jaw .6": ({"jawOpen": 0.6}, (0, 0, 0)),
    "pucker": ({"mouthPucker": 0.8}, (0, 0, 0)),
    "funnel": ({"mouthFunnel": 0.6, "jawOpen": 0.25}, (0, 0, 0)),
    "smile": (sides("mouthSmile", 0.7), (0, 0, 0)),
    "ee": (sides("mouthSmile", 0.4) | sides("mouthStretch", 0.4) | {"jawOpen": 0.15}
           | sides("mouthLowerDown", 0.4) | sides("mouthUpperUp", 0.3), (0, 0, 0)),
    "m": ({"jawOpen": 0.2, "mouthClose": 0.2} | sides("mouthPress", 0.4), (0, 0, 0)),
    "f": ({"jawOpen": 0.08, "mouthRollLower": 0.5} | sides("mouthUpperUp", 0.3), (0, 0, 0)),
    "half blink": (sides("eyeBlink", 0.5), (0, 0, 0)),
    "blink": (sides("eyeBlink", 1.0), (0, 0, 0)),
    "aside": ({"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}, (0, 0, 0)),
    "down": (sides("eyeLookDown", 0.5), (0, 0, 0)),
    "wide": (sides("eyeWide", 0.6) | {"browInnerUp": 0.7}, (0, 0, 0)),
    "yaw 15": ({"jawOpen": 0.2}, (0, 15, 0)),
    "yaw -15": ({"jawOpen": 0.2}, (0, -15, 0)),
    "yaw 28": ({"jawOpen": 0.2}, (0, 28, 0)),
    "pitch 10": ({}, (10, 0, 0)),
    "pitch -10": ({}, (-10, 0, 0)),
    "roll 12": ({"jawOpen": 0.1}, (0, 0, 12)),
}  # fmt: skip
"""Name of a column to expression offsets and (pitch, yaw, roll) offsets in degrees."""

PLAIN = tuple(COLUMNS)
MOUTHS = ("rest", "jaw .3", "pucker", "ee", "m")
POSES = {"": (0, 0, 0), " turned": (0, 20, 0), " nod": (12, 0, 8)}
for _mouth in MOUTHS:
    for _name, _pose in POSES.items():
        COLUMNS[_mouth + _name] = (COLUMNS[_mouth][0], _pose)
COLUMNS |= {
    "edge yaw": ({}, (0, 30, 0)), "edge yaw -": ({}, (0, -30, 0)), "edge pitch": ({}, (20, 0, 0)),
    "edge pitch -": ({}, (-20, 0, 0)), "edge roll": ({}, (0, 0, 25)),
}  # fmt: skip

EVERYTHING = {  # sheet: group, columns, zoom
    "london": ("london", [m + p for p in POSES for m in MOUTHS], "head"),
    "portraits": ("portraits", ["jaw .3", "ee", "blink", *list(COLUMNS)[-5:]], "head"),
    "speakers": ("clips", ["jaw .3", "ee", "blink", *list(COLUMNS)[-5:]], "head"),
    "eyes": ("london", ["half blink", "blink", "wide", "aside", "down"], "eyes"),
}
PAGE_ROWS = 16
SOURCE_PX = 700
"""Longer side at which `--everything` draws."""


def column_motion(names: list[str]) -> Motion:
    """Return the columns as one motion of offsets from the portrait's rest."""
    weights = np.zeros((len(names), len(MOTION_CHANNELS)), np.float32)
    rotation = np.zeros((len(names), 3), np.float32)
    for row, name in enumerate(names):
        shapes, degrees = COLUMNS[name]
        for channel, value in shapes.items():
            weights[row, MOTION_CHANNELS.index(channel)] = value
        rotation[row] = np.deg2rad(degrees)
    return Motion(weights, rotation, np.zeros((len(names), 3), np.float32))


def crop_box(ready: PreparedPortrait, zoom: str) -> tuple[int, int, int, int]:
    """Return the square (x0, y0, x1, y1) about the head, the mouth or the eyes."""
    points, eyes = ready.landmarks[:, :2], ready.interocular
    middle, half = {
        "head": (points[[10, 152]].mean(axis=0) - [0, 0.1 * eyes], 1.75 * eyes),
        "mouth": (points[[0, 17, 61, 291]].mean(axis=0) - [0, -0.1 * eyes], 0.55 * eyes),
        "eyes": (points[[33, 263]].mean(axis=0), 0.72 * eyes),
    }[zoom]
    x, y = np.round(middle).astype(int).tolist()
    return x - round(half), y - round(half), x + round(half), y + round(half)


def cut(image: ImageArray, box: tuple[int, int, int, int], side: int) -> ImageArray:
    """Return a `side` pixel square of the picture, grey where the box leaves it."""
    x0, y0, x1, y1 = box
    reach = max(0, -x0, -y0, x1 - image.shape[1], y1 - image.shape[0])
    if reach:
        image = cv2.copyMakeBorder(
            image, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=(128, 128, 128)
        )
    part = image[y0 + reach : y1 + reach, x0 + reach : x1 + reach]
    how = cv2.INTER_AREA if part.shape[0] > side else cv2.INTER_CUBIC
    return cv2.resize(part, (side, side), interpolation=how)


def group_paths(group: str, limit: int) -> list[Path]:
    """Return pictures of one group of the data folder, spread over it."""
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data"
    patterns = {
        "london": "faces/london/*neutral*", "canada": "faces/canada/*.jpg",
        "portraits": "faces/portraits/*", "clips": "clips/train/*_1.mp4",
    }  # fmt: skip
    found = sorted(data.glob(patterns[group])) or sorted(
        data.glob(patterns[group].replace("/*", "/**/*"))
    )
    return found[:: max(1, len(found) // limit)][:limit]


def read_picture(path: Path) -> ImageArray:
    """Return a picture, or a frame of a video, as (H, W, 3) uint8."""
    if path.suffix == ".mp4":
        import imageio.v3 as iio

        return np.ascontiguousarray(iio.imread(path, index=10, plugin="pyav"))
    return np.array(Image.open(path).convert("RGB"))


def main(
    pictures: Annotated[list[Path] | None, typer.Argument()] = None,
    output: Annotated[Path, typer.Option("-o")] = Path("sheet.png"),
    group: str = "",
    limit: int = 8,
    columns: str = "",
    zoom: str = "head",
    side: int = 160,
    backend: str = "embedded",
    astronaut: bool = False,
    everything: bool = False,
) -> None:
    """Write one sheet, a row a portrait, the photograph first; or all groups into a folder."""
    if everything:
        _everything(output, backend, side)
        return
    sources: list[tuple[str, ImageArray]] = []
    if astronaut:
        from skimage import data

        sources.append(("astronaut", data.astronaut()))
    paths = list(pictures or []) + (group_paths(group, limit) if group else [])
    sources += [(path.stem, read_picture(path)) for path in paths]
    analyzer = FaceAnalyzer.from_pretrained(backend=backend)
    renderer = MeshRenderer.from_pretrained()
    names = columns.split(",") if columns else list(PLAIN)
    drawn = (_row(analyzer, renderer, name, image, names, zoom, side) for name, image in sources)
    rows = [row for row in drawn if row is not None]
    Image.fromarray(np.vstack([_header(["photograph", *names], side), *rows])).save(output)


def _everything(folder: Path, backend: str, side: int) -> None:
    """Write all pages of `EVERYTHING`."""
    folder.mkdir(parents=True, exist_ok=True)
    analyzer = FaceAnalyzer.from_pretrained(backend=backend)
    renderer = MeshRenderer.from_pretrained()
    for sheet, (group, names, zoom) in EVERYTHING.items():
        rows: list[ImageArray] = []
        for path in group_paths(group, 1000):
            image = read_picture(path)
            shrink = SOURCE_PX / max(image.shape)
            if shrink < 1:
                image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            row = _row(analyzer, renderer, path.stem, image, names, zoom, side)
            if row is not None:
                rows.append(row)
        for page in range(0, len(rows), PAGE_ROWS):
            part = np.vstack([_header(["", *names], side), *rows[page : page + PAGE_ROWS]])
            Image.fromarray(part).save(folder / f"{sheet}_{page // PAGE_ROWS + 1}.png")


def _row(
    analyzer: FaceAnalyzer,
    renderer: MeshRenderer,
    name: str,
    image: ImageArray,
    names: list[str],
    zoom: str,
    side: int,
) -> ImageArray | None:
    """Return a portrait and its columns side by side, None where no face is found."""
    try:
        portrait = load_portrait(analyzer, image)
    except NoFaceError as error:
        print(f"{name}: {error}")
        return None
    start = time.perf_counter()
    ready = renderer.prepare(portrait)
    prepared = time.perf_counter()
    box = crop_box(ready, zoom)
    cells = [cut(image, box, side)]
    for frame in renderer.render(ready, column_motion(names)):
        cells.append(cut(frame, box, side))
    spent = (time.perf_counter() - prepared) / len(names)
    print(
        f"{name}: {image.shape[1]}x{image.shape[0]}, fit {ready.fit.error:.2f} %, "
        f"prepared in {prepared - start:.2f} s, {1000 * spent:.1f} ms a frame"
    )
    cv2.putText(cells[0], name, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 0, 0), 1)
    return np.hstack(cells)


def _header(names: list[str], side: int) -> ImageArray:
    strip = np.full((18, side * len(names), 3), 255, np.uint8)
    for k, name in enumerate(names):
        cv2.putText(
            strip,
            name,
            (k * side + 4, 13),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.4,
            (0, 0, 0),
            1,
            cv2.LINE_AA,
        )
    return strip


if __name__ == "__main__":
    typer.run(main)
