"""An expression recogniser that had no part in this project: the one of `@vladmandic/face-api`.

For measuring only: whether somebody else's network, taught by other pictures, sees the emotion that
was asked for. Its weights come with the npm package (MIT) and are read where npm put them; they are
never shipped, and nothing here learns from them.

    npm install --ignore-scripts @vladmandic/face-api
    judge = IndependentFER.load()
    judge.read(images, faces)  # (N, 7) over CLASSES

Chosen among three that packages carry, on 906 faces of `data/expressions` (at most 160 of a class),
balanced over neutral, happy, sad, surprise, anger: this one .65, the FER-2013 network of `fer` .54,
that of `@vladmandic/human` .50. It does not know contempt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talkgen.errors import CheckpointError
from talkgen.face.points import CONTOUR, LEFT_EYE, RIGHT_EYE
from talkgen.face.region import Region, crop_matrix
from talkgen.types import Face, FloatArray, ImageArray

CLASSES = ("neutral", "happy", "sad", "anger", "fear", "disgust", "surprise")
"""Its classes in its own order, by our names."""
PACKAGE = Path("node_modules", "@vladmandic", "face-api")
MANIFEST = "face_expression_model-weights_manifest.json"
VARIABLE = "TALKGEN_FACE_API"
"""Environment variable with the package's folder, where it is not in a node_modules above."""
SIDE = 112
MEAN = (122.782, 117.001, 104.298)
BOXED = (*CONTOUR[8:29], *RIGHT_EYE, *LEFT_EYE)
"""Jaw, brows and eyes: the extent of the 68 points by which its own package cuts faces out."""
MARGIN, RAISED = 1.35, 0.06
"""Side of its crop over the larger extent, and by how much of that extent it lies higher: the best
of twelve on the faces above (flat between 1.1 and 1.5), grey pictures."""
BATCH = 32


class IndependentFER:
    """The recogniser; `weights` by the names of its manifest, kernels (H, W, in, out)."""

    def __init__(self, weights: dict[str, FloatArray]) -> None:
        self._weights = {name: torch.from_numpy(_kernel(name, w)) for name, w in weights.items()}

    @classmethod
    def load(cls, folder: str | os.PathLike[str] | None = None) -> Self:
        """Return the recogniser of an installed package; CheckpointError where there is none.

        folder : the package's; None: that of TALKGEN_FACE_API, else of a node_modules folder in
            the working folder or above it
        """
        found = Path(folder) if folder is not None else _installed()
        return cls(read_weights(found / "model", MANIFEST))

    def read(self, images: Sequence[ImageArray], faces: Sequence[Face]) -> FloatArray:
        """Return (N, 7) float32 probabilities over `CLASSES` of the faces in pictures RGB."""
        return self.read_crops(
            np.stack([crop(i, f.landmarks) for i, f in zip(images, faces, strict=True)])
        )

    @torch.inference_mode()
    def read_crops(self, crops: ImageArray) -> FloatArray:
        """Return (N, 7) float32 probabilities of (N, 112, 112) uint8 grey crops."""
        out = []
        for start in range(0, len(crops), BATCH):
            grey = torch.from_numpy(np.asarray(crops[start : start + BATCH], np.float32))
            mean = torch.tensor(MEAN)[None, :, None, None]
            out.append(self._logits((grey[:, None] - mean) / 255).softmax(1))
        return np.asarray(torch.cat(out).numpy(), np.float32)

    def _logits(self, x: Tensor) -> Tensor:
        for block in range(4):
            x = self._block(x, f"dense{block}")
        x = functional.avg_pool2d(x, 7, 2)[:, :, 0, 0]
        return x @ self._weights["fc/weights"] + self._weights["fc/bias"]

    def _block(self, x: Tensor, name: str) -> Tensor:
        """Four convolutions, each reading the sum of all before it; the first halves the size."""
        first = self._weights.get(f"{name}/conv0/filters")
        if first is None:
            total = torch.relu(self._separable(x, f"{name}/conv0", 2))
        else:
            bias = self._weights[f"{name}/conv0/bias"]
            total = torch.relu(functional.conv2d(_padded(x, 2), first, bias, stride=2))
        given = total
        for layer in (1, 2, 3):
            total = total + self._separable(given, f"{name}/conv{layer}", 1)
            given = torch.relu(total)
        return given

    def _separable(self, x: Tensor, name: str, stride: int) -> Tensor:
        x = functional.conv2d(
            _padded(x, stride), self._weights[f"{name}/depthwise_filter"], stride=stride,
            groups=x.shape[1],
        )  # fmt: skip
        bias = self._weights[f"{name}/bias"]
        return functional.conv2d(x, self._weights[f"{name}/pointwise_filter"], bias)


def crop(image: ImageArray, landmarks: FloatArray) -> ImageArray:
    """Return the (112, 112) uint8 grey crop that it reads, upright; (H, W, 3) RGB is given."""
    points = np.asarray(landmarks, np.float64)[:, :2]
    across = points[263] - points[33]
    roll = float(np.arctan2(across[1], across[0]))
    axes = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    turned = points[list(BOXED)] @ axes.T
    low, high = turned.min(0), turned.max(0)
    extent = float((high - low).max())
    x, y = ((low + high) / 2 - (0, RAISED * extent)) @ axes
    region = Region(float(x), float(y), MARGIN * extent, roll)
    scale = max(1.0, region.size / SIDE)
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    if scale > 1.5:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * scale)
    out: Any = cv2.warpAffine(
        grey, np.asarray(crop_matrix(region, SIDE)), (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(out, np.uint8)


def read_weights(folder: Path, manifest: str) -> dict[str, FloatArray]:
    """Return the arrays of a weights manifest of TensorFlow.js, 8-bit ones as float32 again."""
    try:
        groups = json.loads((folder / manifest).read_text("utf-8"))
        out: dict[str, FloatArray] = {}
        for group in groups:
            raw = b"".join((folder / name).read_bytes() for name in group["paths"])
            out |= dict(_arrays(raw, group["weights"]))
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{folder / manifest} cannot be read ({error}); install @vladmandic/face-api again"
        ) from error
    return out


def _arrays(raw: bytes, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, FloatArray]]:
    at = 0
    for row in rows:
        packed = row.get("quantization")
        kind = np.dtype(packed["dtype"] if packed else row["dtype"])
        count = int(np.prod(row["shape"]))
        values = np.frombuffer(raw, kind, count, at).astype(np.float32)
        at += count * kind.itemsize
        if packed:
            values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
        yield row["name"], values.reshape(row["shape"])


def _installed() -> Path:
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    here = Path.cwd()
    for above in (here, *here.parents):
        if (above / PACKAGE / "model" / MANIFEST).is_file():
            return above / PACKAGE
    raise CheckpointError(
        "no independent recogniser is installed; run `npm install --ignore-scripts "
        f"@vladmandic/face-api` here, or set {VARIABLE} to its folder"
    )


def _kernel(name: str, weights: FloatArray) -> FloatArray:
    """(H, W, in, out), or (H, W, channels, 1) of a depthwise one, as torch has it."""
    if weights.ndim != 4:
        return np.array(weights)
    order = (2, 3, 0, 1) if name.endswith("depthwise_filter") else (3, 2, 0, 1)
    return np.ascontiguousarray(weights.transpose(order))


def _padded(x: Tensor, stride: int) -> Tensor:
    """Zeros about pictures for kernels of 3, laid as TensorFlow's "same" does: the odd one last."""
    size = x.shape[-1]
    need = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return functional.pad(x, (need // 2, need - need // 2) * 2)
