"""Landmark tracks and 16 kHz sound of every talking clip, cached as npz files.

    python scripts/prepare_tracks.py --data ../shared --out ../cache

The MediaPipe Face Landmarker reads every frame in single-image mode, twice: first where the face is
looked for, then on an upright, enlarged crop around it (the video mode lags by 1.4-2.2 % of the
inter-ocular distance; see FINDINGS). Nothing is smoothed. A file `OUT/tracks/SET/CLIP.npz` holds

    landmarks         (T, 478, 3) float32, pixels; z away from the viewer; at 25 frames a second
    scores            (T, 52) float32 in [0, 1], in MOTION_CHANNELS order (tongueOut = 0)
    valid             (T,) bool
    fps, frame_size   25.0 and (width, height)
    native_landmarks, native_scores, native_valid, native_times
                      the same for each decoded frame (times in seconds), before resampling
    person, sound     from clips.csv

and `OUT/sound/SET/CLIP.npy` the mono float32 sound at 16 kHz from the same time zero.
Finished clips are skipped, so an interrupted run goes on where it ended.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np

FPS = 25.0
RATE = 16000
CROP_SIZE = 448  # pixels a side of the second pass
CROP_MARGIN = 1.75  # crop side over the longer side of the face's box


class ClipTracker:
    """Two-pass landmark reading of consecutive frames of one clip."""

    def __init__(self, task_file: Path, channels: tuple[str, ...]):
        import mediapipe as mp
        from mediapipe.tasks import python as tasks
        from mediapipe.tasks.python import vision

        self._mp = mp
        self._channels = channels
        options = vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(task_file)),
            running_mode=vision.RunningMode.IMAGE,
            output_face_blendshapes=True,
            num_faces=3,
            min_face_detection_confidence=0.4,
        )
        self._net = vision.FaceLandmarker.create_from_options(options)

    def close(self) -> None:
        self._net.close()

    def _detect(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Landmarks (478, 3) in pixels and scores (52,) of the largest face, or None."""
        found = self._net.detect(
            self._mp.Image(
                image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(image)
            )
        )
        if not found.face_landmarks:
            return None
        height, width = image.shape[:2]
        best, size = None, -1.0
        for points, shapes in zip(found.face_landmarks, found.face_blendshapes, strict=True):
            xyz = np.array([(p.x * width, p.y * height, p.z * width) for p in points], np.float32)
            extent = float(np.ptp(xyz[:, 0]) * np.ptp(xyz[:, 1]))
            if extent > size:
                named = {s.category_name: s.score for s in shapes}
                scores = np.array([named.get(c, 0.0) for c in self._channels], np.float32)
                best, size = (xyz, scores), extent
        return best

    def read(
        self, image: np.ndarray, previous: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Landmarks and scores of `image` (H, W, 3) uint8; `previous` places the crop."""
        rough = previous
        if rough is None:
            first = self._detect(image)
            if first is None:
                first = self._detect_enlarged(image)
            if first is None:
                return None
            rough = first[0]
        second = self._detect_crop(image, rough)
        if second is None and previous is not None:
            return self.read(image, None)
        if second is None:
            return first if previous is None else None
        return second

    def _detect_enlarged(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        import cv2

        found = self._detect(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
        return None if found is None else (found[0] / 2, found[1])

    def _detect_crop(
        self, image: np.ndarray, rough: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The face read again on an upright crop of CROP_SIZE pixels around `rough`."""
        import cv2

        right, left = rough[33, :2], rough[263, :2]
        roll = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        cos, sin = np.cos(roll), np.sin(roll)
        upright = rough[:, :2] @ np.array([[cos, -sin], [sin, cos]])
        low, high = upright.min(0), upright.max(0)
        center = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2)
        scale = CROP_SIZE / (CROP_MARGIN * float((high - low).max()))
        linear = scale * np.array([[cos, sin], [-sin, cos]])
        shift = CROP_SIZE / 2 - linear @ center
        crop = cv2.warpAffine(
            image,
            np.column_stack([linear, shift]),
            (CROP_SIZE, CROP_SIZE),
            flags=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA,
            borderMode=cv2.BORDER_REPLICATE,
        )
        found = self._detect(crop)
        if found is None:
            return None
        points, scores = found
        back = np.empty_like(points)
        back[:, :2] = (points[:, :2] - shift) @ np.linalg.inv(linear).T
        back[:, 2] = points[:, 2] / scale
        if np.linalg.norm(back[:, :2].mean(0) - rough[:, :2].mean(0)) > CROP_SIZE / scale / 4:
            return None  # another face at the crop's edge
        return back, scores


