"""Learn the shading that comes with a smile from people photographed neutral and smiling.

    TALKGEN_DATA=../shared python scripts/train_wrinkles.py

Both pictures of a person are fitted, their log brightness is read at the vertices of the head, and
the difference, less its median, is regressed through zero on how much more the person smiles. It
is measured first on people left out (`results/wrinkles.json`), each neutral picture drawn with the
weights and the pose of the smiling one. Two to three minutes on one core.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.fit import HeadFit, fit_face
from talkgen.face.head import PARTS, HeadModel
from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.mesh import MeshRenderer
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.pose import project, rotation_matrix
from talkgen.render.texture import toward_viewer
from talkgen.render.wrinkles import WrinkleMap, log_gains, shade, softened
from talkgen.types import MOTION_CHANNELS, ImageArray, Portrait

SIZE = 512
BLUR = 0.012  # inter-ocular distances
MOST = 0.5  # largest difference of log brightness believed
SHRINK = 0.5  # added to the sum of squared smiles
CHEEK = (205, 425, 57, 287, 50, 280)
CHEEK_CM = 2.2
FOLDS = 5
SMILE = [MOTION_CHANNELS.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
LUMINANCE = np.float32([0.299, 0.587, 0.114])

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pair:
    """One person: prepared portraits, the smiling picture fitted with the neutral identity."""

    neutral: PreparedPortrait
    smiling: PreparedPortrait
    change: Array
    trust: Array
    smile: float


def read(path: Path, analyzer: FaceAnalyzer) -> Portrait | None:
    """Return the portrait in a picture."""
    image = np.array(Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))
    faces = analyzer.analyze(image)
    return Portrait(image, faces[0]) if faces else None


def light(ready: PreparedPortrait) -> tuple[Array, Array]:
    """Return the log brightness (V,) at the vertices, and how they face the viewer."""
    fit = ready.fit
    points = project(ready.source, ready.source_rotation, float(fit.scale), fit.translation)
    grey = ready.image.astype(np.float32) @ LUMINANCE
    grey = cv2.GaussianBlur(grey, (0, 0), BLUR * ready.interocular)
    at = points[None, :, :2].astype(np.float32)
    value = cv2.remap(grey, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    toward = toward_viewer(points, ready.skin_faces, ready.head.weld, ready.facing)
    return np.log(np.maximum(value, 4.0)), toward


def read_pair(path: Path, analyzer: FaceAnalyzer, renderer: MeshRenderer) -> Pair | None:
    """Return what a person's two pictures say."""
    first = read(path, analyzer)
    second = read(path.with_name(path.name.replace("neutral", "smiling")), analyzer)
    if first is None or second is None:
        return None
    neutral = renderer.prepare(first)
    fit = fit_face(renderer.head, second.face.landmarks, identity=neutral.fit.identity)
    smiling = renderer.prepare(second, fit)
    (before, toward0), (after, toward1) = light(neutral), light(smiling)
    trust = np.clip((np.minimum(toward0, toward1) - 0.2) / 0.3, 0.0, 1.0)
    change = after - before
    change = np.clip(change - np.median(change[trust > 0.5]), -MOST, MOST)
    smile = float(softened(fit.weights[SMILE] - neutral.fit.weights[SMILE]).mean())
    return Pair(neutral, smiling, change.astype(np.float32), trust.astype(np.float32), smile)


def learn(head: HeadModel, pairs: list[Pair]) -> WrinkleMap:
    """Return the map of some people, alike on both sides and smoothed over the mesh once."""
    change = np.stack([p.change for p in pairs])
    trust = np.stack([p.trust for p in pairs])
    change = 0.5 * (change + change[:, head.mirror])
    trust = np.minimum(trust, trust[:, head.mirror])
    smile = np.array([p.smile for p in pairs])[:, None]
    out = (smile * trust * change).sum(axis=0) / ((smile**2 * trust).sum(axis=0) + SHRINK)
    skin = np.zeros(len(out), bool)
    skin[head.faces[head.part == PARTS.index("skin")]] = True
    skin[head.faces[head.part == PARTS.index("lips")]] = False
    out *= skin & (np.median(trust, axis=0) > 0.5)
    corners = head.weld[head.faces]
    total, count = np.zeros((2, len(out)))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        for start, end in ((a, b), (b, a)):
            np.add.at(total, corners[:, start], out[corners[:, end]])
            np.add.at(count, corners[:, start], 1.0)
    out = (0.5 * out + 0.5 * total / np.maximum(count, 1.0))[head.weld]
    return WrinkleMap(out.astype(np.float32))


