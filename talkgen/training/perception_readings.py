"""What the parts of the landmark network that look at pixels read on the training faces.

The join and the reader learn from these readings: the errors of networks are not like noise.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.face.detector import FaceDetector
from talkgen.face.embedded import EmbeddedBackend
from talkgen.face.fit import fit_face
from talkgen.face.head import HeadModel
from talkgen.face.landmarks import LandmarkNet
from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.face.region import Region, region_of
from talkgen.training.perception_covers import cover
from talkgen.training.perception_rendered import Mixture
from talkgen.training.perception_views import FaceSet, Labelled, disturb

log = logging.getLogger(__name__)


@dataclass
class Readings:
    """Rows of readings with their labels, float32.

    first, points : (N, 478, 3) pixels, see `talkgen.face.embedded.Reading`; hidden : (N, F)
    wanted : (N, 478, 3) pixels, the labels; trust : (N, 478) what the place of each is worth
    scores : (N, 52) of the teacher, or exact weights; taught : (N, 52) of the teacher where asked :
        (N,) says that it was; rotation : (N, 3) radians; exact : (N,) 1 where rendered
    worth : (N,) what the rotation is worth; chance : (N,) of being drawn
    """

    first: Any
    points: Any
    hidden: Any
    wanted: Any
    trust: Any
    scores: Any
    taught: Any
    asked: Any
    rotation: Any
    exact: Any
    worth: Any
    chance: Any

    def shares(self, rendered: float) -> Any:
        """Return the chance (N,) float64 of each row when a share is rendered; sums to 1."""
        chance = self.chance.astype(np.float64).copy()
        if not (self.exact > 0.5).any():
            rendered = 0.0
        for rows, part in ((self.exact > 0.5, rendered), (self.exact < 0.5, 1 - rendered)):
            chance[rows] *= part / max(chance[rows].sum(), 1e-12)
        return chance / chance.sum()


def readings_of(
    net: LandmarkNet, mixture: Mixture, folder: Path, *, seed: int = 0, copies: int = 2
) -> Readings:
    """Return the readings of every training face, from `folder`/readings.npz where they lie.

    copies : how often each face is read, each time mirrored at random, covered or disturbed, on a
        crop as far off as following a face would leave it
    """
    cache = folder / "readings.npz"
    if cache.exists():
        stored = np.load(cache)
        return Readings(**{k: stored[k] for k in stored})
    rng = np.random.default_rng(seed)
    backend = EmbeddedBackend(FaceDetector(), copy.deepcopy(net))
    turned = head_rotation(mixture.real, folder / "head_rotation.npy")
    columns: list[list[Any]] = [[] for _ in fields(Readings)]
    for faces in (mixture.real, mixture.rendered if mixture.share else None):
        if faces is None:
            continue
        exact = faces is not mixture.real
        rotation = faces.rotation if exact else turned
        for row in np.repeat(np.arange(len(faces)), copies):
            _read_one(backend, faces, int(row), rotation[row], exact, rng, columns)
    found = Readings(*(np.asarray(column, np.float32) for column in columns))
    np.savez(cache, **vars(found))
    return found


def _read_one(
    backend: EmbeddedBackend, faces: Labelled, row: int, rotation: Any, exact: bool, rng: Any,
    columns: list[list[Any]],
) -> None:  # fmt: skip
    picture, wanted = np.ascontiguousarray(faces.crop(row)), faces.landmarks[row]
    scores, trust = faces.scores[row], faces.trust(row)
    taught, asked = faces.taught(row)
    region = _nearby(region_of(wanted), rng)
    if rng.random() < 0.05:
        picture = picture.copy()
        cover(picture, wanted[:, :2], picture[::-1].copy(), rng)
    if rng.random() < 0.3:
        picture = disturb(picture, rng)
    if rng.random() < 0.5:
        last = picture.shape[1] - 1
        picture = np.ascontiguousarray(picture[:, ::-1])
        region = Region(last - region.x, region.y, region.size, -region.roll)
        wanted = wanted[MIRROR] * (-1, 1, 1) + (last, 0, 0)
        scores, taught = scores[MIRROR_CHANNELS], taught[MIRROR_CHANNELS]
        trust = trust[MIRROR]
        rotation = rotation * np.array([1, -1, -1], np.float32)
    found = backend.measure(picture, region, least=0.0)
    if found is None or found.hidden is None:
        return
    yaw = 0.0 if exact else abs(float(np.degrees(rotation[1])))
    worth = float(np.clip(1 - (yaw - 16) / 10, 0.1, 1))
    values = (found.first, found.points, found.hidden.numpy(), wanted, trust, scores, taught,
              float(asked), rotation, float(exact), worth, faces.chance[row])  # fmt: skip
    for column, value in zip(columns, values, strict=True):
        column.append(value)
    if len(columns[0]) % 2000 == 0:
        log.info("read %d faces", len(columns[0]))


def _nearby(region: Region, rng: Any) -> Region:
    """Return where the frame before would have put a region."""
    dx, dy = rng.normal(0, 0.015, 2) * region.size
    size = region.size * float(np.exp(rng.normal(0, 0.025)))
    return Region(region.x + dx, region.y + dy, size, region.roll + rng.normal(0, 0.025))


def head_rotation(faces: FaceSet, cache: Path) -> Any:
    """Return the rotation (N, 3) radians of the heads fitted to the teacher's landmarks."""
    if cache.exists():
        known = np.load(cache)
        if len(known) == len(faces):
            return known
    head = HeadModel.from_pretrained()
    found = []
    for row in range(len(faces)):
        found.append(fit_face(head, faces.landmarks[row]).rotation)
        if row % 1000 == 0:
            log.info("fitted %d of %d", row, len(faces))
    np.save(cache, np.array(found, np.float32))
    return np.array(found, np.float32)
