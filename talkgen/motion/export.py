"""Motion files: `.npz` for programs, `.csv` in the Live Link Face layout for Blender and Unreal.

The npz holds `blendshapes` (T, 52), `names` (52,), `rotation` (T, 3), `translation` (T, 3), `fps`,
`space`, and from a track `frame_size` (2,), `landmarks` (T, 478, 3), `scores` (T, 52) and
`identity` (S,); from a refined track also the arrays of `talkgen.motion.extras`.

The csv has the columns of Epic's Live Link Face app in its order: `Timecode` (HH:MM:SS:FF.fff, FF
counts frames of the next whole rate), `BlendShapeCount` (61), the 52 expressions in PascalCase,
then yaw, pitch and roll of the head and of each eye. Angles are radians in Unreal's sense: yaw
positive to the subject's right, pitch positive upwards, roll positive with the crown to the
subject's right, composed as yaw * pitch * roll. A track adds `HeadX`, `HeadY`, `HeadZ`, the place
before the camera in inter-ocular distances; their presence marks the camera space.
"""

from __future__ import annotations

import csv
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from talkgen.errors import InputError
from talkgen.io.output import whole_file
from talkgen.motion.extras import NAMES as EXTRAS
from talkgen.motion.extras import check_extras
from talkgen.types import ENGINE_FPS, MOTION_CHANNELS, FloatArray, Motion

SUFFIXES = (".npz", ".csv")
EYE_RAD = np.deg2rad(30.0)
"""Turn of an eye at weight 1 of an `eyeLook` expression, for the csv's angles of the eyes."""

_HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
_EYES = tuple(f"{side}Eye{axis}" for side in ("Left", "Right") for axis in ("Yaw", "Pitch", "Roll"))
_PLACE = ("HeadX", "HeadY", "HeadZ")
_SWAPPED = {"jawLeft": "jawRight", "mouthLeft": "mouthRight"}
_RATES = (24, 25, 30, 48, 50, 60, 90, 100, 120, 240)
_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)[:;](\d+(?:\.\d*)?)")
_EXTRA = ("landmarks", "scores", "identity", *EXTRAS)


def _live_link_order() -> tuple[str, ...]:
    """Return the expressions in the app's order, where right comes before left twice."""
    swap = _SWAPPED | {right: left for left, right in _SWAPPED.items()}
    return tuple(swap.get(name, name) for name in MOTION_CHANNELS)


CSV_SHAPES = tuple(name[0].upper() + name[1:] for name in _live_link_order())
CSV_COLUMNS = ("Timecode", "BlendShapeCount", *CSV_SHAPES, *_HEAD, *_EYES)


def write_motion(motion: Motion, path: str | os.PathLike[str]) -> None:
    """Write a motion file; its ending, .npz or .csv, chooses the format."""
    suffix = _known_suffix(Path(path))
    with whole_file(path) as part:
        if suffix == ".npz":
            _write_npz(motion, part)
        else:
            _write_csv(motion, part)


def read_motion(path: str | os.PathLike[str]) -> Motion:
    """Return the motion of a .npz or .csv file.

    Raises InputError, one line with the file's name, when it is missing, of another format, lacks
    a column or an array, or holds values that no motion can have.
    """
    source = Path(path)
    suffix = _known_suffix(source)
    if not source.is_file():
        raise InputError(f"no such motion file: {str(path)!r}")
    try:
        motion = _read_npz(source) if suffix == ".npz" else _read_csv(source)
    except InputError as error:
        raise InputError(f"motion file {str(path)!r}: {error}") from error
    if not len(motion):
        raise InputError(f"motion file {str(path)!r} holds no frames")
    return motion


def _known_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"motion file {str(path)!r} must end with {' or '.join(SUFFIXES)}")
    return suffix


