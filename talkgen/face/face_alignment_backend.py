"""Face reading by the 68-point networks of the package `face-alignment` (Bulat and Tzimiropoulos
2017), for those who have that package and its weights.

The embedded detector finds the faces. Our head is fitted to the 68 points (iBUG scheme), and its
478 landmarks are what comes out: 68 of them lie near read points, the other 410 (irises too) and
all depth are inferred from the head. The rotation is the fit's; the 52 scores are those that the
embedded networks read of the same face. Nothing is downloaded: the package would fetch 90 MB by
itself, so its weights are looked for and loaded here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from talkgen import hub
from talkgen.errors import CheckpointError, InputError, MissingDependencyError
from talkgen.face.embedded import EmbeddedBackend
from talkgen.face.fit import fit_face
from talkgen.face.head import HeadModel
from talkgen.face.placed import IBUG
from talkgen.face.region import Region, box_of, cut, region_of
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS, Face, FloatArray, ImageArray

WEIGHTS = (
    "2DFAN4-11f355bf06.pth.tar", "2DFAN4-cd938726ad.zip",
    "3DFAN4-7835d9f11d.pth.tar", "3DFAN4-4a694010b9.zip",
)  # fmt: skip
"""Files of the package, best first: 2D networks follow the visible outline, 3D ones the jaw. *.tar
are weights of its class FAN (1.5 and later), *.zip whole TorchScript networks (before)."""

CROP_SIDE, CROP_MARGIN, CROP_RISE = 256, 1.95, 0.12
"""Pixels of the networks' crop, its side in extents of the landmarks, and how many of these it lies
above their middle: the package's own framing, from our regions."""
LEAST_PEAK = 0.15
"""Least mean height of the heatmaps' peaks; below, no face is there."""


def find_weights(model_path: str | os.PathLike[str] | None = None) -> Path:
    """Return the weight file: the given one, the best of a given folder, or of the places where
    the package keeps its own (torch hub's cache) and of the user's cache.

    Raises MissingDependencyError, one line that says which file to put where.
    """
    if model_path is not None and Path(model_path).is_file():
        return Path(model_path)
    own = hub.user_cache() / "models"
    places = [own, Path(torch.hub.get_dir()) / "checkpoints"]
    if model_path is not None:
        if not Path(model_path).is_dir():
            raise InputError(f"`model_path` is {os.fspath(model_path)!r}, no such file or folder")
        places = [Path(model_path)]
    for place in places:
        for name in WEIGHTS:
            if (place / name).is_file():
                return place / name
    raise MissingDependencyError(
        f"the face-alignment backend needs {WEIGHTS[0]} (adrianbulat.com/downloads/python-fan); "
        f"put it into {places[0]} or give its path (the embedded backend needs nothing)"
    )


