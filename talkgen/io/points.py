"""Facial points that somebody placed by hand, from a JSON or CSV file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError
from talkgen.types import FloatArray

FIVE = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""The named points: middles of the eyes, tip of the nose, corners of the mouth. Right and left are
the subject's; names that are the wrong way round are put right."""
_OTHER_NAMES = {
    "eye_right": "right_eye", "eye_left": "left_eye", "nose_tip": "nose",
    "right_mouth": "mouth_right", "left_mouth": "mouth_left",
}  # fmt: skip
COUNTS = (5, 68, 478)


def read_points(path: str | os.PathLike[str], face: int | None = None) -> FloatArray:
    """Return the points of a file: (5, 2), (68, 2) or (478, 2 or 3) float32, pixels.

    JSON: `{"right_eye": [x, y], "left_eye": ..., "nose": ..., "mouth_right": ..., "mouth_left":
    ...}`, a list of 5, 68 or 478 points, or the file that `talkgen faces -o` writes (`face` says
    which of its faces, from 1). CSV: a point a line, `x,y` or `x,y,z`, or `name,x,y` for the five.
    Raises InputError, one line, for anything else.
    """
    name = str(path)
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"no such file: {name!r}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name!r} cannot be read as text; give a .json or .csv file") from error
    if Path(path).suffix.lower() == ".csv":
        found = _from_csv(text)
    else:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name!r} is no JSON file: {error}") from error
    if isinstance(found, Mapping) and "faces" in found:
        found = _of_faces(found["faces"], face, name)
    if isinstance(found, Mapping) and "landmarks" in found:
        found = found["landmarks"]
    return as_points(found, name)


def as_points(value: Any, name: str = "landmarks") -> FloatArray:
    """Return points given as a mapping of the five names or as an array, checked.

    Raises InputError where they are not 5, 68 or 478 pairs (or triples) of finite numbers.
    """
    if isinstance(value, Mapping):
        value = _of_names(value, name)
    try:
        points = np.array(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name!r} holds points that are not pairs of numbers") from error
    if points.ndim != 2 or points.shape[1] not in (2, 3) or len(points) not in COUNTS:
        have = f"{len(points)} points" if points.ndim == 2 else f"shape {points.shape}"
        raise InputError(f"{name!r} has {have}; 5, 68 or 478 points of x and y are needed")
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise InputError(f"{name!r}: point {bad + 1} is not a number; give x and y in pixels")
    return points if len(points) == COUNTS[-1] else np.ascontiguousarray(points[:, :2])


def _of_faces(faces: Any, number: int | None, name: str) -> Any:
    count = len(faces) if isinstance(faces, list) else 0
    if not 1 <= (number or 1) <= count:
        raise InputError(f"`face` is {number or 1}, but {name!r} holds {count}; count from 1")
    return faces[(number or 1) - 1]


def _of_names(points: Mapping[str, Any], name: str) -> list[Any]:
    known = {_OTHER_NAMES.get(key, key): value for key, value in points.items()}
    missing = [key for key in FIVE if key not in known]
    if missing:
        raise InputError(f"{name!r} lacks {', '.join(missing)}; needed are {', '.join(FIVE)}")
    return [known[key] for key in FIVE]


def _from_csv(text: str) -> Any:
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    if not rows:
        return []
    if not _number(rows[0][0]) and (len(rows[0]) < 2 or not _number(rows[0][1])):
        rows = rows[1:]  # a heading
    if rows and not _number(rows[0][0]):
        return {row[0]: [_float(cell) for cell in row[1:3]] for row in rows}
    return [[_float(cell) for cell in row] for row in rows]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _float(text: str) -> float:
    return float(text) if _number(text) else float("nan")
