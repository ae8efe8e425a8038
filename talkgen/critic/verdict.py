"""One word for a distribution of emotions: one of them, two at once, or "unknown".

Two at once are the compound expressions of Du, Tao & Martinez 2014 ("Compound facial expressions of
emotion", PNAS 111), where their table covers the pair; a pair outside of it (contempt was not
studied) is "happy and contempt". Two likely emotions may also be plain doubt: with action units at
hand, a pair counts as compound only where the face shows units of both.

Unknown is what the network has not learned: a flat distribution (entropy), or logits so small all
over that nothing answers (the energy of Liu et al. 2020, "Energy-based out-of-distribution
detection"). The bounds are arguments, to be set on faces kept aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkgen.critic.evidence import belonging
from talkgen.types import EMOTIONS, FloatArray

UNKNOWN = "unknown"
NEUTRAL = EMOTIONS[0]

COMPOUNDS: dict[frozenset[str], str] = {
    frozenset(pair): words
    for pair, words in {
        ("happy", "surprise"): "happily surprised",
        ("happy", "disgust"): "happily disgusted",
        ("sad", "fear"): "sadly fearful",
        ("sad", "anger"): "sadly angry",
        ("sad", "surprise"): "sadly surprised",
        ("sad", "disgust"): "sadly disgusted",
        ("fear", "anger"): "fearfully angry",
        ("fear", "surprise"): "fearfully surprised",
        ("fear", "disgust"): "fearfully disgusted",
        ("anger", "surprise"): "angrily surprised",
        ("anger", "disgust"): "angrily disgusted",
        ("disgust", "surprise"): "disgustedly surprised",
    }.items()
}
"""The pairs of Du, Tao & Martinez; their appalled, hatred and awed are pairs of these again, told
apart by emphasis alone, and left out."""


@dataclass(frozen=True)
class Bounds:
    """Where the verdicts part; set on faces kept aside.

    clear : probability from which one emotion is named without looking at the second
    second : probability that the second of a pair needs, and `pair` the two together
    entropy : share of the largest possible entropy (log 8) from which nothing is known
    energy : -logsumexp of the logits above which nothing is known; None: not looked at
    strength : expressions weaker than that are said to be faint
    shown : intensity of units from which the face shows them
    """

    clear: float = 0.6
    second: float = 0.25
    pair: float = 0.6
    entropy: float = 0.8
    energy: float | None = None
    strength: float = 0.15
    shown: float = 0.2


@dataclass(frozen=True)
class Verdict:
    """`words` to be read, `emotions` they stand for (none: unknown), `why` it is unknown."""

    words: str
    emotions: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        return self.words


def verdict(
    emotions: Mapping[str, float],
    *,
    units: Mapping[str, float] | None = None,
    energy: float | None = None,
    strength: float | None = None,
    bounds: Bounds | None = None,
) -> Verdict:
    """Return the verdict of probabilities by name, which sum to 1.

    units : action units in [0, 1]; a pair then needs units of both that the other lacks
    energy : `energy_of` the logits, where they are known
    strength : how strong the expression is, 0 to 1; a weak one is "faintly happy"
    """
    bounds = bounds or Bounds()
    if energy is not None and bounds.energy is not None and energy > bounds.energy:
        return Verdict(UNKNOWN, why=f"energy {energy:.2f} over {bounds.energy:.2f}: like no face "
                       "that was learned from")  # fmt: skip
    (first, most), (second, next_most) = sorted(
        ((name, float(value)) for name, value in emotions.items()), key=lambda row: -row[1]
    )[:2]
    flat = entropy_of(np.array([float(v) for v in emotions.values()]))
    if most >= bounds.clear:
        return _one(first, strength, bounds)
    both = (
        NEUTRAL not in (first, second)
        and next_most >= bounds.second
        and most + next_most >= bounds.pair
        and (units is None or shows_both(units, first, second, bounds.shown))
    )
    if both:
        return Verdict(compound(first, second), (first, second))
    if flat > bounds.entropy:
        return Verdict(UNKNOWN, why=f"entropy {flat:.2f} of 1: nothing stands out")
    return _one(first, strength, bounds)


def _one(name: str, strength: float | None, bounds: Bounds) -> Verdict:
    faint = strength is not None and strength < bounds.strength and name != NEUTRAL
    return Verdict(f"faintly {name}" if faint else name, (name,))


def compound(first: str, second: str) -> str:
    """Return the words for two emotions at once, the more probable one first."""
    return COMPOUNDS.get(frozenset((first, second)), f"{first} and {second}")


def shows_both(units: Mapping[str, float], first: str, second: str, least: float) -> bool:
    """Whether each of two emotions shows a unit of its prototype that the other's lacks."""
    one, two = belonging(first), belonging(second)
    shown: dict[str, float] = {}
    for unit, value in units.items():
        bare = unit.rstrip("LR")
        shown[bare] = max(float(value), shown.get(bare, 0.0))
    return all(
        any(shown.get(unit, 0.0) >= least for unit in own.keys() - other.keys())
        for own, other in ((one, two), (two, one))
    )


def entropy_of(probabilities: FloatArray) -> float:
    """Return the entropy of (K,) probabilities over that of K equal ones: 0 sure to 1 flat."""
    p = np.maximum(np.asarray(probabilities, np.float64), 1e-12)
    p = p / p.sum()
    return float(-(p * np.log(p)).sum() / np.log(len(p)))


def energy_of(logits: FloatArray) -> FloatArray:
    """Return -logsumexp of (..., K) logits: high where nothing answers."""
    raw = np.asarray(logits, np.float64)
    top = raw.max(-1)
    return np.asarray(-(top + np.log(np.exp(raw - top[..., None]).sum(-1))), np.float32)
