"""Previews: stills of portraits that stay prepared, for many visitors at once.

Finding a face and working out its portrait take most of a second, a frame of it some milliseconds;
so both are kept, by what is in the file, and whoever asks again gets a frame at once. Each portrait
has its own lock: while one is being worked out, frames of the others are drawn.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from talkgen.errors import InputError
from talkgen.types import ImageArray

PREVIEW_PX = 512
"""Longer side of a preview."""
MOST_PORTRAITS, MOST_PICTURES = 16, 256
"""How many prepared portraits are kept (17 MB each at `PREVIEW_PX`), and of how many pictures the
faces (a few kB each)."""
KEPT_PX = 640
"""Longer side of the largest portraits that are kept; larger ones are worked out every time."""

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
        return list(self._seen(path)[1])

    def still(self, path: str | Path, **asked: Any) -> ImageArray:
        """Return the picture (H, W, 3) uint8 RGB as asked for; options as `still_and_notes`."""
        return self.still_and_notes(path, **asked)[0]

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
        """Return the picture (H, W, 3) uint8 RGB, and what could not be done as asked, by line.

        Options as for `EditPipeline`; `landmarks` are a mapping of the five names; `size` is at
        most the picture's own, which None keeps.
        Raises InputError with the line that `talkgen edit` says.
        """
        from talkgen.motion.still import as_still

        wanted = as_still(_plain(emotion, "emotion"), au, pose, gaze)
        points = None if not landmarks else _points(landmarks)
        key = (_digest(path), face, points, size, crop)
        if size is None or size > KEPT_PX:
            made = self._prepared(path, face, points, size, crop)
        else:
            made = self._portraits.get(key, lambda: self._prepared(path, face, points, size, crop))
        with made.lock:
            ((image, notes),) = made.portrait.frames([wanted])
        return image, notes

    def _pipeline(self) -> Any:
        from talkgen.pipelines.edit import EditPipeline

        return self._loaded.get("edit", lambda: EditPipeline.from_pretrained(backend=self._backend))

    def _seen(self, path: str | Path) -> tuple[list[Any], list[FaceBox]]:
        """Return the faces of a file's picture, and what there is to say about each."""

        def look() -> tuple[list[Any], list[FaceBox]]:
            from talkgen.io.image import read_image

            image = read_image(path)
            with self._reading:
                faces = self._pipeline().analyzer.analyze(image)
            return faces, [_box(image, face, number) for number, face in enumerate(faces, 1)]

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
        known: Any = _Known([] if points is not None else self._seen(path)[0])
        shown = load_portrait(
            known, read_image(path), face=face, head=pipeline.renderer.head,
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


def _box(image: ImageArray, face: Any, number: int) -> FaceBox:
    from talkgen.face.quality import assess

    quality = assess(image, face)
    x0, y0, x1, y1 = (float(v) for v in face.box)
    message = "" if quality.verdict == "usable" else quality.message
    return FaceBox(number, (x0, y0, x1, y1), quality.verdict, message)


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
        state = os.stat(path)
        return _digest_of(str(path), state.st_ino, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise InputError(f"no such file: {str(path)!r}") from error


@lru_cache(maxsize=256)
def _digest_of(path: str, *state: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(text: str | None, name: str) -> str | None:
    """Return a visitor's text; files that an emotion's text may name elsewhere are none of it."""
    from talkgen.motion.emotion_text import FILE_SUFFIXES

    if text is not None and text.strip().lower().endswith(FILE_SUFFIXES):
        raise InputError(f"`{name}` is {text.strip()!r}, a file; say it in words, as in happy:0.7")
    return text
