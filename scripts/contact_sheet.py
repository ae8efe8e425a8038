"""Draw many portraits under many expressions and poses on one sheet, to be looked at.

python scripts/contact_sheet.py -o sheet.png face1.jpg face2.jpg
TALKGEN_DATA=../shared python scripts/contact_sheet.py -o sheet.png --group london
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

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.render.mesh import MeshRenderer, PreparedPortrait
from talkgen.types import MOTION_CHANNELS, ImageArray, Motion, Portrait

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
) -> None:
    """Write one sheet, a row a portrait, the photograph first."""
    sources: list[tuple[str, ImageArray]] = []
    if astronaut:
        from skimage import data

        sources.append(("astronaut", data.astronaut()))
    paths = list(pictures or []) + (group_paths(group, limit) if group else [])
    sources += [(path.stem, read_picture(path)) for path in paths]
    analyzer = FaceAnalyzer.from_pretrained(backend=backend)
    renderer = MeshRenderer.from_pretrained()
    names = columns.split(",") if columns else list(COLUMNS)
    rows = [_header(["photograph", *names], side)]
    for name, image in sources:
        faces = analyzer.analyze(image)
        if not faces:
            print(f"{name}: no face")
            continue
        start = time.perf_counter()
        ready = renderer.prepare(Portrait(image, faces[0]))
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
        rows.append(np.hstack(cells))
    Image.fromarray(np.vstack(rows)).save(output)


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
