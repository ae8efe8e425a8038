"""A clip drawn whole by the diffusion renderer, the mesh renderer and a flat warp, and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.critic.pictures import flicker, lip_distance
from talkgen.face.identity import similarity
from talkgen.face.points import LEFT_LIDS, LIPS_INNER, RIGHT_LIDS
from talkgen.motion.chunks import pieces
from talkgen.training.diffusion_measure import ClipScores, difference_psnr
from talkgen.training.diffusion_sample import Variant
from talkgen.training.face_pattern import likeness, pattern
from talkgen.training.part_boxes import Box, cut, landmark_box
from talkgen.training.reenact import first_face
from talkgen.training.render_scores import clear_frame, warped
from talkgen.types import Audio, FloatArray, ImageArray, Motion

LID = 0.12
"""Share of an eye's width about its lids that counts to the eye."""
STRIP = 8


@dataclass(eq=False)
class Judges:
    """What reads drawn frames. analyzer : lips read again; embedder : cosines of identity

    features : of mouths, for the Frechet distance
    """

    analyzer: Any
    embedder: Any
    features: Any = None


@dataclass(eq=False)
class Clip:
    """Frames (H, W, 3) uint8 with their plain track, and which frame is the portrait.

    own, look : the portrait's embedding and pattern, None where nothing finds its face
    """

    frames: Sequence[ImageArray]
    motion: Motion
    first: int
    step: int
    own: Any = None
    look: Any = None
    boxes: dict[int, dict[str, Box]] = field(default_factory=dict)

    @property
    def landmarks(self) -> FloatArray:
        """The track's landmarks (T, 478, 3)."""
        return self.motion.extra["landmarks"]

    @property
    def scored(self) -> list[int]:
        """Which frames are scored: every `step`-th, never the portrait itself."""
        return [t for t in range(0, len(self.frames), self.step) if t != self.first]


def full_clip(
    frames: Sequence[ImageArray], track: Any, mesh: Any, diffusion: Any,
    variants: Sequence[Variant], judges: Judges, *, step: int = 2,
    wrong: NDArray[np.float32] | None = None, speech: Audio | None = None,
) -> tuple[ClipScores, ImageArray]:  # fmt: skip
    """Return a clip's scores and a strip of real, still, warp, mesh and each variant's frames.

    track, mesh, diffusion : `TrackPipeline`, and a `RenderPipeline` with either renderer
    step : every n-th frame is scored; all are drawn, one after another
    wrong : another person's embedding; speech : the clip's sound at 16 kHz, for the denoiser
    """
    clip = tracked_clip(frames, track, judges, step)
    scores = ClipScores(judges.features)
    real, drawn, strips = _cuts(clip, clip.frames), {}, []
    lips = _read(clip, "real", clip.frames, {}, scores, judges)
    source = clip.frames[clip.first]
    drawn["still"] = _cuts(clip, [source] * len(clip.frames))
    drawn["warp"] = {t: _warps(clip, t) for t in clip.scored}
    makers = {"mesh": (mesh, clip.motion)}
    heard = _with_sound(clip.motion, speech, diffusion.renderer)
    makers |= {v.name: (diffusion, heard) for v in variants}
    chosen = {v.name: v for v in variants}
    calm = flicker(_faces(clip, clip.frames))
    for name, (pipeline, motion) in makers.items():
        if name in chosen:
            ask(pipeline.renderer, chosen[name], wrong)
        made = list(pipeline(source, motion).frames)
        drawn[name] = _cuts(clip, made)
        _read(clip, name, made, lips, scores, judges)
        shown = _faces(clip, made)
        scores.add(f"{name}_flicker_over_real", flicker(shown) / max(calm, 1e-6))
        _seams(name, shown, _faces(clip, clip.frames), scores, diffusion.renderer.batch)
        strips.append(shown)
    for t in clip.scored:
        masks = _masks(clip, t)
        for region in clip.boxes[t]:
            tried = {name: made[t][region] for name, made in drawn.items()}
            scores.crops(region, real[t][region], tried)
            if region == "face":
                for part, mask in masks.items():
                    scores.masked(part, mask, real[t][region], tried)
    return scores, _strip(clip, [_faces(clip, clip.frames), *strips])