def _write_npz(motion: Motion, path: Path) -> None:
    arrays: dict[str, Any] = {
        "blendshapes": motion.blendshapes,
        "names": np.asarray(MOTION_CHANNELS),
        "rotation": motion.rotation,
        "translation": motion.translation,
        "fps": np.float64(motion.fps),
        "space": np.asarray(motion.space),
    }
    if motion.frame_size is not None:
        arrays["frame_size"] = np.asarray(motion.frame_size, dtype=np.int64)
    for name, values in motion.extra.items():
        arrays[name] = np.asarray(values)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def _read_npz(path: Path) -> Motion:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError("is no npz file of plain arrays, or is damaged") from error
    missing = [n for n in ("blendshapes", "rotation", "translation", "fps") if n not in arrays]
    if missing:
        raise InputError(f"has no {', '.join(missing)}; found {', '.join(arrays) or 'nothing'}")
    for name in ("blendshapes", "rotation", "translation", "fps", *_EXTRA, "frame_size"):
        if name in arrays and arrays[name].dtype.kind not in "fiu":
            raise InputError(f"`{name}` holds {arrays[name].dtype} values, numbers are needed")
    weights = arrays["blendshapes"]
    if "names" in arrays:
        weights = _by_name(weights, [str(name) for name in np.atleast_1d(arrays["names"])])
    if arrays["fps"].size != 1:
        raise InputError(f"`fps` has shape {arrays['fps'].shape}, one number is needed")
    space = str(arrays.get("space", "portrait"))
    extra = {n: _finite(n, arrays[n]) for n in _EXTRA if n in arrays}
    for name, shape in (("landmarks", (len(weights), 478, 3)), ("scores", (len(weights), 52))):
        if name in extra and extra[name].shape != shape:
            raise InputError(f"`{name}` has shape {extra[name].shape}, {shape} is needed")
    check_extras(extra, len(weights))
    size = arrays.get("frame_size")
    return Motion(
        blendshapes=weights,
        rotation=arrays["rotation"],
        translation=arrays["translation"],
        fps=float(arrays["fps"].reshape(())),
        space=space,  # type: ignore[arg-type]  # Motion checks it
        frame_size=None if size is None or size.size != 2 else (int(size[0]), int(size[1])),
        extra=extra,
    )


def _finite(name: str, values: Any) -> NDArray[Any]:
    half = name in EXTRAS and np.asarray(values).dtype == np.float16  # they are large
    array = np.asarray(values, dtype=np.float16 if half else np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"`{name}` holds NaN or infinite values")
    return array


def _by_name(weights: Any, names: list[str]) -> Any:
    """Return the columns of (T, n) weights in the order of `MOTION_CHANNELS`."""
    if weights.ndim != 2 or weights.shape[1] != len(names):
        raise InputError(f"`blendshapes` has shape {weights.shape} for {len(names)} names")
    place = {name.lower(): column for column, name in enumerate(names)}
    missing = [name for name in MOTION_CHANNELS if name.lower() not in place]
    if missing:
        raise InputError(f"`names` lacks {', '.join(missing[:4])}{' ...' * (len(missing) > 4)}")
    return weights[:, [place[name.lower()] for name in MOTION_CHANNELS]]


def to_live_link(rotation: FloatArray) -> FloatArray:
    """Return (T, 3) Live Link yaw, pitch, roll of (T, 3) pitch, yaw, roll; radians."""
    if not len(rotation):
        return np.zeros((0, 3), dtype=np.float32)
    turned = Rotation.from_euler("xyz", rotation).as_euler("YXZ")
    return np.asarray(turned * (1.0, -1.0, -1.0), dtype=np.float32)


def from_live_link(angles: FloatArray) -> FloatArray:
    """Return (T, 3) pitch, yaw, roll of (T, 3) Live Link yaw, pitch, roll; radians."""
    turned = Rotation.from_euler("YXZ", np.asarray(angles) * (1.0, -1.0, -1.0))
    return np.asarray(turned.as_euler("xyz"), dtype=np.float32)


def _eye_angles(weights: Mapping[str, FloatArray]) -> FloatArray:
    """Return (T, 6) yaw, pitch and roll of the left and the right eye; roll is always zero."""
    columns = []
    for side, inward in (("Left", 1.0), ("Right", -1.0)):  # the left eye looks in to the right
        yaw = inward * (weights["eyeLookIn" + side] - weights["eyeLookOut" + side])
        pitch = weights["eyeLookUp" + side] - weights["eyeLookDown" + side]
        columns += [yaw * EYE_RAD, pitch * EYE_RAD, np.zeros_like(yaw)]
    return np.stack(columns, axis=1)


def _write_csv(motion: Motion, path: Path) -> None:
    camera = motion.space == "camera"
    weights = dict(zip(MOTION_CHANNELS, motion.blendshapes.T, strict=True))
    parts = [
        np.stack([weights[name] for name in _live_link_order()], axis=1),
        to_live_link(motion.rotation),
        _eye_angles(weights),
    ]
    if camera:
        parts.append(motion.translation)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(CSV_COLUMNS + (_PLACE if camera else ()))
        for index, row in enumerate(np.concatenate(parts, axis=1)):
            values = (format(float(value) or 0.0, ".9g") for value in row)
            writer.writerow([_timecode(index / motion.fps, motion.fps), 61, *values])


