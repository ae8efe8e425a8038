"""A portrait with another expression, turn of the head or look: one frame of the renderer.

>>> from talkgen import EditPipeline                                    # doctest: +SKIP
>>> EditPipeline.from_pretrained()("me.jpg", emotion="happy:0.7").save("out.png")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from talkgen.errors import InputError
from talkgen.face.gaze import gaze_of
from talkgen.io.edited import SourcePicture, as_source, write_picture
from talkgen.motion.still import Still, as_still, posed
from talkgen.pipelines.portrait import MAX_SIZE, MIN_SIZE, cropped, load_portrait
from talkgen.pipelines.sheet import Sheet, drawn_sheet, sheet_of
from talkgen.protocols import FaceAnalyzer
from talkgen.render.pose import LIMITS_RAD
from talkgen.types import Emotion, ImageArray, Motion, Portrait

SURE_GAZE = 0.3
"""Confidence of the gaze's reading under which a look at the camera is doubtful."""
NOTICED_RAD = float(np.deg2rad(1.0))
TILE_PX = 256
"""Side of a picture on a sheet, where no size is given."""
MOST_ON_SHEET = 100_000_000
"""Pixels of all pictures on a sheet."""


@dataclass(frozen=True, eq=False)
class EditOutput:
    """The edited picture.

    image : (H, W, 3) uint8 RGB; alpha : (H, W) uint8 where the source has transparency
    notes : what could not be done as asked, a line each
    """

    image: ImageArray
    alpha: Any = None
    profile: bytes | None = None
    grey: bool = False
    notes: tuple[str, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .png, .jpg or .webp with the source's colour profile and transparency."""
        import talkgen

        write_picture(
            path, self.image, alpha=self.alpha, profile=self.profile, grey=self.grey,
            software=f"talkgen {talkgen.__version__} (edited portrait)",
        )  # fmt: skip


class EditablePortrait:
    """A portrait that is worked out once, to be drawn in any number of ways.

    renderer : a `MeshRenderer`; portrait : the picture and its face
    size : longer side of the frames in pixels; None keeps the picture's own
    """

    def __init__(self, renderer: Any, portrait: Portrait, size: int | None = None) -> None:
        self.renderer = renderer
        self.face = portrait.face
        self.gaze = gaze_of(portrait.face)
        self.ready = renderer.prepare(portrait, size=size)

    def motion(self, stills: Sequence[Still]) -> tuple[Motion, list[list[str]]]:
        """Return a track of 1 + N frames, the photograph's own first, and notes for each still."""
        fit, retargeter = self.ready.fit, self.ready.retargeter
        weights, turns = [np.asarray(fit.weights)], [np.asarray(fit.rotation)]
        notes: list[list[str]] = []
        for still in stills:
            row, turn, lacking = posed(still, fit, retargeter.rest, self.gaze, self.face.rotation)
            weights.append(row)
            turns.append(turn)
            notes.append([])
            if lacking > NOTICED_RAD:
                notes[-1].append(
                    f"the eyes turn by {np.rad2deg(lacking):.0f} degrees less than asked, they "
                    "go no further"
                )
            if still.gaze == "camera" and self.gaze.confidence < SURE_GAZE:
                notes[-1].append("the eyes are hardly seen, so that their look may be off")
        return Motion(
            np.stack(weights), np.stack(turns), np.tile(retargeter.place, (len(weights), 1)),
            space="camera", extra={"portrait_frame": np.asarray(0)},
        ), notes  # fmt: skip

    def frames(self, stills: Sequence[Still]) -> Iterator[tuple[ImageArray, list[str]]]:
        """Yield the picture (H, W, 3) uint8 of each still, and what could not be done as asked."""
        motion, notes = self.motion(stills)
        frames = self.renderer.render(self.ready, motion)
        next(frames)
        self.ready.limits.clear()
        for frame, said in zip(frames, notes, strict=True):
            if self.ready.limits.limited:
                said.append(_limit(self.ready.limits.most_deg))
                self.ready.limits.clear()
            yield frame, said


class EditPipeline:
    """Edits portraits. analyzer : finds the face; renderer : a `MeshRenderer`"""

    def __init__(self, analyzer: FaceAnalyzer, renderer: Any) -> None:
        self.analyzer = analyzer
        self.renderer = renderer

    @classmethod
    def from_pretrained(cls, *, backend: str = "embedded", head: str = "head") -> Self:
        """Return the pipeline with the shipped checkpoints, or another head by name or folder.

        backend : "embedded" or "mediapipe", what finds and reads the face

        The mesh renderer draws: its pixels are the photograph's own, and what is not moved stays.
        """
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.render.mesh import MeshRenderer

        return cls(Analyzer.from_pretrained(backend), MeshRenderer.from_pretrained(head))

    def __call__(
        self,
        portrait: Any,
        *,
        emotion: Emotion | str | None = None,
        au: str | Mapping[str, float] | None = None,
        pose: str | Sequence[float] | None = None,
        gaze: str | Sequence[float] | None = None,
        face: int | None = None,
        landmarks: Any = None,
        size: int | None = None,
        crop: bool = False,
        sheet: bool = False,
    ) -> EditOutput:
        """Return the portrait as asked for; with nothing asked for, as it was, to the bit.

        portrait : a path, a Pillow image, a uint8 array (H, W, 3 or 4), a `SourcePicture` or a
            `Portrait`
        emotion : one state, as text or an `Emotion`: "happy:0.7", "valence:0.6+arousal:-0.2"; the
            photograph's own expression gives way to it, to "neutral:0.5" by half
        au : action units in place of the emotion's: "AU12:0.8+AU4:0.3", or a mapping
        pose : yaw, pitch, roll in degrees from the photograph's: above 0 to the left of the
            picture, down, with the clock
        gaze : x, y in degrees from where the eyes look: above 0 to the right of the picture, down;
            "camera": at the viewer
        face, landmarks : as for `TalkPipeline`
        size : longer side in pixels; None keeps the picture's own. On a sheet: of each picture
        crop : only a square about the head
        sheet : one picture of the face under all eight emotions, each at several strengths, or
            under `emotion` at more of them; pose, gaze and units hold for all
        """
        check_size(size)
        wanted = as_still(emotion, au, pose, gaze)
        plan = sheet_of(emotion, au, wanted) if sheet else None
        if plan is not None:
            check_sheet(len(plan.stills), size or TILE_PX)
        given = isinstance(portrait, Portrait)
        source = SourcePicture(portrait.image) if given else as_source(portrait)
        shown = load_portrait(
            self.analyzer, portrait if given else source.image, face=face, landmarks=landmarks,
            head=self.renderer.head,
        )  # fmt: skip
        if plan is not None:
            return self._sheet(plan, cropped(shown), size or TILE_PX, source)
        dark = None if source.alpha is None else replace(shown, image=source.over_black)
        if crop:
            shown = cropped(shown)
            dark = None if dark is None else cropped(dark)
        ((image, notes),) = EditablePortrait(self.renderer, shown, size).frames([wanted])
        if dark is None:
            return EditOutput(image, None, source.profile, source.grey, tuple(notes))
        ((under, _),) = EditablePortrait(self.renderer, dark, size).frames([wanted])
        colour, alpha = apart(image, under)
        if size is None and not crop:
            assert source.colour is not None
            assert source.alpha is not None
            same = (image == shown.image).all(axis=2) & (under == dark.image).all(axis=2)
            colour[same], alpha[same] = source.colour[same], source.alpha[same]
        return EditOutput(colour, alpha, source.profile, source.grey, tuple(notes))

    def _sheet(
        self, plan: Sheet, portrait: Portrait, size: int, source: SourcePicture
    ) -> EditOutput:
        tiles = list(EditablePortrait(self.renderer, portrait, size).frames(plan.stills))
        notes = tuple(dict.fromkeys(note for _, said in tiles for note in said))
        image = drawn_sheet(plan, [tile for tile, _ in tiles])
        return EditOutput(image, None, source.profile, False, notes)


def check_size(size: int | None) -> None:
    """Raise InputError for a longer side that is out of range; None is the picture's own."""
    if size is not None and not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(f"`size` is {size}, {MIN_SIZE} to {MAX_SIZE} pixels are possible")


def check_sheet(pictures: int, size: int) -> None:
    """Raise InputError where so many pictures of so many pixels a side are too many for a sheet."""
    if pictures * size**2 > MOST_ON_SHEET:
        most = int((MOST_ON_SHEET / pictures) ** 0.5)
        raise InputError(
            f"`size` is {size}, on a sheet of {pictures} pictures at most {most} is possible"
        )


def apart(over_white: ImageArray, over_black: ImageArray) -> tuple[ImageArray, Any]:
    """Return colours (H, W, 3) and opacity (H, W), uint8, of what was drawn on white and black."""
    light, dark = over_white.astype(np.int16), over_black.astype(np.int16)
    alpha = 255.0 - np.clip(light - dark, 0, 255).mean(axis=2)
    alpha[alpha > 253.0] = 255.0  # rounding
    alpha[alpha < 2.0] = 0.0
    share = np.maximum(alpha, 1.0)[:, :, None] / 255.0
    colour = np.where(alpha[:, :, None] == 255.0, light, np.rint(dark / share))
    return np.clip(colour, 0, 255).astype(np.uint8), np.rint(alpha).astype(np.uint8)


def _limit(degrees: float) -> str:
    pitch, yaw, roll = np.rad2deg(LIMITS_RAD).round().astype(int).tolist()
    return (
        f"the head turns less far than asked, by {degrees:.0f} degrees; from the picture's pose it "
        f"goes to {yaw} of yaw, {pitch} of pitch, {roll} of roll"
    )
