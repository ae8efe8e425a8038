"""What an emotion was read from, in one line of words.

    evidence({"happy": 0.86, ...}, {"AU12": 0.7, "AU6": 0.5, ...})
    'AU12 0.7, AU6 0.5: smile reaching the eyes → happy 0.86'

Units come from the prototypes of `talkgen.motion.facs`; what they mean together follows the FACS
Investigator's Guide (Ekman, Friesen & Hager 2002) and, for the smile that reaches the eyes, Ekman,
Davidson & Friesen 1990 ("The Duchenne smile"). Words and network are two things: the units stand
beside the emotion and say whether they fit, they are not its cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from talkgen.motion.facs import PROTOTYPES
from talkgen.types import EMOTIONS

LEAST_SHOWN = 0.2
"""Intensity from which a unit is named: the FACS letter A, a trace, ends there."""
STRONG = 0.4
"""Intensity from which a unit that does not belong to the emotion is named against it."""
MOST_NAMED = 4
"""Units named for an emotion."""
UNEVEN = 0.25
"""Difference between the sides from which a unit is one-sided."""
SPOKEN = frozenset(("AU16", "AU18", "AU22", "AU25", "AU26", "AU27", "AU28"))
"""Units that speech moves: no evidence while somebody speaks."""
UNJUDGED = frozenset(("AU43", "AU45", "AU61", "AU62", "AU63", "AU64"))
"""Blinks and gaze: never named against an emotion."""


@dataclass(frozen=True)
class Meaning:
    """What units mean together for an emotion; `units` all shown, none of `without` shown."""

    emotion: str
    units: tuple[str, ...]
    words: str
    without: tuple[str, ...] = ()


MEANINGS: tuple[Meaning, ...] = (
    Meaning("happy", ("AU6", "AU12"), "smile reaching the eyes"),
    Meaning("happy", ("AU12",), "smile of the mouth alone", ("AU6",)),
    Meaning("sad", ("AU1", "AU4", "AU15"), "brows raised in the middle, lip corners down"),
    Meaning("sad", ("AU1", "AU15"), "inner brows up, lip corners down"),
    Meaning("sad", ("AU1", "AU4"), "brows raised and drawn together in the middle"),
    Meaning("sad", ("AU15", "AU17"), "lip corners down, chin pushed up"),
    Meaning("sad", ("AU15",), "lip corners down"),
    Meaning("sad", ("AU1",), "inner brows up"),
    Meaning("surprise", ("AU1", "AU2", "AU5", "AU26"), "raised brows, wide eyes, dropped jaw"),
    Meaning("surprise", ("AU1", "AU2", "AU26"), "raised brows, dropped jaw"),
    Meaning("surprise", ("AU1", "AU2", "AU5"), "raised brows, wide eyes"),
    Meaning("surprise", ("AU1", "AU2"), "raised brows"),
    Meaning("surprise", ("AU5", "AU26"), "wide eyes, dropped jaw"),
    Meaning("surprise", ("AU26",), "dropped jaw"),
    Meaning("fear", ("AU1", "AU4", "AU20"), "brows raised and drawn together, lips stretched"),
    Meaning("fear", ("AU1", "AU4", "AU5"), "brows raised and drawn together, wide eyes"),
    Meaning("fear", ("AU5", "AU20"), "wide eyes, lips stretched"),
    Meaning("fear", ("AU20",), "lips stretched"),
    Meaning("fear", ("AU1", "AU4"), "brows raised and drawn together"),
    Meaning("disgust", ("AU9", "AU10"), "wrinkled nose, raised upper lip"),
    Meaning("disgust", ("AU9",), "wrinkled nose"),
    Meaning("disgust", ("AU10",), "raised upper lip"),
    Meaning("anger", ("AU4", "AU7", "AU24"), "lowered brows, narrowed eyes, pressed lips"),
    Meaning("anger", ("AU4", "AU24"), "lowered brows, pressed lips"),
    Meaning("anger", ("AU4", "AU7"), "lowered brows, narrowed eyes"),
    Meaning("anger", ("AU4", "AU5"), "glare under lowered brows"),
    Meaning("anger", ("AU4",), "lowered brows"),
    Meaning("anger", ("AU24",), "pressed lips"),
    Meaning("contempt", ("AU12", "AU14"), "tightened lip corner, half a smile"),
    Meaning("contempt", ("AU14",), "tightened lip corner"),
    Meaning("contempt", ("AU12",), "half a smile"),
)
"""What units mean; the first of an emotion whose units are all shown is said."""


def evidence(
    emotions: Mapping[str, float],
    units: Mapping[str, float],
    *,
    of: Sequence[str] | None = None,
    speaking: bool = False,
    least: float = LEAST_SHOWN,
) -> str:
    """Return one line: units that show the emotion, what they mean, the emotion and its share.

    emotions : probability by name of `EMOTIONS`
    units : intensity in [0, 1] by name ("AU12"; "AU12L" and "AU12R" where the sides are known)
    of : the emotions to account for; None: the most probable one
    speaking : an open mouth is then no evidence
    least : intensity from which a unit counts as shown
    """
    chosen = tuple(of) if of else (max(emotions, key=lambda name: emotions[name]),)
    shown = _shown(units, least)
    if speaking:
        shown = {name: value for name, value in shown.items() if name not in SPOKEN}
    against = _against(shown, chosen)
    share = " and ".join(f"{name} {emotions[name]:.2f}" for name in chosen)
    said = f"{'; '.join(_for(name, shown, units) for name in chosen)} → {share}"
    return f"{said} (against it: {against})" if against else said


def belonging(emotion: str) -> dict[str, float]:
    """Return the units of an emotion's prototype by bare name; the larger of two sides."""
    out: dict[str, float] = {}
    for unit, share in PROTOTYPES.get(emotion, {}).items():
        bare = unit.rstrip("LR")
        out[bare] = max(share, out.get(bare, 0.0))
    return out


