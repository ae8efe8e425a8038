"""How near the embedded perception comes to its teacher (for `scripts/evaluate_perception.py`).

Only pictures and people that trained nothing: the congress members kept aside, the portraits and
the clips for measuring.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.analyzer import FaceAnalyzer
from talkgen.face.points import LEFT_IRIS, LEFT_LIDS, LIPS, RIGHT_IRIS, RIGHT_LIDS
from talkgen.face.region import overlap
from talkgen.training.perception_prepare import held_out
from talkgen.training.perception_reader import NEVER_REPORTED
from talkgen.types import MOTION_CHANNELS, Face, ImageArray

log = logging.getLogger(__name__)

NOT_HUMAN = frozenset(f"liveportrait_s{n}.jpg" for n in (6, 22, 23, 25, 31, 32, 33, 36, 38, 40, 41))
"""Animals, toys and a statue among the portraits."""
GROUPS = {
    "mean": tuple(range(478)),
    "lips": LIPS,
    "eyes": RIGHT_LIDS + LEFT_LIDS,
    "irises": RIGHT_IRIS + LEFT_IRIS,
}
READ = {
    "jawOpen": ("jawOpen",),
    "mouthSmile": ("mouthSmileLeft", "mouthSmileRight"),
    "eyeBlink": ("eyeBlinkLeft", "eyeBlinkRight"),
}


def load(path: Path) -> ImageArray:
    """Return a picture as RGB."""
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def clip_frames(path: Path, step: int, most: int) -> Iterator[ImageArray]:
    """Yield every `step`-th frame of a clip, at most `most`."""
    import av

    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= step * most:
                return
            if index % step == 0:
                yield frame.to_ndarray(format="rgb24")


def match(found: list[Face], wanted: Face) -> Face | None:
    """Return the found face that is the wanted one."""
    best = max(found, key=lambda f: overlap(f.box, wanted.box), default=None)
    return best if best is not None and overlap(best.box, wanted.box) > 0.3 else None


class Tally:
    """Collects pairs of faces, found and wanted."""

    def __init__(self) -> None:
        self.errors: list[Any] = []
        self.scores: list[Any] = []
        self.wanted: list[Any] = []
        self.turns: list[Any] = []
        self.sure: list[float] = []
        self.groups: list[str] = []
        self.missed = 0

    def add(self, found: Face | None, wanted: Face, group: str = "") -> None:
        """Count a face that the teacher found."""
        if found is None:
            self.missed += 1
            return
        gap = np.linalg.norm(found.landmarks[:, :2] - wanted.landmarks[:, :2], axis=1)
        self.errors.append(100 * gap / wanted.interocular)
        self.scores.append(found.scores)
        self.wanted.append(wanted.scores)
        turn = found.rotation - wanted.rotation
        self.turns.append(np.degrees((turn + np.pi) % (2 * np.pi) - np.pi))
        self.sure.append(found.score)
        self.groups.append(group)

    def table(self) -> dict[str, Any]:
        """Return the figures: NME in % of the eye distance, scores, rotation in degrees."""
        count = len(self.errors) + self.missed
        out: dict[str, Any] = {"n": count, "found": round(1 - self.missed / max(count, 1), 4)}
        if not self.errors:
            return out
        errors = np.array(self.errors)
        for name, points in GROUPS.items():
            out[f"nme_{name}"] = round(float(errors[:, list(points)].mean()), 3)
        out["nme_median"] = round(float(np.median(errors.mean(1))), 3)
        out["nme_p90"] = round(float(np.percentile(errors.mean(1), 90)), 3)
        reported = [i for i, c in enumerate(MOTION_CHANNELS) if c not in NEVER_REPORTED]
        found, wanted = np.array(self.scores), np.array(self.wanted)
        out["scores_mae"] = round(float(np.abs(found - wanted)[:, reported].mean()), 4)
        for name, channels in READ.items():
            chosen = [MOTION_CHANNELS.index(c) for c in channels]
            one, other = found[:, chosen].mean(1), wanted[:, chosen].mean(1)
            if one.std() > 1e-6 and other.std() > 1e-6 and len(one) > 3:
                out[f"r_{name}"] = round(float(np.corrcoef(one, other)[0, 1]), 3)
                within = _within(one, other, self.groups)
                if within is not None:
                    out[f"r_{name}_within_clips"] = round(within, 3)
        turns = np.array(self.turns)
        out["rotation_from_teacher_deg"] = np.abs(turns).mean(0).astype(float).round(2).tolist()
        out["rotation_bias_deg"] = turns.mean(0).astype(float).round(2).tolist()
        out["score_p1_p50"] = np.percentile(self.sure, (1, 50)).round(3).tolist()
        return out


def _within(one: Any, other: Any, groups: list[str]) -> float | None:
    """Return the mean correlation within groups, over those in which the wanted value moves."""
    rows = defaultdict(list)
    for index, group in enumerate(groups):
        rows[group].append(index)
    values = [
        np.corrcoef(one[r], other[r])[0, 1]
        for r in rows.values()
        if len(r) > 10 and other[r].std() > 0.02 and one[r].std() > 1e-6
    ]
    return float(np.mean(values)) if values else None


def evaluate(
    found_by: FaceAnalyzer, teacher: FaceAnalyzer, data: Path, *, step: int = 4, most: int = 60,
    limit: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the tables of every measuring set, by its name.

    step, most : every `step`-th frame of a clip, at most `most` of a clip
    limit : stop each set after so many pictures or clips
    """
    result: dict[str, Any] = {}
    members = [p for p in sorted((data / "faces" / "congress").glob("*.jpg"))
               if held_out(f"congress/{p.stem}")]  # fmt: skip
    portraits = [p for p in sorted((data / "faces" / "portraits").glob("*.jpg"))
                 if p.name not in NOT_HUMAN]  # fmt: skip
    for name, paths in (("congress_held_out", members), ("portraits_human", portraits)):
        tally = Tally()
        for path in paths[:limit]:
            image = load(path)
            wanted = teacher.analyze(image)
            if wanted:
                tally.add(match(found_by.analyze(image), wanted[0]), wanted[0], path.name)
        result[name] = tally.table()
        log.info("%s: %s", name, result[name])
    tally = Tally()
    seconds = count = 0.0
    per_clip = {}
    for path in sorted((data / "clips" / "evaluate").glob("*.mp4"))[:limit]:
        frames = list(clip_frames(path, step, most))
        before = len(tally.errors)
        started = time.perf_counter()
        followed = list(found_by.track(frames))
        seconds += time.perf_counter() - started
        count += len(frames)
        for image, found in zip(frames, followed, strict=True):
            wanted = teacher.analyze(image)
            if wanted:
                tally.add(match(found, wanted[0]), wanted[0], path.name)
        own = np.array(tally.errors[before:])
        if len(own):
            per_clip[path.stem] = round(float(own.mean()), 2)
    result["clips_evaluate"] = tally.table() | {"nme_by_clip": per_clip}
    log.info("clips_evaluate: %s", result["clips_evaluate"])
    result["track_ms_per_frame"] = round(1000 * seconds / max(count, 1), 2)
    return result