def load_network(path: Path) -> nn.Module:
    """Return the network of a weight file, on the CPU, ready to use."""
    if path.suffix == ".zip":
        try:
            scripted: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(f"{path} is no TorchScript network; fetch it again") from error
        return scripted.eval()
    try:
        from face_alignment.models import FAN
    except ImportError as error:
        raise MissingDependencyError(
            "the face-alignment backend needs the package face-alignment: "
            'pip install "talkgen[face-alignment]" (or use the embedded backend)'
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        stacks = sum(bool(re.fullmatch(r"l\d+\.weight", name)) for name in state)
        net: nn.Module = FAN(stacks)
        net.load_state_dict(state)
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        raise CheckpointError(f"{path} holds no weights of FAN; fetch it again") from error
    return net.eval()


def peaks(heat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where heatmaps (N, h, w) peak, (N, 2) x y in cells, and how high (N,).

    Between cells: the top of the bell curve through the highest and its neighbours.
    """
    count, width = heat.shape[0], heat.shape[2]
    flat = heat.reshape(count, -1)
    at = flat.argmax(axis=1)
    rows, columns = np.divmod(at, width)
    logs = np.log(np.maximum(np.pad(heat, ((0, 0), (1, 1), (1, 1)), mode="edge"), 1e-4))
    every = np.arange(count)
    top = logs[every, rows + 1, columns + 1]
    places = np.stack([columns, rows], 1).astype(np.float32)
    for axis, (down, right) in enumerate(((0, 1), (1, 0))):
        before = logs[every, rows + 1 - down, columns + 1 - right]
        after = logs[every, rows + 1 + down, columns + 1 + right]
        bend = np.minimum(before + after - 2 * top, -1e-3)
        places[:, axis] += np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return places, flat.max(axis=1).astype(np.float32)


class FaceAlignmentBackend:
    """Finds faces with the embedded detector and reads them with a 68-point network."""

    def __init__(self, network: nn.Module, embedded: EmbeddedBackend, head: HeadModel) -> None:
        self.network = network.eval()
        self.embedded = embedded
        self.head = head

    @classmethod
    def from_pretrained(
        cls, model_path: str | os.PathLike[str] | None = None
    ) -> FaceAlignmentBackend:
        """Return the backend with the weights of a file, of a folder, or found (`find_weights`)."""
        return cls(
            load_network(find_weights(model_path)),
            EmbeddedBackend.from_pretrained(),
            HeadModel.from_pretrained(),
        )

    def find(self, image: ImageArray) -> list[Region]:
        """Return a rough region about the landmarks of each face."""
        return self.embedded.find(image)

    @torch.inference_mode()
    def points(self, image: ImageArray, region: Region) -> tuple[FloatArray, FloatArray]:
        """Return the 68 points (68, 2) in pixels and their peaks (68,) at a region."""
        up = np.array([np.sin(region.roll), -np.cos(region.roll)]) * CROP_RISE * region.size
        framed = Region(region.x + up[0], region.y + up[1], region.size * CROP_MARGIN, region.roll)
        crop, matrix = cut(image, framed, CROP_SIDE)
        batch = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
        out: Any = self.network(batch)
        heat = (out[-1] if isinstance(out, (list, tuple)) else out)[0].float().numpy()
        cells, high = peaks(heat)
        step = CROP_SIDE / heat.shape[2]
        pixels = (cells + 0.5) * step - 0.5
        flat = pixels @ matrix[:, :2].T + matrix[:, 2]
        return np.asarray(flat, np.float32), np.clip(high, 0, 1)

    def read(self, image: ImageArray, region: Region, *, rough: bool = False) -> Face | None:
        """Return the face at `region`; None when the network sees none there.

        `confidence` is the height of a read point's peak, and half that of the nearest read point
        for those that the head infers.
        """
        read, high = self.points(image, region)
        score = float(high.mean())
        if score < LEAST_PEAK or min(np.ptp(read, axis=0)) < 4:
            return None
        known = np.zeros((NUM_LANDMARKS, 3), np.float32)
        trust = np.zeros(NUM_LANDMARKS, np.float32)
        known[list(IBUG), :2] = read
        trust[list(IBUG)] = np.maximum(high, 0.05)
        fit = fit_face(self.head, known, trust=trust, depth=False, rounds=4 if rough else 8)
        vertices = self.head.deform(self.head.neutral(fit.identity), fit.weights)
        landmarks = fit.project(self.head.landmarks(vertices))
        if not np.isfinite(landmarks).all():
            return None
        own = None if rough else self.embedded.read(image, region_of(landmarks))
        scores = np.zeros(len(MOTION_CHANNELS), np.float32) if own is None else own.scores
        gap = np.linalg.norm(landmarks[:, None, :2] - landmarks[None, list(IBUG), :2], axis=2)
        confidence = 0.5 * high[gap.argmin(1)]
        confidence[list(IBUG)] = high
        return Face(
            landmarks=landmarks,
            box=box_of(landmarks),
            scores=scores,
            rotation=fit.rotation,
            score=min(1.0, score),
            confidence=confidence,
        )
