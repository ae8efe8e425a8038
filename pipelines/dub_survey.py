"""The first look at a video that is dubbed: who is seen where, and how clearly.

What is read of each face in each picture goes to a temporary file, so that an hour takes no more
memory than a minute; kept are a few numbers a picture and small pictures of each stretch in which
somebody is seen without a break.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import OutputError
from talkgen.face.points import LIPS
from talkgen.face.tracking import coarse_picture, is_cut
from talkgen.io.output import output_error
from talkgen.io.pictures import PictureFile
from talkgen.motion.extras import clearness
from talkgen.pipelines.portrait import cropped
from talkgen.protocols import FaceAnalyzer
from talkgen.render.donor import teeth_shown
from talkgen.types import Face, FloatArray, ImageArray, Portrait

VIEWS = 8
"""Calm views of a stretch that say how the head is built."""
SHORTEST_S = 0.4
"""Stretches shorter than that are left as they are."""
DONOR_GAPS = (0.05, 0.35)
"""Lip gaps, in distances of the eyes, between which a picture is searched for teeth."""
DONOR_EVERY = 3
"""Pictures between two that are searched."""
TURN_COST = 0.5
"""What a radian of turn takes from how good a picture is."""

RECORD = np.dtype([("index", "<i4"), ("stretch", "<i4"), ("landmarks", "<f4", (478, 3))])


@dataclass(eq=False)
class Stretch:
    """Pictures in which one face is seen, between cuts.

    frames : their numbers; gap : lip gap over the distance of the eyes; yaw, pitch : radians
    sure : how clearly the mouth is seen, 0 to 1; size : of the face in pixels, each of all frames
    key : the clearest picture, cropped about the head; teeth : the one that shows teeth best
    views : landmarks of the calmest; begins_cut, ends_cut : whether the picture was cut there
    """

    number: int
    frames: list[int] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    yaw: list[float] = field(default_factory=list)
    pitch: list[float] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    views: list[tuple[float, FloatArray]] = field(default_factory=list)
    key: Portrait | None = None
    key_value: float = np.inf
    teeth: Portrait | None = None
    teeth_value: float = 0.0
    embedding: FloatArray | None = None
    begins_cut: bool = False
    ends_cut: bool = False
    stored: Path | None = None

    @property
    def seconds(self) -> float:
        """How long the face is seen."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    def see(self, index: int, time: float, image: ImageArray, face: Face) -> None:
        """Take note of the face in one picture."""
        marks = face.landmarks
        eyes = max(face.interocular, 1e-6)
        gap = float(np.linalg.norm(marks[13, :2] - marks[14, :2])) / eyes
        sure = 1.0 if face.confidence is None else float(face.confidence[list(LIPS)].mean())
        self.frames.append(index)
        self.times.append(time)
        for name, value in (("gap", gap), ("sure", sure), ("size", face.size),
                            ("pitch", face.rotation[0]), ("yaw", face.rotation[1])):  # fmt: skip
            getattr(self, name).append(float(value))
        turned = float(np.abs(face.rotation[:2]).sum())
        value = clearness(marks, face.scores) + TURN_COST * turned + (1.0 - sure)
        if value < self.key_value - 0.01:
            self.key, self.key_value = cropped(Portrait(image, face)), value
        if len(self.views) < VIEWS or value < self.views[-1][0]:
            self.views = sorted([*self.views, (value, marks)], key=lambda v: v[0])[:VIEWS]
        if DONOR_GAPS[0] < gap < DONOR_GAPS[1] and len(self.frames) % DONOR_EVERY == 0:
            shown = teeth_shown(image, marks[:, :2], eyes) - TURN_COST * turned * (sure > 0.3)
            if shown > self.teeth_value + 0.01:
                self.teeth, self.teeth_value = cropped(Portrait(image, face)), shown

    def store(self, folder: Path) -> None:
        """Put the pictures aside on disk."""
        self.stored = folder / f"stretch{self.number}.npz"
        parts: dict[str, Any] = {}
        for name in ("key", "teeth"):
            portrait = getattr(self, name)
            if portrait is not None:
                points = portrait.face.landmarks
                parts |= {f"{name}_image": portrait.image, f"{name}_points": points,
                          f"{name}_scores": portrait.face.scores}  # fmt: skip
                setattr(self, name, None)
        np.savez(self.stored, **parts)

    def portraits(self) -> tuple[Portrait | None, Portrait | None]:
        """Return the clearest picture and the one with teeth, from disk if they are there."""
        if self.stored is None:
            return self.key, self.teeth
        with np.load(self.stored) as parts:
            found = []
            for name in ("key", "teeth"):
                if f"{name}_image" not in parts:
                    found.append(None)
                    continue
                points = parts[f"{name}_points"]
                box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
                face = Face(points, box, parts[f"{name}_scores"], np.zeros(3, np.float32))
                found.append(Portrait(parts[f"{name}_image"], face))
        return found[0], found[1]


