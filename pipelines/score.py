"""A video becomes a report: what it is worth by itself, beside a reference, beside its source.

>>> from talkgen.pipelines.score import ScorePipeline                    # doctest: +SKIP
>>> ScorePipeline.from_pretrained()("out.mp4").report.scores["closures_kept"]  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Self

import talkgen
from talkgen import hub
from talkgen.critic.hearing import Heard, hear
from talkgen.critic.score import ClipCritic, Judged
from talkgen.critic.units import UnitsCritic
from talkgen.critic.watch import Seen, Watched, watch
from talkgen.errors import CheckpointError, MediaError, NoFaceError
from talkgen.io.audio import open_speech
from talkgen.io.image import as_image
from talkgen.io.video import VideoFile, open_clip
from talkgen.motion.emotion import as_emotion
from talkgen.pipelines.portrait import choose_face
from talkgen.pipelines.track import Follower
from talkgen.protocols import FaceAnalyzer
from talkgen.types import ENGINE_FPS, ENGINE_RATE, Emotion, Face, ImageArray

log = logging.getLogger("talkgen")
CHECKPOINTS = ("detector", "landmarks", "head", "phonetic", "identity", "expression", "sync")


class ScorePipeline:
    """Scores videos at 25 frames a second.

    analyzer : finds and reads the face
    critics : judge; more of them may be passed (`talkgen.critic.score`)
    """

    def __init__(self, analyzer: FaceAnalyzer, critics: Sequence[Any]) -> None:
        self.analyzer = analyzer
        self.critics = tuple(critics)

    @classmethod
    def from_pretrained(
        cls, *, backend: str = "embedded", head: str = "head", more: Sequence[Any] = ()
    ) -> Self:
        """Return the pipeline with the shipped checkpoints.

        more : further critics, for instance the published SyncNet
        """
        from talkgen.critic.contracts import ContractCritic
        from talkgen.critic.identity import IdentityCritic
        from talkgen.critic.likeness import LikenessCritic
        from talkgen.critic.quality import QualityCritic
        from talkgen.face.analyzer import FaceAnalyzer as Analyzer
        from talkgen.face.head import HeadModel

        model = HeadModel.from_pretrained(head)
        critics = (
            ContractCritic(), QualityCritic(), IdentityCritic.from_pretrained(),
            LikenessCritic(model), *networks(), UnitsCritic(model), *more,
        )  # fmt: skip
        return cls(Analyzer.from_pretrained(backend), critics)

    def __call__(
        self,
        video: Any,
        *,
        reference: Any = None,
        source: Any = None,
        emotion: Emotion | str | None = None,
        face: int | None = None,
        on_start: Callable[[int], object] | None = None,
        on_frame: Callable[[], object] | None = None,
    ) -> Judged:
        """Return the judged clip.

        video : a path; reference : the path of a real clip of the same speech
        source : the picture that the video was made of: a path, a Pillow image or an array
        emotion : what was asked for, an `Emotion` or text as in "happy:0.7"
        face : which face of the video, from 1, largest first in the first frame that shows any;
            of a source that shows several too, the one of this number
        on_start, on_frame : called with the number of frames, 0 where the file does not say, and
            after each, for a progress bar
        """
        target = as_emotion(emotion)
        clip = open_clip(video)
        other = None if reference is None else open_clip(reference, "reference")
        shown = None if source is None else self._source(source, face)
        critic = ClipCritic([_of(critic, shown) for critic in self.critics])
        if on_start is not None:
            on_start(max(1, round(clip.seconds * ENGINE_FPS)) if clip.seconds else 0)
        real = _Kept() if other is not None else None
        beside = None if other is None else self._seen(other, None, real)
        frames = self._seen(clip, face, None, on_frame)
        with ThreadPoolExecutor(1) as beside_it:  # hearing takes half as long as watching
            hearing = beside_it.submit(_heard, clip)
            watched = watch(frames, ENGINE_FPS, critic.readers(), beside=beside)
            sound, silent = hearing.result()
        watched = replace(watched, sound=sound)
        if not watched.seen.any():
            raise NoFaceError(
                f"no face found in any of {len(watched)} frames of {str(clip.path)!r}; "
                "give a video in which a face is seen from the front"
            )
        against = None if real is None else real.watched(beside)
        if against is not None and not against.seen.any():
            raise NoFaceError(f"no face found in the reference {str(reference)!r}; leave it out")
        judged = critic.judged(watched, reference=against, target=target)
        absent = {**({"sound": silent} if silent else {}), **judged.absent}
        if other is not None and other.size != clip.size:
            absent["pixels"] = (
                f"the video is {clip.size[0]} x {clip.size[1]}, the reference {other.size[0]} x "
                f"{other.size[1]}; PSNR, SSIM and sharpness need one size"
            )
        report = replace(
            judged.report, provenance={**self._provenance(), **judged.report.provenance}
        )
        return replace(judged, report=report, absent=absent)

    def _source(self, source: Any, number: int | None) -> tuple[ImageArray, Face]:
        image = as_image(source)
        faces = self.analyzer.analyze(image)
        if not faces:
            raise NoFaceError("no face found in `source`; give the picture that was animated")
        return image, choose_face(faces, number if len(faces) > 1 else None)

    def _seen(
        self,
        clip: VideoFile,
        face: int | None,
        kept: _Kept | None,
        on_frame: Callable[[], object] | None = None,
    ) -> Iterator[Seen]:
        """Yield pictures of a clip with the face that is followed through it."""
        follow, shown = Follower(face), list[ImageArray]()

        def noted() -> Iterator[ImageArray]:
            for frame in clip.frames(ENGINE_FPS):
                shown[:] = [frame]
                yield frame

        for faces in self.analyzer.track(noted()):
            chosen = follow.pick(faces)
            if kept is not None:
                kept.add(shown[0], chosen)
            yield shown[0], chosen
            if on_frame is not None:
                on_frame()

    def _provenance(self) -> dict[str, str]:
        import numpy
        import torch

        known = hub.registry()
        hashes = {
            f"checkpoint {name}": known[name]["files"]["model.safetensors"][:12]
            for name in CHECKPOINTS
            if "model.safetensors" in known.get(name, {}).get("files", {})
        }
        return {
            "talkgen": talkgen.__version__, "read at": f"{ENGINE_FPS:g} fps", "seed": "none used",
            "device": f"cpu, {platform.machine()}", "python": platform.python_version(),
            "numpy": numpy.__version__, "torch": torch.__version__, **hashes,
        }  # fmt: skip


def networks() -> list[Any]:
    """Return the critics of expression and of sync; one whose checkpoint is not there is left out,
    and the report says so."""
    from talkgen.critic.fer import FERCritic
    from talkgen.critic.sync import SyncCritic

    found = []
    for critic in (FERCritic, SyncCritic):
        try:
            found.append(critic.from_pretrained())
        except CheckpointError as error:
            log.warning("%s", error)
    return found


def published_sync(path: str | os.PathLike[str]) -> Any:
    """Return the published SyncNet of the user's `syncnet_v2.model`, a critic to be passed in."""
    from talkgen.critic.syncnet_v2 import PublishedSync

    return PublishedSync.from_file(path)


class _Kept:
    """What is kept of the reference as it goes by: points and scores, no pictures."""

    def __init__(self) -> None:
        self._faces: list[Seen] = []

    def add(self, image: ImageArray, face: Face | None) -> None:
        self._faces.append((image[:1, :1], face))

    def watched(self, rest: Any) -> Watched:
        """Return the reference as a clip; `rest`: what the video was too short to show of it."""
        for _ in rest:
            pass
        return watch(self._faces, ENGINE_FPS)


def _of(critic: Any, shown: tuple[ImageArray, Face] | None) -> Any:
    """Return a critic that knows the source, where it heeds one."""
    if shown is None:
        return critic
    if isinstance(critic, UnitsCritic):
        return UnitsCritic(critic.head, shown[1].landmarks)
    return critic.of(*shown) if hasattr(critic, "of") else critic


def _heard(clip: VideoFile) -> tuple[Heard | None, str]:
    """Return what is heard in a clip, or None and why nothing is."""
    if not clip.has_sound:
        return None, "the video has no sound track"
    try:
        speech = open_speech(clip.path)
    except MediaError as error:
        return None, str(error)
    return hear(speech.blocks(ENGINE_RATE), fps=ENGINE_FPS), ""
