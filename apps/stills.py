"""Previews: stills of portraits that stay prepared, for many visitors at once.

Finding a face and working out its portrait take most of a second, a frame of it some milliseconds;
so both are kept, by what is in the file, and whoever asks again gets a frame at once. Each portrait
has its own lock: while one is being worked out, frames of the others are drawn.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from talkgen.errors import InputError
from talkgen.types import ImageArray

PREVIEW_PX = 512
"""Longer side of a preview."""
MOST_PORTRAITS, MOST_PICTURES = 12, 24
"""How many are kept: prepared portraits take about 25 MB each at `PREVIEW_PX`, pictures that were
looked at 3 bytes a pixel."""

T = TypeVar("T")


@dataclass(frozen=True)
class FaceBox:
    """A face that was found.

    number : from 1, largest first, as `--face` counts; box : (x0, y0, x1, y1) pixels of the picture
    verdict : "usable", "doubtful" or "unusable"; message : why, "" where it is usable
    """

    number: int
    box: tuple[float, float, float, float]
    verdict: str
    message: str


class Kept:
    """The results used last, each worked out once, by whoever asks first.

    most : how many are kept. What fails is not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` gave for `key`; who asks for it meanwhile waits, others do not."""
        with self._lock:
            future = self._found.get(key)
            mine = future is None
            if future is None:
                future = self._found[key] = Future()
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._found.get(key) is future:
                        del self._found[key]
                future.set_exception(error)
        result: T = future.result()
        return result

    def __len__(self) -> int:
        return len(self._found)


class Stills:
    """Draws previews by `EditPipeline`. backend : what finds and reads faces"""

    def __init__(self, backend: str = "embedded") -> None:
        self._backend = backend
        self._loaded = Kept(1)
        self._reading = threading.Lock()
        self._pictures = Kept(MOST_PICTURES)
        self._portraits = Kept(MOST_PORTRAITS)

    def warm(self) -> None:
        """Load the models and everything that the first preview needs, some seconds."""
        from talkgen.face.head import HeadModel
        from talkgen.face.placed import face_from_points
        from talkgen.motion.still import as_still
        from talkgen.pipelines.edit import EditablePortrait
        from talkgen.types import Portrait

        pipeline = self._pipeline()
        grey = np.full((128, 128, 3), 128, np.uint8)
        points = np.array([[46, 56], [82, 56], [64, 78], [50, 96], [78, 96]], np.float32)
        with self._reading:
            pipeline.analyzer.analyze(grey)
        face = face_from_points(points, (128, 128), HeadModel.from_pretrained())
        portrait = EditablePortrait(pipeline.renderer, Portrait(grey, face))
        list(portrait.frames([as_still("surprise", None, (5, 0, 0), (5, 0))]))

    def faces(self, path: str | Path) -> list[FaceBox]:
        """Return the faces of a picture, largest first; none: an empty list.

        Raises MediaError where the file is no picture.
        """
        from talkgen.face.quality import assess

        image, faces = self._seen(path)
        out = []
        for number, face in enumerate(faces, 1):
            quality = assess(image, face)
            x0, y0, x1, y1 = (float(v) for v in face.box)
            message = "" if quality.verdict == "usable" else quality.message
            out.append(FaceBox(number, (x0, y0, x1, y1), quality.verdict, message))
        return out

    def still(
        self,
        path: str | Path,
        *,
        emotion: str | None = None,
        au: str | None = None,
        pose: str | None = None,
        gaze: str | None = None,
        face: int | None = None,
        landmarks: Mapping[str, Any] | None = None,
        size: int | None = PREVIEW_PX,
        crop: bool = False,
    ) -> ImageArray:
        """Return the picture (H, W, 3) uint8 RGB as asked for.

        Options as for `EditPipeline`; `landmarks` are a mapping of the five names; `size` is at
        most the picture's own, which None keeps.
        Raises InputError with the line that `talkgen edit` says.
        """
        return self.still_and_notes(
            path, emotion=emotion, au=au, pose=pose, gaze=gaze, face=face, landmarks=landmarks,
            size=size, crop=crop,
        )[0]  # fmt: skip

    def still_and_notes(
        self,
        path: str | Path,
        *,
        emotion: str | None = None,
        au: str | None = None,
        pose: str | None = None,
        gaze: str | None = None,
        face: int | None = None,
        landmarks: Mapping[str, Any] | None = None,
        size: int | None = PREVIEW_PX,
        crop: bool = False,
    ) -> tuple[ImageArray, list[str]]:
        """Return `still`'s picture, and what could not be done as asked, a line each."""
        from talkgen.motion.still import as_still

        wanted = as_still(emotion, au, pose, gaze)
        points = None if not landmarks else _points(landmarks)
        key = (_digest(path), face, points, size, crop)
        made = self._portraits.get(key, lambda: self._prepared(path, face, points, size, crop))
        with made.lock:
            ((image, notes),) = made.portrait.frames([wanted])
        return image, notes

    def _pipeline(self) -> Any:
        from talkgen.pipelines.edit import EditPipeline

        return self._loaded.get("edit", lambda: EditPipeline.from_pretrained(backend=self._backend))

    def _seen(self, path: str | Path) -> tuple[ImageArray, list[Any]]:
        """Return a file's picture and its faces."""

        def look() -> tuple[ImageArray, list[Any]]:
            from talkgen.io.image import read_image

            image = read_image(path)
            with self._reading:
                return image, self._pipeline().analyzer.analyze(image)

        return self._pictures.get(_digest(path), look)

    def _prepared(
        self,
        path: str | Path,
        face: int | None,
        points: tuple[tuple[str, tuple[float, ...]], ...] | None,
        size: int | None,
        crop: bool,
    ) -> _Prepared:
        from talkgen.io.image import read_image
        from talkgen.pipelines.edit import EditablePortrait
        from talkgen.pipelines.portrait import cropped, load_portrait

        pipeline = self._pipeline()
        if points is None:
            image, faces = self._seen(path)
            analyzer: Any = _Known(faces)
        else:
            image, analyzer = read_image(path), _Known([])
        shown = load_portrait(
            analyzer, image, face=face, head=pipeline.renderer.head,
            landmarks=None if points is None else {name: list(xy) for name, xy in points},
        )  # fmt: skip
        shown = cropped(shown) if crop else shown
        if size is not None:
            size = min(size, max(shown.image.shape[:2]))
        return _Prepared(EditablePortrait(pipeline.renderer, shown, size), threading.Lock())


@dataclass(frozen=True)
class _Prepared:
    """A portrait, and the lock of who draws it: its work arrays are used again."""

    portrait: Any
    lock: threading.Lock


class _Known:
    """A `FaceAnalyzer` for one picture, whose faces are known."""

    def __init__(self, faces: list[Any]) -> None:
        self._faces = faces

    def analyze(self, image: ImageArray) -> list[Any]:
        """Return the faces."""
        return self._faces


def _points(landmarks: Mapping[str, Any]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    try:
        return tuple(
            (str(name), tuple(float(v) for v in landmarks[name])) for name in sorted(landmarks)
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"`landmarks` hold {dict(landmarks)!r}, x and y are needed") from error


def _digest(path: str | Path) -> str:
    """Return what stands for the content of a file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"no such file: {str(path)!r}") from error