def _shown(units: Mapping[str, float], least: float) -> dict[str, float]:
    """Units by bare name (the stronger side) from `least` on."""
    out: dict[str, float] = {}
    for unit, value in units.items():
        if value >= least:
            bare = unit.rstrip("LR")
            out[bare] = max(float(value), out.get(bare, 0.0))
    return out


def _for(emotion: str, shown: Mapping[str, float], units: Mapping[str, float]) -> str:
    if emotion == EMOTIONS[0]:
        moved = {n: v for n, v in shown.items() if n not in UNJUDGED and v >= STRONG}
        return f"{_named(moved)}: little that is felt" if moved else "no action unit stands out"
    own = belonging(emotion)
    found = {n: shown[n] for n in sorted(own, key=lambda n: -own[n] * shown.get(n, 0.0))
             if n in shown}  # fmt: skip
    if not found:
        return f"no action unit of {emotion} stands out"
    return f"{_named(found, units)}: {meaning(emotion, found)}"


def meaning(emotion: str, shown: Mapping[str, float]) -> str:
    """Return what the shown units (bare names) mean for an emotion."""
    for row in MEANINGS:
        if (
            row.emotion == emotion
            and all(unit in shown for unit in row.units)
            and not any(unit in shown for unit in row.without)
        ):
            return row.words
    return f"a trace of {emotion}"


def _against(shown: Mapping[str, float], chosen: Sequence[str]) -> str:
    """Strong units of other emotions that none of the chosen ones has; of neutral nothing."""
    if EMOTIONS[0] in chosen:
        return ""
    own = {unit for name in chosen for unit in belonging(name)}
    other = {unit for name in PROTOTYPES for unit in belonging(name)} - own - UNJUDGED - SPOKEN
    found = {n: v for n, v in shown.items() if n in other and v >= STRONG}
    return _named(dict(sorted(found.items(), key=lambda row: -row[1])))


def _named(values: Mapping[str, float], units: Mapping[str, float] | None = None) -> str:
    """`AU12 0.7, AU6 0.5` of at most MOST_NAMED units, the side said where one is stronger."""
    return ", ".join(
        f"{name}{_side(name, units or {})} {value:.1f}"
        for name, value in list(values.items())[:MOST_NAMED]
    )


def _side(unit: str, units: Mapping[str, float]) -> str:
    left, right = units.get(unit + "L"), units.get(unit + "R")
    if left is None or right is None or abs(left - right) < UNEVEN:
        return ""
    return "L" if left > right else "R"
