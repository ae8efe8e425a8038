"""Landmarks of real faces by the MediaPipe teacher, kept on disk: what the head is fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CLIP_FRAMES = 24
"""Frames read of a clip, evenly spread."""


def read_faces(data: Path, name: str, keep: Path | None = None) -> tuple[Array, Array]:
    """Return landmarks (n, 478, 3) pixels and the names (n,) of pictures or clip frames.

    name : "london", "canada", "congress", "clips_train" or "clips_eval" of the data folder
    keep : folder in which the result is kept and looked for
    """
    path = keep / f"lm_{name}.npz" if keep else None
    if path and path.is_file():
        stored = np.load(path)
        return stored["landmarks"], stored["names"]
    from talkgen.face.mediapipe_backend import MediaPipeBackend

    backend = MediaPipeBackend(data / "models" / "face_landmarker.task", max_faces=1)
    found, names = [], []
    for label, image in _pictures(data, name):
        faces = backend.analyze(image)
        if faces:
            found.append(max(faces, key=lambda f: f.size).landmarks)
            names.append(label)
    backend.close()
    landmarks, labels = np.array(found, np.float32), np.array(names)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, landmarks=landmarks, names=labels)
    return landmarks, labels


def _pictures(data: Path, name: str) -> Any:
    """Yield (label, RGB picture)."""
    if not name.startswith("clips"):
        from PIL import Image

        for path in sorted((data / "data" / "faces" / name).rglob("*.jpg")):
            with Image.open(path) as picture:
                yield path.name, np.asarray(picture.convert("RGB"))
        return
    import av

    folder = {"clips_train": "train", "clips_eval": "evaluate"}[name]
    for path in sorted((data / "data" / "clips" / folder).glob("*.mp4")):
        with av.open(path) as container:
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        for i in np.linspace(0, len(frames) - 1, CLIP_FRAMES + 2)[1:-1].astype(int):
            yield f"{path.name}#{i}", frames[i]