def _counting_rate(fps: float) -> int:
    """Return the whole rate at which timecodes of a clip count their frames."""
    return next((rate for rate in _RATES if rate >= fps - 1e-3), int(np.ceil(fps)))


def _timecode(seconds: float, fps: float) -> str:
    rate = _counting_rate(fps)
    units = round(seconds * rate * 1000)  # thousandths of a frame
    whole, frames = divmod(units, rate * 1000)
    return (
        f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:"
        f"{frames // 1000:02d}.{frames % 1000:03d}"
    )


def _read_csv(path: Path) -> Motion:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("is no text file with comma-separated values") from error
    if len(rows) < 2:
        raise InputError("holds no frames")
    column_of = {name.strip().lower(): column for column, name in enumerate(rows[0])}
    wanted = ("Timecode", *CSV_SHAPES, *_HEAD)
    missing = [name for name in wanted if name.lower() not in column_of]
    if missing:
        raise InputError(f"lacks the column {', '.join(missing[:4])}{' ...' * (len(missing) > 4)}")
    camera = all(name.lower() in column_of for name in _PLACE)
    names = (*MOTION_CHANNELS, *_HEAD, *(_PLACE if camera else ()))
    columns = [column_of[name.lower()] for name in names]
    values = np.empty((len(rows) - 1, len(names)), dtype=np.float64)
    for index, row in enumerate(rows[1:]):
        try:
            values[index] = [float(row[column]) for column in columns]
        except (ValueError, IndexError) as error:
            raise InputError(
                f"line {index + 2} lacks a value or has one that is no number"
            ) from error
        if not np.isfinite(values[index]).all():
            bad = names[int(np.argmin(np.isfinite(values[index])))]
            raise InputError(f"line {index + 2} holds NaN or an infinite value in {bad}")
    fps, values = _even(_timecodes([row[column_of["timecode"]] for row in rows[1:]]), values)
    count = len(MOTION_CHANNELS)
    place = values[:, count + 3 :] if camera else np.zeros((len(values), 3))
    return Motion(
        blendshapes=values[:, :count],
        rotation=from_live_link(values[:, count : count + 3]),
        translation=np.asarray(place, dtype=np.float32),
        fps=fps,
        space="camera" if camera else "portrait",
    )


def _timecodes(texts: list[str]) -> NDArray[np.float64]:
    """Return (T,) seconds of timecodes; the rate at which they count is the next one above them."""
    fields = []
    for index, text in enumerate(texts):
        match = _TIMECODE.fullmatch(text.strip())
        if match is None:
            raise InputError(f"line {index + 2} has the timecode {text!r}, not HH:MM:SS:FF.fff")
        fields.append([float(part) for part in match.groups()])
    parts = np.asarray(fields)
    highest = parts[:, 3].max()
    least = ENGINE_FPS if len({tuple(row[:3]) for row in fields}) == 1 else 0  # under a second
    rate = next((r for r in _RATES if r > highest and r >= least), highest + 1)
    return np.asarray(parts @ np.asarray([3600.0, 60.0, 1.0, 1.0 / rate]))


def _even(times: NDArray[np.float64], values: Any) -> tuple[float, Any]:
    """Return the frame rate and the values at even times; rows that were dropped are filled in."""
    if len(times) == 1:
        return ENGINE_FPS, values
    steps = np.diff(times)
    if (steps <= 0).any():
        raise InputError(f"line {int(np.argmax(steps <= 0)) + 3} has a timecode that does not rise")
    fps = 1.0 / float(np.median(steps))
    usual = (*_RATES, *(rate * 1000 / 1001 for rate in _RATES))
    mean = (len(times) - 1) / (times[-1] - times[0])
    if abs(mean / fps - 1) < 0.01:  # no dropped rows: the whole span tells the rate best
        fps = float(mean)
    near = min(usual, key=lambda rate: abs(rate - fps))
    if abs(near / fps - 1) < 4e-4:
        fps = float(near)
    grid = np.arange(round((times[-1] - times[0]) * fps) + 1) / fps
    if len(grid) == len(times) and np.abs(times - times[0] - grid).max() < 0.5 / fps:
        return fps, values
    even = [np.interp(grid, times - times[0], column) for column in values.T]
    return fps, np.stack(even, axis=1)
