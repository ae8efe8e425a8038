"""Aligned faces with the names of their people: what `scripts/prepare_identity.py` calls.

Sources: `expressions` (critic use: may train a recogniser), congress, London, Canada and the train
clips. People are kept aside by a hash of their name. Copies of one picture would make the task
trivial, so of near copies only the first stays.
"""

from __future__ import annotations

import csv
import logging
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.alignment import aligned
from talkgen.face.analyzer import FaceAnalyzer
from talkgen.training.perception_prepare import Sample, frames, stills
from talkgen.types import ImageArray

log = logging.getLogger(__name__)

SIDE, MARGIN = 128, 1 / 14
"""Pixels of a kept crop, and what it shows beyond the template for shifts and turns."""
HELD_PERCENT = {"expressions": 20, "london": 27}
"""Share of the people kept aside, by source; of the others none."""
COPY_BITS = 16
"""Difference of two 256-bit hashes of web pictures up to which they count as copies."""
MAY_REPEAT = ("expressions", "congress")
"""Sources in which one photograph can lie twice; people of the others were photographed alike."""


def person_of(name: str) -> str:
    """Return a name in one spelling: lower case, plain letters, no digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall(r"[a-z]+", plain))


def kept_aside(source: str, person: str) -> bool:
    """Return whether a person is kept for measuring."""
    return zlib.crc32(f"identity/{person}".encode()) % 100 < HELD_PERCENT.get(source, 0)


def expressions(data: Path) -> Iterator[Sample]:
    """Yield the pictures of `expressions` with their people."""
    folder = data / "expressions"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            image = cv2.imread(str(folder / "images" / row["file"]), cv2.IMREAD_COLOR)
            person = person_of(row["person"])
            if image is not None and person:
                rgb: Any = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield Sample(rgb, f"expressions/{person}", "expressions")


def hashed(crop: ImageArray) -> int:
    """Return a 256-bit hash of a crop that small changes of size and light leave alone (dHash)."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int("".join("1" if b else "0" for b in bits), 2)


def prepare(data: Path, out: Path, *, per_person: int = 24, limit: int | None = None) -> None:
    """Write `crops.npy` (N, 128, 128, 3) uint8 RGB and `labels.npz` into `out`.

    Labels: person, source, held, colour (whether the picture has any), and the head-model
    identity (50,) of each face.
    """
    from talkgen.face.fit import fit_face
    from talkgen.face.head import HeadModel

    out.mkdir(parents=True, exist_ok=True)
    analyzer, head = FaceAnalyzer.from_pretrained(), HeadModel.from_pretrained()
    crops: list[ImageArray] = []
    rows: dict[str, list[Any]] = defaultdict(list)
    hashes: list[int] = []
    lost: Counter[str] = Counter()
    for reader in (expressions(data), stills(data), frames(data, per_person, 25)):
        for count, sample in enumerate(reader):
            if limit is not None and count >= limit:
                break
            faces = analyzer.analyze(sample.image)
            if not faces:
                lost[f"{sample.source}: no face"] += 1
                continue
            height, width = sample.image.shape[:2]
            middle = np.array([width / 2, height / 2])
            face = min(faces, key=lambda f: _off_middle(f, middle))
            crop = aligned(sample.image, face, SIDE, margin=MARGIN)
            code = hashed(crop)
            if sample.source in MAY_REPEAT:
                if any((code ^ other).bit_count() <= COPY_BITS for other in hashes):
                    lost[f"{sample.source}: copy"] += 1
                    continue
                hashes.append(code)
            source, person = sample.person.split("/", 1)
            crops.append(crop)
            rows["person"].append(sample.person)
            rows["source"].append(source)
            rows["held"].append(kept_aside(source, person))
            rows["colour"].append(float(np.ptp(crop.astype(np.int16), axis=2).mean()) > 4)
            rows["pixels"].append(face.interocular)
            rows["shape"].append(fit_face(head, face.landmarks, rounds=4).identity)
            rows["landmarks"].append(face.landmarks)
            if len(crops) % 1000 == 0:
                log.info("%d faces; left out: %s", len(crops), dict(lost))
    np.save(out / "crops.npy", np.stack(crops))
    arrays: dict[str, Any] = {k: np.array(v) for k, v in rows.items()}
    np.savez(out / "labels.npz", **arrays)
    count = len(set(rows["person"]))
    log.info("%d faces of %d people; left out: %s", len(crops), count, dict(lost))


def _off_middle(face: Any, middle: Any) -> float:
    centre = (face.box[:2] + face.box[2:]) / 2
    return float(np.linalg.norm(centre - middle) / face.size)
