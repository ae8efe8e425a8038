"""Rendered heads with exact labels for the perception networks (`scripts/render_heads.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from talkgen.face.points import CONTOUR
from talkgen.face.region import region_of
from talkgen.synthetic.shards import RenderedSet
from talkgen.training.perception_views import FaceSet, Generator, Labelled, View, random_view
from talkgen.types import MOTION_CHANNELS, ImageArray

TEACHER = "teacher.npz"
"""What `write_teacher` wrote beside the shards."""
FRONTAL_DEG = 20.0
"""Yaw up to which the teacher's sliding contour is kept to."""


class RenderedFaces:
    """The rendered heads of a folder as training faces; `crop` and labels as of `FaceSet`.

    `scores` are the exact weights of the head model, `rotation` its exact pitch, yaw, roll (rad).
    Those turned further than `most_deg` are left out.
    """

    def __init__(self, folder: Path, *, most_deg: float = 85.0) -> None:
        self.heads = RenderedSet(folder)
        turned = np.abs(np.degrees(self.heads.rotation[:, 1]))
        self.rows = np.flatnonzero(turned <= most_deg)
        self.landmarks = self.heads.landmarks[self.rows]
        self.landmarks[..., 2] -= self.landmarks[..., 2].mean(1, keepdims=True)  # as the teacher's
        self.scores, self.rotation = self.heads.weights[self.rows], self.heads.rotation[self.rows]
        self.seen = self.heads.visible[self.rows]
        known = folder / TEACHER
        rows = dict(np.load(known)) if known.exists() else {"asked": np.zeros(0), "scores": ()}
        self._asked, self._scores = rows["asked"], rows["scores"]
        self.chance = np.full(len(self.rows), 1 / max(len(self.rows), 1))

    def __len__(self) -> int:
        return len(self.rows)

    def crop(self, index: int) -> ImageArray:
        """Return the picture of a head."""
        return np.asarray(self.heads.image(int(self.rows[index])))

    def visible(self, index: int) -> Any:
        """Return which points (478,) the head itself does not hide."""
        return self.seen[index]

    def taught(self, index: int) -> tuple[Any, bool]:
        """Return the teacher's scores (52,) and whether it was asked (`teacher.npz`)."""
        row = int(self.rows[index])
        if row >= len(self._asked):  # rendered since
            return np.zeros(len(MOTION_CHANNELS), np.float32), False
        return self._scores[row], bool(self._asked[row])

    def trust(self, index: int) -> Any:
        """Return less for the contour, a line on the skin here, of heads that face the viewer."""
        worth = np.where(self.seen[index], 1.0, 0.6).astype(np.float32)
        turned = abs(np.degrees(self.rotation[index, 1]))
        worth[list(CONTOUR)] *= 0.15 if turned < FRONTAL_DEG else 0.5
        return worth


def write_teacher(folder: Path, model_path: Path | None = None) -> None:
    """Write the teacher's `scores` (N, 52) of the heads of a folder, and `asked` (N,): near enough
    to frontal for it to be asked, and its points near enough to the truth."""
    from talkgen.face.mediapipe_backend import MediaPipeBackend

    backend, heads = MediaPipeBackend(model_path), RenderedSet(folder)
    asked = np.zeros(len(heads), bool)
    scores = np.zeros((len(heads), len(MOTION_CHANNELS)), np.float32)
    for index in np.flatnonzero((np.abs(np.degrees(heads.rotation[:, :2])) < (25, 22)).all(1)):
        truth = heads.landmarks[index]
        face = backend.read(heads.image(int(index)), region_of(truth))
        if face is None:
            continue
        gap = np.linalg.norm((face.landmarks - truth)[:, :2], axis=1).mean()
        asked[index] = gap < 0.06 * face.interocular
        scores[index] = face.scores
    np.savez(folder / TEACHER, asked=asked, scores=scores)


class Mixture:
    """Real and rendered faces, drawn at random.

    share : how much of what is drawn is rendered
    """

    def __init__(self, real: FaceSet, rendered: RenderedFaces | None, share: float) -> None:
        self.real, self.rendered = real, rendered
        self.share = share if rendered is not None and len(rendered) else 0.0
        self._ends = {id(f): np.cumsum(f.chance) for f in (real, rendered) if f is not None}

    def draw(self, rng: Generator) -> tuple[View, Labelled, int]:
        """Return a face, mirrored half of the time, the set that it is of and its row there."""
        faces: Labelled = self.real
        if self.rendered is not None and rng.random() < self.share:
            faces = self.rendered
        ends = self._ends[id(faces)]
        index = int(min(np.searchsorted(ends, rng.random() * ends[-1]), len(faces) - 1))
        return random_view(faces, index, rng), faces, index
