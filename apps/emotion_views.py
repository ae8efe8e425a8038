"""One emotion seen four ways: its text, eight strengths, a place in a plane, action units.

The text is the truth; the others are read off it by the engine's own tables (`talkgen.motion`), and
a change of any of them is written back into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkgen.motion.facs import FELT, affect_of, strengths_of, units_of
from talkgen.motion.still import as_still
from talkgen.types import EMOTIONS, Emotion

GROUPS: dict[str, dict[str, str]] = {
    "Brows": {"AU1": "inner brow up", "AU2": "outer brow up", "AU4": "brows down"},
    "Eyes": {"AU5": "upper lid up", "AU7": "lids tight", "AU43": "eyes closed",
             "AU61": "look to their left", "AU62": "look to their right", "AU63": "look up",
             "AU64": "look down"},
    "Nose and cheeks": {"AU6": "cheeks up", "AU9": "nose wrinkled", "AU34": "cheeks puffed"},
    "Lips": {"AU10": "upper lip up", "AU12": "lip corners up", "AU14": "dimples",
             "AU15": "lip corners down", "AU16": "lower lip down", "AU17": "chin up",
             "AU18": "lips puckered", "AU20": "lips stretched", "AU22": "lips funnelled",
             "AU24": "lips pressed", "AU25": "lips apart", "AU28": "lips sucked in"},
    "Jaw and tongue": {"AU26": "jaw dropped", "AU27": "mouth stretched open",
                       "AU29": "jaw forward", "AU30": "jaw sideways", "AU19": "tongue shown"},
}  # fmt: skip
"""Action units by the part of the face, and what each does; FACS by number."""
UNITS = tuple(unit for group in GROUPS.values() for unit in group)


@dataclass(frozen=True)
class Views:
    """An emotion of one moment.

    strengths : of `EMOTIONS`, 0 to 1; affect : valence and arousal, -1 to 1
    units : of `UNITS`, 0 to 1, the stronger side; given : those that the text names
    """

    strengths: Mapping[str, float]
    affect: tuple[float, float] = (0.0, 0.0)
    units: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, float] = field(default_factory=dict)
    by_affect: bool = False


def views_of(text: str | None) -> Views:
    """Return what a text asks for; raise InputError where it is no emotion of one moment."""
    emotion = as_still(text.strip() if text and text.strip() else None).emotion
    if emotion is None:
        return Views(dict.fromkeys(EMOTIONS, 0.0), units=dict.fromkeys(UNITS, 0.0))
    felt = dict(zip(FELT, strengths_of(emotion)[0].tolist(), strict=True))
    strengths = {EMOTIONS[0]: _calm(emotion), **felt}
    valence, arousal = affect_of(emotion)[0].tolist()
    found = {name: float(value[0]) for name, value in units_of(emotion).items()}
    units = {
        unit: max((v for name, v in found.items() if name.rstrip("LR") == unit), default=0.0)
        for unit in UNITS
    }
    given = {name: float(value[0]) for name, value in (emotion.action_units or {}).items()}
    by_affect = emotion.valence_arousal is not None
    return Views(strengths, (valence, arousal), units, given, by_affect)


def with_strength(views: Views, name: str, value: float) -> str:
    """Return the text where one emotion has a strength; the others give way so that all fit in."""
    value = min(max(value, 0.0), 1.0)
    others = {n: v for n, v in views.strengths.items() if n != name}
    total = sum(others.values())
    share = min(1.0, (1.0 - value) / total) if total > 0 else 1.0
    mixed = {n: value if n == name else v * share for n, v in views.strengths.items()}
    return _text(mixed, views.given)


def with_affect(views: Views, valence: float, arousal: float) -> str:
    """Return the text with a place in the plane instead of its classes."""
    valence, arousal = (min(max(v, -1.0), 1.0) for v in (valence, arousal))
    if not _number(valence).strip("-0.") and not _number(arousal).strip("-0."):
        return _text({}, views.given)
    return _text({"valence": valence, "arousal": arousal}, views.given, keep=True)


def with_unit(views: Views, unit: str, value: float) -> str:
    """Return the text where an action unit, both its sides, has an intensity."""
    value = min(max(value, 0.0), 1.0)
    given = {n: v for n, v in views.given.items() if n.rstrip("LR") != unit}
    brought = views_of(base_text(views)).units.get(unit, 0.0)
    if value > 0.004 or brought > 0.004:  # nothing asked for is not worth a word
        given[unit] = value
    return _join(base_text(views), _text({}, given, keep=True))


def base_text(views: Views) -> str:
    """Return the text without the action units that it names."""
    if views.by_affect:
        return _text({"valence": views.affect[0], "arousal": views.affect[1]}, {}, keep=True)
    return _text(views.strengths, {})


def _calm(emotion: Emotion) -> float:
    """Return the strength of neutral, as the stills take it."""
    if emotion.weights is None:
        return 0.0
    share = 1.0 if emotion.intensity is None else float(emotion.intensity[0])
    return float(emotion.weights[0, 0]) * share


def _text(values: Mapping[str, float], given: Mapping[str, float], *, keep: bool = False) -> str:
    """Return names with their numbers; those of 0 are left out unless `keep`."""
    parts = [f"{n}:{_number(v)}" for n, v in values.items() if keep or _number(v) != "0"]
    return _join("+".join(parts), "+".join(f"{n}:{_number(v)}" for n, v in given.items()))


def _join(*parts: str) -> str:
    return "+".join(part for part in parts if part)


def _number(value: float) -> str:
    """Return a number with two decimals at most, rounded to zero so that sums stay below 1."""
    cut = int(abs(value) * 100 + 1e-3) / 100
    text = f"{cut:.2f}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 and text != "0" else text