def psnr(drawn: ImageArray, real: ImageArray, mask: NDArray[np.bool_]) -> float:
    """Return dB inside the mask after the exposure of `drawn` was matched."""
    a, b = drawn[mask].astype(np.float32), real[mask].astype(np.float32)
    a *= np.exp(np.median(np.log((b.mean(axis=1) + 3) / (a.mean(axis=1) + 3))))
    return float(10 * np.log10(255**2 / np.mean((a - b) ** 2)))


def score(ready: PreparedPortrait, fit: HeadFit, real: ImageArray, maps: Array) -> list[float]:
    """Return dB of the cheeks without and with the map for one picture drawn like another."""
    drawn = ready.frame(fit.weights, fit.rotation, fit.translation, fit.scale)
    turn = rotation_matrix(fit.rotation)
    points = project(ready.vertices(fit.weights), turn, float(fit.scale), fit.translation)
    height, width = drawn.shape[:2]
    skin = rasterize(
        points, ready.skin_faces, Fragments.empty(height, width), facing=ready.facing, threads=1
    )
    marks = ready.head.landmarks(ready.head.vertices)[list(CHEEK)]
    near = np.linalg.norm(ready.head.vertices[:, None] - marks[None], axis=2).min(axis=1)
    cheek = ((near < CHEEK_CM) & (maps != 0).any(axis=0)).astype(np.float32)[:, None]
    mask = interpolate(skin, ready.skin_faces, cheek, np.zeros((height, width, 1), np.float32))
    mask = mask[..., 0] > 0.5
    shaded = drawn.copy()
    gains = log_gains(maps, fit.weights, ready.fit.weights)
    if gains is not None:
        shade(shaded, skin, ready.skin_faces, gains, 1)
    return [psnr(drawn, real, mask), psnr(shaded, real, mask)]


def main(
    output: Annotated[Path, typer.Option("-o")] = Path("checkpoints/wrinkles"),
    results: Path = Path("results/wrinkles.json"),
) -> None:
    """Measure on people left out, then write the map of everybody."""
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "faces" / "london"
    analyzer = FaceAnalyzer.from_pretrained(backend="embedded")
    renderer = MeshRenderer(HeadModel.from_pretrained(), threads=1)
    read_in = (read_pair(path, analyzer, renderer) for path in sorted(data.glob("*neutral*")))
    pairs = [pair for pair in read_in if pair is not None]
    rows: dict[str, list[list[float]]] = {"neutral_to_smile": [], "smile_to_neutral": []}
    for fold in range(FOLDS):
        maps = learn(renderer.head, [p for i, p in enumerate(pairs) if i % FOLDS != fold])
        by_side = maps.by_side(renderer.head)
        for pair in pairs[fold::FOLDS]:
            a, b = pair.neutral, pair.smiling
            rows["neutral_to_smile"].append(score(a, b.fit, b.image, by_side))
            rows["smile_to_neutral"].append(score(b, a.fit, a.image, by_side))
    result: dict[str, object] = {
        "what": "PSNR (dB) of cheeks and nasolabial folds against the person's other picture, "
        "people left out (5 folds); weights and pose of the other picture, exposure matched",
        "people": len(pairs),
        "mean_smile": float(np.mean([p.smile for p in pairs])),
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }
    for name, pair_rows in rows.items():
        table = np.array(pair_rows)
        gain = table[:, 1] - table[:, 0]
        result[name] = {
            "without": round(float(table[:, 0].mean()), 2),
            "with": round(float(table[:, 1].mean()), 2),
            "gain": round(float(gain.mean()), 2),
            "standard_error": round(float(gain.std() / len(gain) ** 0.5), 2),
            "share_better": round(float((gain > 0).mean()), 2),
        }
    learn(renderer.head, pairs).save_pretrained(output)
    results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    typer.run(main)
