"""The published SyncNet, where the user has its file: LSE-D and LSE-C in the field's usual form.

`syncnet_v2.model` (Chung & Zisserman 2016) is no part of talkgen. What goes into it follows the
published program: face crops of 224 px about a box smoothed over 13 frames, BGR from 0 to 255,
five at a time; 13 cepstra of the same 0.2 s; distances averaged over the clip for 15 frames of
shift to either side, sound beyond the clip being zeros. The box is that of the landmarks, where the
published program runs a detector of its own, and nothing is compressed again in between.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from talkgen.critic.mfcc import CEPSTRA, mfcc
from talkgen.critic.report import score
from talkgen.critic.sync import REACH, Sync, sync_of
from talkgen.critic.watch import Look, Watched
from talkgen.errors import CheckpointError
from talkgen.types import Emotion, FloatArray, ImageArray, Report

SIDE = 224
WINDOW = 5
PADDING = 0.4
"""How far the crop goes beyond the box, in halves of its side."""
GREY = 110
"""What lies outside of the picture."""
SMOOTH = 13
"""Frames whose median box counts."""
DELAY = SMOOTH // 2 + WINDOW - 1
"""Frames that a reading comes after the first frame of its window."""
BATCH = 64
READING = "syncnet_lips"


def _conv(kind: Any, norm: Any, entry: int, width: int, *shape: Any) -> list[nn.Module]:
    return [kind(entry, width, *shape), norm(width), nn.ReLU()]


class SyncNetV2(nn.Module):
    """The network whose parameters `syncnet_v2.model` holds."""

    def __init__(self) -> None:
        super().__init__()
        flat, deep = (nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d)
        self.netcnnaud = nn.Sequential(
            *_conv(*flat, 1, 64, 3, 1, 1), nn.MaxPool2d(1, 1),
            *_conv(*flat, 64, 192, 3, 1, 1), nn.MaxPool2d(3, (1, 2)),
            *_conv(*flat, 192, 384, 3, 1, 1), *_conv(*flat, 384, 256, 3, 1, 1),
            *_conv(*flat, 256, 256, 3, 1, 1), nn.MaxPool2d(3, 2),
            *_conv(*flat, 256, 512, (5, 4)),
        )  # fmt: skip
        self.netfcaud = self._head()
        self.netfclip = self._head()
        self.netcnnlip = nn.Sequential(
            *_conv(*deep, 3, 96, (5, 7, 7), (1, 2, 2)), nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv(*deep, 96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv(*deep, 256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv(*deep, 256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv(*deep, 256, 256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv(*deep, 256, 512, (1, 6, 6)),
        )  # fmt: skip

    @staticmethod
    def _head() -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024)
        )

    def hear(self, cepstra: Tensor) -> Tensor:
        """(B, 1, 13, 20) cepstra to (B, 1024)."""
        return torch.as_tensor(self.netfcaud(self.netcnnaud(cepstra).flatten(1)))

    def see(self, crops: Tensor) -> Tensor:
        """(B, 3, 5, 224, 224) crops, BGR from 0 to 255, to (B, 1024)."""
        return torch.as_tensor(self.netfclip(self.netcnnlip(crops).flatten(1)))


def load_syncnet_v2(path: str | os.PathLike[str]) -> SyncNetV2:
    """Return the network of a `syncnet_v2.model` file, in evaluation mode.

    Only tensors are read of the pickle. Raises CheckpointError where the file is something else.
    """
    name = os.fspath(path)
    try:
        stored = torch.load(name, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch raise types of their own
        known = isinstance(error, OSError) and error.strerror
        reason = str(known).lower() if known else "not a file of PyTorch's"
        raise CheckpointError(
            f"{name!r} is no syncnet_v2.model ({reason}); give the published file"
        ) from error
    net = SyncNetV2()
    own = net.state_dict()
    needed = {key for key in own if not key.endswith("num_batches_tracked")}  # torch 0.3 had none
    found = stored if isinstance(stored, Mapping) else {}
    wrong = sorted(needed - found.keys()) + sorted(found.keys() - own.keys())
    wrong += [key for key in needed & found.keys() if found[key].shape != own[key].shape]
    if wrong:
        raise CheckpointError(
            f"{name!r} is no syncnet_v2.model ({wrong[0]} does not fit); give the published file"
        )
    net.load_state_dict({**own, **found})
    return net.eval()


class PublishedSync:
    """Scores `lse_d` and `lse_c` of a watched clip; slow: about 20 frames a second a core."""

    fills = ("sync",)

    def __init__(self, net: SyncNetV2) -> None:
        self.net = net

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Return the critic of the user's `syncnet_v2.model`."""
        return cls(load_syncnet_v2(path))

    def reader(self) -> LipReader:
        """Return what reads the lips of one clip."""
        return LipReader(self.net)

    def score(
        self, video: Watched, *, reference: Watched | None = None, target: Emotion | None = None
    ) -> Report:
        """Return LSE-D, LSE-C and the offset in its published sense, positive: the picture is
        late; nothing for a clip too short or without sound."""
        found = self.of_clip(video)
        if found is None:
            return Report({})
        values = {"lse_d": found.distance, "lse_c": found.confidence}
        return Report(
            {name: score(name, value, found.frames) for name, value in values.items()},
            {
                "LSE network": "syncnet_v2.model (Chung & Zisserman 2016), boxes of landmarks",
                "LSE offset": f"{found.offset:+d} frames, positive: the picture is late",
            },
        )

    def of_clip(self, video: Watched) -> Sync | None:
        """Return what the network says of a clip that its reader saw."""
        seen = video.readings.get(READING)
        if seen is None or video.sound is None or video.sound.samples is None:
            return None
        lips = seen[DELAY:]
        sound = self.sound_vectors(mfcc(video.sound.samples))
        count = min(len(lips), len(sound))
        known = np.isfinite(lips[:count, 0])
        if known.sum() < WINDOW:
            return None
        return sync_of(published_curve(lips[:count], sound[:count]), int(known.sum()))

    def sound_vectors(self, cepstra: FloatArray) -> FloatArray:
        """(M, 13) cepstra, 100 a second, to (T, 1024), one for each five frames of 25 a second."""
        count = max(0, (len(cepstra) - 4 * WINDOW) // 4 + 1)
        windows = np.stack(
            [cepstra[4 * t : 4 * (t + WINDOW)].T for t in range(count)]
        ) if count else np.zeros((0, CEPSTRA, 4 * WINDOW), np.float32)  # fmt: skip
        out = [np.zeros((0, 1024), np.float32)]
        with torch.inference_mode():
            for start in range(0, count, BATCH):
                part = torch.from_numpy(windows[start : start + BATCH])[:, None]
                out.append(self.net.hear(part).numpy())
        return np.concatenate(out)


def published_curve(lips: FloatArray, sound: FloatArray) -> FloatArray:
    """(31,) mean distances of vectors (T, 1024) for offsets -15 to 15, positive: the picture is
    late. As published, sound before and after the clip is zeros; rows of NaN are left out."""
    padded = np.pad(sound, ((REACH, REACH), (0, 0)))
    known = np.flatnonzero(np.isfinite(lips[:, 0]))
    eps = 1e-6  # torch's pairwise_distance adds it to every difference
    out = [
        np.linalg.norm(lips[known] - padded[known + place] + eps, axis=1).mean()
        for place in range(2 * REACH + 1)
    ]
    return np.asarray(out[::-1], np.float32)


class LipReader:
    """Turns five frames at a time into a vector; a reading stands for the window that began
    `DELAY` frames before, since boxes are smoothed over frames to come."""

    every = 1
    bad: Mapping[str, int] = {}

    def __init__(self, net: SyncNetV2) -> None:
        self._net = net
        self._boxes: deque[tuple[float, float, float]] = deque(maxlen=SMOOTH)
        self._frames: deque[ImageArray] = deque(maxlen=SMOOTH // 2 + 1)
        self._crops: deque[ImageArray] = deque(maxlen=WINDOW)

    def look(self, look: Look) -> Mapping[str, Any]:
        """Return the (1024,) vector of the window that is complete, if one is."""
        if look.face is not None:
            x0, y0, x1, y1 = (float(v) for v in look.face.box)
            box = ((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) / 2)
        elif self._boxes:
            box = self._boxes[-1]
        else:
            return {}
        self._boxes.append(box)
        self._frames.append(look.image)
        if len(self._frames) <= SMOOTH // 2:
            return {}
        x, y, half = np.median(np.asarray(self._boxes), axis=0)
        self._crops.append(face_crop(self._frames[0], float(x), float(y), float(half)))
        if len(self._crops) < WINDOW:
            return {}
        window = np.stack(self._crops, axis=-1).transpose(2, 3, 0, 1).astype(np.float32)
        with torch.inference_mode():
            vector = self._net.see(torch.from_numpy(np.ascontiguousarray(window))[None])[0]
        return {READING: vector.numpy()}


def face_crop(image: ImageArray, x: float, y: float, half: float) -> ImageArray:
    """(224, 224, 3) uint8 BGR crop of an RGB picture about a box's centre, as published."""
    reach = int(half * (1 + 2 * PADDING))
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), constant_values=GREY)
    x, y = x + reach, y + reach
    top, bottom = int(y - half), int(y + half * (1 + 2 * PADDING))
    left, right = int(x - half * (1 + PADDING)), int(x + half * (1 + PADDING))
    part = padded[max(0, top) : bottom, max(0, left) : right]
    return np.asarray(cv2.resize(part, (SIDE, SIDE)), np.uint8)[..., ::-1]