class Survey:
    """All that is known of the faces of a video; its temporary files go with it.

    stretches : by number; count : pictures in all; times : (count,) seconds; cuts : numbers of
    pictures that begin a shot
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="talkgen-dub-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.stretches: dict[int, Stretch] = {}
        self.count = 0
        self.times: NDArray[np.float64] = np.zeros(0)
        self.cuts: list[int] = []

    def close(self) -> None:
        """Remove the temporary files."""
        self._remove()

    @property
    def _path(self) -> Path:
        return self.folder / "faces.bin"

    def records(self) -> Iterator[tuple[int, dict[int, FloatArray]]]:
        """Yield (number of a picture, landmarks (478, 3) by stretch) of pictures with faces."""
        index, found = -1, {}
        with self._path.open("rb") as file:
            while data := file.read(RECORD.itemsize):
                row = np.frombuffer(data, RECORD)[0]
                if row["index"] != index and found:
                    yield index, found
                    found = {}
                index = int(row["index"])
                found[int(row["stretch"])] = np.array(row["landmarks"])
        if found:
            yield index, found


def survey(
    source: PictureFile,
    analyzer: FaceAnalyzer,
    embedder: Any,
    *,
    on_frame: Callable[[], object] | None = None,
) -> Survey:
    """Return what is seen in a video.

    analyzer : finds and follows faces; embedder : an `IdentityEmbedder`
    """
    found = Survey()
    try:
        _look(found, source, analyzer, embedder, on_frame)
    except OSError as error:
        found.close()
        if isinstance(error, OutputError):
            raise
        raise output_error(found.folder, error) from error
    except BaseException:
        found.close()
        raise
    return found


def _look(
    found: Survey, source: PictureFile, analyzer: FaceAnalyzer, embedder: Any,
    on_frame: Callable[[], object] | None,
) -> None:  # fmt: skip
    times: list[float] = []
    shown: list[ImageArray] = []
    here: set[int] = set()
    before: Any = None

    def pictures() -> Iterator[ImageArray]:
        for picture in source.pictures():
            shown[:] = [picture.rgb]
            times.append(picture.time)
            yield shown[0]

    with found._path.open("wb") as file:
        for index, faces in enumerate(analyzer.track(pictures())):
            image = shown[0]
            coarse = coarse_picture(image)
            cut = before is None or is_cut(before, coarse)
            before = coarse
            if cut:
                found.cuts.append(index)
            ids = {int(face.id or 0) for face in faces}
            for gone in here - ids:
                found.stretches[gone].ends_cut = cut
            for face in faces:
                number = int(face.id or 0)
                stretch = found.stretches.get(number)
                if stretch is None:
                    stretch = found.stretches[number] = Stretch(number, begins_cut=cut)
                stretch.see(index, times[-1], image, face)
                row = np.zeros(1, RECORD)
                row["index"], row["stretch"], row["landmarks"] = index, number, face.landmarks
                file.write(row.tobytes())
            if cut:
                _settle(found, embedder, ids)
            here = ids
            if on_frame is not None:
                on_frame()
    for number in here:
        found.stretches[number].ends_cut = True
    _settle(found, embedder, set())
    found.count, found.times = len(times), np.array(times)


def _settle(found: Survey, embedder: Any, ids: set[int]) -> None:
    """Say whose the stretches are that cannot go on, and put their pictures on disk."""
    for number, stretch in list(found.stretches.items()):
        if stretch.stored is not None or number in ids:
            continue
        if stretch.seconds < SHORTEST_S or stretch.key is None:
            stretch.key = stretch.teeth = None
            continue
        stretch.embedding = embedder.embed(stretch.key.image, stretch.key.face)
        stretch.store(found.folder)