def read_sound(path: Path) -> np.ndarray | None:
    """The clip's sound as mono float32 at 16 kHz from time zero, or None."""
    import av
    import soxr

    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        rate = stream.rate
        parts, start = [], None
        for frame in container.decode(stream):
            samples = frame.to_ndarray()
            if frame.format.is_planar:
                mono = samples.astype(np.float64).mean(0)
            else:
                mono = samples.reshape(-1, len(frame.layout.channels)).astype(np.float64).mean(1)
            if np.issubdtype(samples.dtype, np.integer):
                mono = mono / np.iinfo(samples.dtype).max
            if start is None:
                start = float(frame.pts * frame.time_base)
            parts.append(mono)
    sound = np.concatenate(parts)
    offset = round(start * rate)
    sound = np.concatenate([np.zeros(offset), sound]) if offset > 0 else sound[-offset:]
    return soxr.resample(sound, rate, RATE).astype(np.float32)


def track_clip(path: Path, tracker: ClipTracker) -> dict[str, np.ndarray]:
    """The cached arrays of one clip (see the module's docstring)."""
    import av

    points, scores, times, valid = [], [], [], []
    previous = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for count, frame in enumerate(container.decode(stream)):
            image = frame.to_ndarray(format="rgb24")
            found = tracker.read(image, previous if count % 50 else None)
            previous = None if found is None else found[0]
            last = points[-1] if points else np.zeros((478, 3), np.float32)
            last_scores = scores[-1] if scores else np.zeros(52, np.float32)
            points.append(last if found is None else found[0])
            scores.append(last_scores if found is None else found[1])
            valid.append(found is not None)
            times.append(float(frame.pts * stream.time_base))
        size = (stream.width, stream.height)
    native_points = np.asarray(points, np.float32)
    native_scores = np.asarray(scores, np.float32)
    native_valid = np.asarray(valid)
    at = np.asarray(times)
    step = float(np.median(np.diff(at)))
    count = round((at[-1] + step) * FPS)
    wanted = np.arange(count) / FPS
    left = np.clip(np.searchsorted(at, wanted + 1e-6, side="right") - 1, 0, len(at) - 1)
    right = np.minimum(left + 1, len(at) - 1)
    share = np.clip((wanted - at[left]) / np.maximum(at[right] - at[left], 1e-6), 0, 1)
    share[share < 0.02] = 0
    share = share.astype(np.float32)
    landmarks = native_points[left] + share[:, None, None] * (
        native_points[right] - native_points[left]
    )
    return {
        "landmarks": landmarks.astype(np.float32),
        "scores": native_scores[left]
        + share[:, None] * (native_scores[right] - native_scores[left]),
        "valid": native_valid[left] & (native_valid[right] | (share == 0)),
        "fps": np.float64(FPS),
        "frame_size": np.asarray(size),
        "native_landmarks": native_points,
        "native_scores": native_scores,
        "native_valid": native_valid,
        "native_times": at,
    }


def main() -> None:
    from talkgen.types import MOTION_CHANNELS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--out", type=Path, default=Path("../cache"))
    parser.add_argument("--sets", nargs="+", default=["train", "evaluate"])
    parser.add_argument("--limit", type=int, default=None, help="clips a set (for a quick try)")
    args = parser.parse_args()

    data = Path(args.data)
    tracker = ClipTracker(data / "models" / "face_landmarker.task", tuple(MOTION_CHANNELS))
    for name in args.sets:
        folder = data / "data" / "clips" / name
        with open(folder / "clips.csv", newline="") as file:
            rows = list(csv.DictReader(file))[: args.limit]
        (args.out / "tracks" / name).mkdir(parents=True, exist_ok=True)
        (args.out / "sound" / name).mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(rows):
            clip = folder / row["file"]
            target = args.out / "tracks" / name / f"{clip.stem}.npz"
            if target.exists():
                continue
            sound = read_sound(clip)
            if sound is not None:
                np.save(args.out / "sound" / name / f"{clip.stem}.npy", sound)
            arrays = track_clip(clip, tracker)
            part = target.with_suffix(".part.npz")
            np.savez(part, person=row["person"], sound=sound is not None, **arrays)
            part.rename(target)
            missed = int((~arrays["native_valid"]).sum())
            frames = len(arrays["native_valid"])
            print(f"{name} {number + 1}/{len(rows)} {clip.name}: {frames} frames, {missed} missed",
                  flush=True)
    tracker.close()


if __name__ == "__main__":
    main()
