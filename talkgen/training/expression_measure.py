"""Figures of the expression critic: what it confuses, how sure it may be, which units it sees."""

from __future__ import annotations

from typing import Any

import numpy as np

from talkgen.types import EMOTIONS

BINS = 15
SIX = tuple(EMOTIONS.index(n) for n in ("neutral", "happy", "sad", "surprise", "disgust", "anger"))
FIVE = tuple(i for i in SIX if EMOTIONS[i] != "disgust")


def recalls(label: Any, chosen: Any) -> dict[str, float]:
    """Return the share of each emotion's faces that are named so."""
    return {
        EMOTIONS[c]: round(float((chosen[label == c] == c).mean()), 3) for c in sorted(set(label))
    }


def among(logits: Any, classes: tuple[int, ...]) -> Any:
    """Return the likeliest (N,) of some classes."""
    return np.array(classes)[np.asarray(logits)[:, list(classes)].argmax(1)]


def balanced(label: Any, logits: Any, classes: tuple[int, ...] = SIX) -> float:
    """Return the mean recall of some classes when only these are asked about."""
    chosen = among(logits, classes)
    found = [(chosen[label == c] == c).mean() for c in classes if (label == c).any()]
    return round(float(np.mean(found)), 4)


def confusion(label: Any, chosen: Any) -> list[list[int]]:
    """Return counts (8, 8): rows are labels, columns what was said, in the order of EMOTIONS."""
    out = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    np.add.at(out, (label, chosen), 1)
    return out.tolist()  # type: ignore[no-any-return]


def equal_weights(label: Any) -> Any:
    """Return weights (N,) that make every class of the faces equally common, mean 1."""
    counts = np.bincount(label, minlength=len(EMOTIONS))
    weight = 1.0 / counts[label]
    return weight / weight.mean()


def calibration_error(label: Any, probabilities: Any, weight: Any | None = None) -> float:
    """Return the expected calibration error of the first answer (Guo et al. 2017), 15 bins.

    weight : (N,) of the faces; `equal_weights` for probabilities that hold for equal classes
    """
    weight = np.ones(len(label)) if weight is None else weight
    sure, right = probabilities.max(1), probabilities.argmax(1) == label
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    error = 0.0
    for k in range(BINS):
        rows = place == k
        if rows.any():
            gap = abs(float((weight * (right - sure))[rows].sum()))
            error += gap / float(weight.sum())
    return round(error, 4)


def correlations(wanted: Any, found: Any, names: tuple[str, ...]) -> dict[str, float]:
    """Return Pearson's r of each column that varies."""
    return {
        name: round(float(np.corrcoef(wanted[:, i], found[:, i])[0, 1]), 3)
        for i, name in enumerate(names)
        if wanted[:, i].std() > 1e-3
    }


def spread(values: Any, *, seed: int = 0, draws: int = 1000) -> list[float]:
    """Return the 95 % interval of the mean of values (N,), by bootstrap."""
    rng = np.random.default_rng(seed)
    array = np.asarray(values, np.float64)
    means = array[rng.integers(0, len(array), (draws, len(array)))].mean(1)
    return [round(float(v), 4) for v in np.percentile(means, [2.5, 97.5])]
