"""Emotions from words: "happy:0.7", "0:neutral,2.5:happy:0.8,6:sad", or a file of times.

>>> parse_emotion("happy:0.7").intensity.tolist()
[0.699999988079071]
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError
from talkgen.motion.facs import ACTION_UNITS, FELT
from talkgen.types import EMOTIONS, Emotion

FADE_S = 0.6
"""Seconds in which one emotion of a track gives way to the next."""

FADE_POINTS = 7
FILE_SUFFIXES = (".csv", ".json")
TIME_COLUMNS = ("time", "times", "seconds", "t")
AFFECT = ("valence", "arousal")
"""Names of the two axes, each from -1 to 1."""

SYNONYMS = {
    "angry": "anger", "happiness": "happy", "joy": "happy", "sadness": "sad",
    "surprised": "surprise", "fearful": "fear", "afraid": "fear", "disgusted": "disgust",
    "contemptuous": "contempt", "calm": "neutral",
}  # fmt: skip
"""Other words for the classes."""

_KEY = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*:\s*(?=[A-Za-z])")
_UNIT = re.compile(r"(AU\d+)[LR]?")
State = dict[str, float]


def as_emotion(value: Emotion | str | None) -> Emotion | None:
    """An Emotion as it is, text parsed, None as None."""
    return parse_emotion(value) if isinstance(value, str) else value


def parse_emotion(text: str) -> Emotion:
    """The Emotion that a text or a file asks for.

    "happy", "happy:0.7" : a class and its strength (1 where left out)
    "happy:0.5+surprise:0.3", "AU4:0.8+AU7:0.5" : mixtures; action units with their intensities
    "valence:0.6+arousal:-0.2" : pleasure and excitement, -1 to 1 each, 0 where left out; action
        units may join them, classes may not
    "0:neutral,2.5:happy:0.8,6:sad" : from those seconds on, each fading in over FADE_S
    "track.csv" : columns `time` (s) and any of the classes, valence, arousal, intensity, AU12, ...,
        interpolated; or `time` and `emotion` (a text as above), which fade
    "track.json" : a list of objects with those keys

    Raises InputError, one line, where the text says none of these.
    """
    text = text.strip()
    if not text:
        raise InputError(f"the emotion is empty; {_ways()}")
    if text.lower().endswith(FILE_SUFFIXES):
        return read_emotion(Path(text))
    if _KEY.match(text):
        keys = [_keyed(part) for part in text.split(",")]
        return _faded(keys)
    if "," in text:
        raise InputError(f"emotion {text!r}: a track needs times, as in '0:neutral,2.5:happy:0.8'")
    return _emotion([0.0], [_state(text)])


def read_emotion(path: Path) -> Emotion:
    """The Emotion of a CSV or JSON file (see `parse_emotion`)."""
    if not path.is_file():
        raise InputError(f"no such emotion file: {str(path)!r}")
    try:
        content = path.read_text("utf-8-sig")
        rows = json.loads(content) if path.suffix.lower() == ".json" else _table(content)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, csv.Error) as error:
        raise InputError(f"emotion file {str(path)!r} cannot be read: {error}") from error
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise InputError(
            f"emotion file {str(path)!r}: rows with a time are needed, as in "
            '[{"time": 0, "emotion": "happy:0.7"}]'
        )
    try:
        return _emotion_of_rows([{str(k).strip(): v for k, v in row.items()} for row in rows])
    except InputError as error:
        raise InputError(f"emotion file {str(path)!r}: {error}") from error


def _table(content: str) -> list[dict[str, Any]]:
    return [dict(row) for row in csv.DictReader(content.splitlines(), skipinitialspace=True)]


def _emotion_of_rows(rows: Sequence[Mapping[str, Any]]) -> Emotion:
    name = next((n for n in TIME_COLUMNS if n in rows[0]), None)
    if name is None:
        raise InputError("a column `time` in seconds is needed")
    times = [_number(row.get(name), "time") for row in rows]
    if "emotion" in rows[0]:
        states = [_state(str(row.get("emotion") or "")) for row in rows]
        return _faded(list(zip(times, states, strict=True)))
    columns = [c for c in rows[0] if c != name]
    classes = {c: _class(c) for c in columns if _is_class(c)}
    units = [c for c in columns if _is_unit(c)]
    unknown = [c for c in columns if c not in (*classes, *units, "valence", "arousal", "intensity")]
    if unknown:
        raise InputError(f"column {unknown[0]!r} is unknown; {_ways()}")
    values = {c: np.array([_number(row.get(c), c) for row in rows]) for c in columns}
    parts: dict[str, Any] = {}
    if classes:
        strengths = np.zeros((len(rows), len(EMOTIONS)))
        for column, known in classes.items():
            strengths[:, EMOTIONS.index(known)] += values[column]
        if strengths.min() < 0:
            raise InputError("the columns of classes hold numbers below 0")
        total = strengths[:, 1:].sum(1)
        strengths[:, 1:] /= np.maximum(total, 1.0)[:, None]
        strengths[:, 0] = 1 - strengths[:, 1:].sum(1)
        parts["weights"] = strengths
    if "valence" in values or "arousal" in values:
        zero = np.zeros(len(rows))
        parts["valence_arousal"] = np.stack(
            [values.get("valence", zero), values.get("arousal", zero)], 1
        )
    if "intensity" in values:
        parts["intensity"] = values["intensity"]
    if units:
        parts["action_units"] = {c: values[c] for c in units}
    return Emotion(**parts, times=np.array(times))


def _keyed(part: str) -> tuple[float, State]:
    """One key of a track: "2.5:happy:0.8"."""
    found = _KEY.match(part)
    if not found:
        raise InputError(f"emotion key {part.strip()!r} needs seconds first, as in '2.5:happy:0.8'")
    return float(found.group(1)), _state(part[found.end() :])


def _state(text: str) -> State:
    """Classes (or valence and arousal) and action units of one text with their strengths."""
    out: State = {}
    for part in text.split("+"):
        name, colon, amount = (piece.strip() for piece in part.partition(":"))
        key = _name(name)
        if key in AFFECT and not colon:
            raise InputError(f"{name!r} needs a number from -1 to 1, as in '{key}:0.6'")
        value = _number(amount, name) if colon else 1.0
        least = -1 if key in AFFECT else 0
        if not least <= value <= 1:
            raise InputError(f"the strength of {name!r} is {value:g}, {least} to 1 is possible")
        out[key] = value
    named = [key for key in out if key in EMOTIONS]
    if named and not out.keys().isdisjoint(AFFECT):
        raise InputError(
            f"emotion {text.strip()!r} names {named[0]!r} beside valence and arousal, which are "
            "another way to say it; leave one of them out"
        )
    return out


def _name(name: str) -> str:
    if _is_class(name):
        return _class(name)
    if _is_unit(name):
        return name.upper()
    if name.lower() in AFFECT:
        return name.lower()
    if not name:
        raise InputError(f"an emotion lacks its name before or after a '+' or ':'; {_ways()}")
    if re.fullmatch(r"AU\d+[LR]?", name.upper()):
        raise InputError(f"unknown action unit {name!r}; possible are {', '.join(ACTION_UNITS)}")
    raise InputError(f"unknown emotion {name!r}; {_ways()}")


def _is_class(name: str) -> bool:
    return _class(name) in EMOTIONS


def _class(name: str) -> str:
    low = name.strip().lower()
    return SYNONYMS.get(low, low)


def _is_unit(name: str) -> bool:
    found = _UNIT.fullmatch(name.upper())
    return found is not None and found.group(1) in ACTION_UNITS


def _number(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name!r} needs a number, not {value!r}")
    return number


def _ways() -> str:
    return (
        f"possible are {', '.join(EMOTIONS)}, with a strength as in happy:0.7, action units as in "
        "AU12:0.6, or valence:0.6+arousal:-0.2"
    )


def _faded(keys: Sequence[tuple[float, State]]) -> Emotion:
    """A track that holds each state from its time on; the next fades in over FADE_S."""
    if keys[0][0] > 0:
        keys = [(0.0, {"neutral": 1.0}), *keys]
    times: list[float] = []
    states: list[State] = []
    for number, (start, state) in enumerate(keys):
        if number and start <= keys[number - 1][0]:
            raise InputError(f"the times of an emotion track must rise; {start:g} s does not")
        if number == 0:
            times.append(start)
            states.append(state)
            continue
        room = keys[number + 1][0] - start if number + 1 < len(keys) else math.inf
        length, before = min(FADE_S, 0.9 * room), keys[number - 1][1]
        for share in np.linspace(0, 1, FADE_POINTS):
            eased = float((1 - np.cos(np.pi * share)) / 2)
            names = {*before, *state}
            times.append(start + length * float(share))
            states.append(
                {n: before.get(n, 0) * (1 - eased) + state.get(n, 0) * eased for n in names}
            )
    return _emotion(times, states)


def _emotion(times: Sequence[float], states: Sequence[State]) -> Emotion:
    units = sorted({n for s in states for n in s if n.startswith("AU")})
    tracks = {n: np.array([s.get(n, 0.0) for s in states], np.float32) for n in units}
    seconds = np.array(times, np.float32)
    named = {n for s in states for n in s}
    if not named.isdisjoint(AFFECT):
        classes = sorted(named & set(FELT))
        if classes:
            raise InputError(
                f"the emotion track names {classes[0]!r} and valence and arousal; keep to one way "
                "of saying it from beginning to end"
            )
        return Emotion(
            valence_arousal=np.array([[s.get(n, 0.0) for n in AFFECT] for s in states], np.float32),
            action_units=tracks or None,
            times=seconds,
        )
    # Neutral takes what room the others leave: what is asked of them stays as it is.
    strengths = np.array([[s.get(n, 0.0) for n in EMOTIONS] for s in states])
    strengths[:, 1:] /= np.maximum(strengths[:, 1:].sum(1), 1.0)[:, None]
    strengths[:, 0] = np.minimum(strengths[:, 0], np.maximum(1 - strengths[:, 1:].sum(1), 0.0))
    total = strengths.sum(1)
    weights = strengths / np.maximum(total, 1e-9)[:, None]
    weights[total == 0, 0] = 1.0
    return Emotion(
        weights=weights.astype(np.float32),
        intensity=np.minimum(total, 1.0).astype(np.float32),
        action_units=tracks or None,
        times=seconds,
    )