def tracked_clip(frames: Sequence[ImageArray], track: Any, judges: Judges, step: int) -> Clip:
    """Return the clip with its plain track; the portrait is its first clear frame."""
    track.refine = False
    motion = track(list(frames))
    landmarks = motion.extra["landmarks"]
    first = clear_frame(landmarks, motion.extra["scores"])
    clip = Clip(frames, motion, first, step)
    for t in clip.scored:
        boxes = {r: landmark_box(landmarks[t], r, frames[t]) for r in ("face", "mouth")}
        clip.boxes[t] = {region: box for region, box in boxes.items() if box is not None}
    face = first_face(judges.analyzer, frames[first])
    if face is not None:
        clip.own = judges.embedder.embed(frames[first], face)
        clip.look = pattern(frames[first], face)
    return clip


def ask(renderer: Any, variant: Variant, wrong: NDArray[np.float32] | None) -> None:
    """Set a `DiffusionRenderer` to a variant."""
    from talkgen.render.adapters import set_identity_scale

    renderer.sampler.steps = variant.steps
    renderer.embedding = wrong if variant.wrong else None
    set_identity_scale(renderer.sampler.denoiser.unet, variant.scale)


def _with_sound(motion: Motion, speech: Audio | None, renderer: Any) -> Motion:
    """Return the motion with what the denoiser hears about every frame."""
    if speech is None or renderer.encoder is None:
        return motion
    from talkgen.audio.nearby import NearbySound

    sound = NearbySound(renderer.encoder, [speech.samples], speech.rate, motion.fps)
    return replace(motion, extra={**motion.extra, "sound": sound.take(len(motion))})


def _cuts(clip: Clip, frames: Sequence[ImageArray]) -> dict[int, dict[str, ImageArray]]:
    return {t: {name: cut(frames[t], box) for name, box in boxes.items()}
            for t, boxes in clip.boxes.items()}  # fmt: skip


def _warps(clip: Clip, t: int) -> dict[str, ImageArray]:
    source, points, target = clip.frames[clip.first], clip.landmarks[clip.first], clip.landmarks[t]
    return {
        name: warped(source, points, target, np.arange(x0, x1), np.arange(y0, y1))
        for name, (x0, y0, x1, y1) in clip.boxes[t].items()
    }


def _masks(clip: Clip, t: int) -> dict[str, NDArray[np.bool_]]:
    """Return masks of the face's crop: what lies between the lips, and the eyes with their lids."""
    if "face" not in clip.boxes[t]:
        return {}
    x0, y0, x1, y1 = clip.boxes[t]["face"]
    points = clip.landmarks[t][:, :2] - (x0, y0)
    inside, eyes = (np.zeros((y1 - y0, x1 - x0), np.uint8) for _ in range(2))
    cv2.fillPoly(inside, [np.rint(points[list(LIPS_INNER)]).astype(np.int32)], 1)
    for lids in (LEFT_LIDS, RIGHT_LIDS):
        ring = points[list(lids)]
        cv2.fillConvexPoly(eyes, cv2.convexHull(np.rint(ring).astype(np.int32)), 1)
        reach = 2 * max(1, round(LID * float(np.ptp(ring[:, 0])))) + 1
    eyes = cv2.dilate(eyes, np.ones((reach, reach), np.uint8))
    return {"inside": inside > 0, "eyes": eyes > 0}


