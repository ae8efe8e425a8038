"""What is behind a rendered head: gradients, textures and blurred pieces of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.synthetic.photographs import portrait_paths
from talkgen.types import FloatArray

PIECE_SIDE = 160
LEAST_PIECE = 32
"""Pixels of a piece in its picture; smaller ones are left out."""

MOST_PORTRAITS = 300
BANK_VERSION = 3


class BackgroundBank:
    """Pieces (N, 160, 160, 3) uint8 of pictures that hold no face; N may be 0."""

    def __init__(self, pieces: Any) -> None:
        self.pieces = pieces

    @classmethod
    def build(cls, data: Path, folder: Path, *, held: bool = False) -> BackgroundBank:
        """Return pieces of the training clips beside their faces, kept in `folder`."""
        path = folder / f"backgrounds_{'held' if held else 'train'}_{BANK_VERSION}.npy"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            pieces = list(_pieces(data, held))
            empty = np.zeros((0, PIECE_SIDE, PIECE_SIDE, 3), np.uint8)
            np.save(path, np.stack(pieces) if pieces else empty)
        return cls(np.load(path))

    def draw(self, rng: np.random.Generator, side: int) -> FloatArray:
        """Return a (side, side, 3) float32 picture, 0 to 255, without a face."""
        kind = rng.random()
        if len(self.pieces) and kind < 0.6:
            out = self._photograph(rng, side)
            if rng.random() < 0.35:
                other = self._photograph(rng, side)
                mask = _ramp(rng, side, rng.uniform(2, 60))
                out = out + (other - out) * mask[..., None]
        elif kind < 0.75:
            first, second = (_color(rng) for _ in range(2))
            out = first + (second - first) * _ramp(rng, side, rng.uniform(0.6, 3))[..., None]
        else:
            out = _texture(rng, side)
        if rng.random() < 0.3:
            for _ in range(int(rng.integers(1, 5))):
                _shape(out, rng)
        blur = float(rng.choice([0.0, rng.uniform(0.5, 3), rng.uniform(3, 14)]))
        if blur > 0.3:
            small = max(1, int(blur / 2))
            out = cv2.resize(out, (side // small, side // small), interpolation=cv2.INTER_AREA)
            out = cv2.GaussianBlur(out, (0, 0), blur / small)
            out = cv2.resize(out, (side, side), interpolation=cv2.INTER_LINEAR)
        gain = np.exp(rng.normal(0, 0.25)) * (1 + rng.normal(0, 0.06, 3))
        return np.clip(out * gain.astype(np.float32), 0, 255).astype(np.float32)

    def _photograph(self, rng: np.random.Generator, side: int) -> FloatArray:
        piece = np.asarray(self.pieces[int(rng.integers(len(self.pieces)))])
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        cut = int(rng.integers(PIECE_SIDE // 3, PIECE_SIDE + 1))
        y, x = (int(v) for v in rng.integers(0, PIECE_SIDE - cut + 1, 2))
        piece = np.ascontiguousarray(piece[y : y + cut, x : x + cut])
        return cv2.resize(piece, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _color(rng: np.random.Generator) -> FloatArray:
    value = rng.uniform(8, 245)
    return np.clip(value + rng.normal(0, 30, 3) * rng.choice([0.3, 1.0]), 0, 255).astype(np.float32)


def _ramp(rng: np.random.Generator, side: int, steep: float) -> FloatArray:
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    along = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None] + rng.normal(0, 0.3)
    return np.clip(0.5 + steep * along, 0, 1).astype(np.float32)


def _texture(rng: np.random.Generator, side: int) -> FloatArray:
    first, second = _color(rng), _color(rng)
    out = np.zeros((side, side), np.float32)
    for cells, share in ((int(rng.integers(2, 7)), 1.0), (int(rng.integers(8, 40)), 0.5)):
        coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        how = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
        out += share * cv2.resize(coarse, (side, side), interpolation=how)
    mix = np.clip(0.5 + 0.4 * out, 0, 1)[..., None]
    picture = first + (second - first) * mix
    grain = rng.normal(0, rng.uniform(0, 14), (side // 2, side // 2, 1)).astype(np.float32)
    return picture + cv2.resize(grain, (side, side))[..., None]


def _shape(picture: FloatArray, rng: np.random.Generator) -> None:
    side = picture.shape[0]
    color = tuple(float(v) for v in _color(rng))
    x, y = (int(v) for v in rng.integers(-side // 4, side, 2))
    w, h = (int(v) for v in rng.integers(side // 16, side, 2))
    if rng.random() < 0.6:
        cv2.rectangle(picture, (x, y), (x + w, y + h), color, -1)
    else:
        cv2.ellipse(picture, (x, y), (w // 2, h // 2), 0, 0, 360, color, -1, cv2.LINE_AA)


def _pictures(data: Path, held: bool) -> Any:
    """Yield training clips' first frames and portraits with any background."""
    import av

    paths = sorted((data / "data" / "clips" / "train").glob("*.mp4"))
    # The GRID speakers all sit before the same blue.
    paths = [p for p in paths if not p.name.startswith("grid_")]
    for path in [p for i, p in enumerate(paths) if (i % 5 == 0) == held]:
        with av.open(str(path)) as container:
            yield next(iter(container.decode(video=0))).to_ndarray(format="rgb24")
    portraits = [path for path, _, plain in portrait_paths(data, held) if not plain]
    for path in portraits[:: max(1, len(portraits) // MOST_PORTRAITS)]:
        raw = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if raw is not None:
            yield cv2.cvtColor(raw, cv2.COLOR_BGR2RGB)


def _pieces(data: Path, held: bool) -> Any:
    """Yield squares of pictures left and right of all faces."""
    from talkgen.face.analyzer import FaceAnalyzer

    analyzer = FaceAnalyzer.from_pretrained("embedded")
    for image in _pictures(data, held):
        height, width = image.shape[:2]
        low, high = width, 0
        for face in analyzer.analyze(image):
            reach = 0.22 * (face.box[2] - face.box[0])
            low = min(low, int(face.box[0] - reach))
            high = max(high, int(face.box[2] + reach))
        if high <= low:
            continue
        for x0, x1 in ((0, low), (high, width)):
            side = min(x1 - x0, height)
            if side < LEAST_PIECE:
                continue
            for y0 in range(0, min(height - side, side) + 1, side):
                piece = image[y0 : y0 + side, x0 : x0 + side]
                yield cv2.resize(piece, (PIECE_SIDE, PIECE_SIDE), interpolation=cv2.INTER_LINEAR)