def _read(
    clip: Clip, name: str, frames: Sequence[ImageArray], wanted: Mapping[int, FloatArray],
    scores: ClipScores, judges: Judges,
) -> dict[int, FloatArray]:  # fmt: skip
    """Take what the judges read of frames: lips against the wanted ones, and who it is.

    Returns the landmarks (478, 3) of the frames on which a face was found.
    """
    out = {}
    for t in clip.scored:
        seen = first_face(judges.analyzer, frames[t])
        scores.add(f"{name}_found", seen is not None)
        if seen is None:
            continue
        out[t] = seen.landmarks
        if t in wanted:
            scores.add(f"{name}_lips", lip_distance(seen.landmarks, wanted[t]))
        if clip.own is not None:
            now = judges.embedder.embed(frames[t], seen)
            scores.add(f"{name}_csim", similarity(clip.own, now))
            scores.add(f"{name}_likeness", likeness(clip.look, pattern(frames[t], seen)))
    return out


def _faces(clip: Clip, frames: Sequence[ImageArray]) -> list[ImageArray]:
    """Return all frames cut to one box: that of the first frame's face."""
    box = landmark_box(clip.landmarks[0], "face", clip.frames[0])
    return [frame if box is None else cut(frame, box) for frame in frames]


def _seams(
    name: str, made: list[ImageArray], real: list[ImageArray], scores: ClipScores, batch: int
) -> None:
    """Take the PSNR of steps from frame to frame against the real steps, where frames that the
    renderer draws together begin, and elsewhere."""
    for t in range(1, len(made)):
        where = "seam" if t % batch == 0 else "within"
        scores.add(f"{name}_{where}_step_db", difference_psnr(*made[t - 1 : t + 1],
                                                              *real[t - 1 : t + 1]))  # fmt: skip


def _strip(clip: Clip, rows: list[list[ImageArray]]) -> ImageArray:
    at = np.linspace(0, len(clip.frames) - 1, STRIP).astype(int)
    side = 192
    return np.concatenate([
        np.concatenate([cv2.resize(row[t], (side, side), interpolation=cv2.INTER_AREA)
                        for t in at], 1)
        for row in rows
    ])  # fmt: skip


def person_of(judges: Judges, frames: Sequence[ImageArray]) -> NDArray[np.float32] | None:
    """Return the embedding of the first face that frames show, None where none does."""
    for frame in frames:
        face = first_face(judges.analyzer, frame)
        if face is not None:
            out: NDArray[np.float32] = judges.embedder.embed(frame, face)
            return out
    return None


def as_talk(motion: Motion, first: int) -> Motion:
    """Return a track as speech would give it: on top of the resting face of its frame `first`."""
    weights = np.clip(motion.blendshapes - motion.blendshapes[first], 0, 1)
    return Motion(
        weights, motion.rotation - motion.rotation[first], np.zeros_like(motion.translation),
        motion.fps,
    )  # fmt: skip


def seam_report(renderer: Any, portrait: Any, motion: Motion, piece: int) -> dict[str, float]:
    """Return how a talk drawn in pieces differs from one drawn whole, and its steps at the seams.

    motion : as of speech ("portrait" space), without sound; piece : frames of a piece
    talk_most : largest difference of a pixel between the two, levels of 255
    talk_seam_step, talk_within_step : mean absolute change from frame to frame of what the networks
        add, at the seams and elsewhere, levels of 255 over the pixels that they touch
    """
    ready = renderer.prepare(portrait)
    whole = [f.copy() for f in renderer.render(ready, motion)]
    parts = [f.copy() for f in renderer.stream(ready, pieces(motion, piece))]
    mesh = [f.copy() for f in renderer.mesh.render(ready.mesh, motion)]
    added = [a.astype(np.int16) - b for a, b in zip(parts, mesh, strict=True)]
    touched = np.any([np.any(a != 0, axis=2) for a in added], axis=0)
    steps: dict[bool, list[float]] = {True: [], False: []}
    for t in range(1, len(added)):
        step = np.abs(added[t] - added[t - 1])[touched]
        steps[t % piece == 0].append(float(step.mean()) if step.size else 0.0)
    apart = [np.abs(a.astype(np.int16) - b).max() for a, b in zip(whole, parts, strict=True)]
    out = {"talk_most": float(max(apart))}
    for name, found in (("seam", steps[True]), ("within", steps[False])):
        if found:
            out[f"talk_{name}_step"] = float(np.mean(found))
    return out
