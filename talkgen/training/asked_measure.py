"""Was what was asked for seen? Tables of asked against read, and pairs of before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

from talkgen.types import FloatArray

DRAWS = 2000
"""Bootstrap samples of an interval of 95 %."""


def named(
    asked: Sequence[str], read: Sequence[str], people: Sequence[str], classes: Sequence[str]
) -> dict[str, Any]:
    """Return how often what was read is what was asked, with an interval by bootstrap over people.

    asked, read, people : of each performance; those that ask for none of `classes` are left out
    (a reader that does not know contempt cannot be asked about it), but may be read as anything
    """
    rows = [i for i, name in enumerate(asked) if name in classes]
    columns = list(dict.fromkeys([*classes, *(read[i] for i in rows)]))
    table = np.zeros((len(classes), len(columns)), np.int64)
    for i in rows:
        table[list(classes).index(asked[i]), columns.index(read[i])] += 1
    counts = table.sum(1)
    right = np.array([asked[i] == read[i] for i in rows], np.float64)
    own = np.array([people[i] for i in rows])
    return {
        "n": len(rows),
        "people": len(set(own.tolist())),
        "top1": round(float(right.mean()), 4) if rows else None,
        "top1, 95 %": interval(right, own),
        "of each class": {
            name: round(float(table[k, k] / counts[k]), 3)
            for k, name in enumerate(classes)
            if counts[k]
        },
        "classes": columns,
        "confusion": table.tolist(),
    }


def told_apart(
    asked: Sequence[str], chances: FloatArray, classes: Sequence[str]
) -> dict[str, float]:
    """Return for each class how often its probability is higher where it was asked for than where
    another one was (area under the ROC): 0.5 chance, 1 always, whatever a reader's bias.

    chances : (N, K) probabilities of `classes`
    """
    out = {}
    for column, name in enumerate(classes):
        own = np.array([a == name for a in asked])
        if own.any() and not own.all():
            ranks = rankdata(np.asarray(chances)[:, column])
            above = ranks[own].sum() - own.sum() * (own.sum() + 1) / 2
            out[name] = round(float(above / (own.sum() * (~own).sum())), 3)
    return out


def interval(values: NDArray[np.float64], groups: NDArray[Any], seed: int = 0) -> list[float]:
    """Return 95 % of the means of values (N,) when whole groups (N,) are drawn again."""
    names, which = np.unique(groups, return_inverse=True)
    if not len(names):
        return []
    sums = np.bincount(which, values, len(names))
    counts = np.bincount(which, minlength=len(names))
    draws = np.random.default_rng(seed).integers(0, len(names), (DRAWS, len(names)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    return [round(float(v), 4) for v in np.quantile(means, [0.025, 0.975])]


def paired(
    before: Sequence[float], after: Sequence[float], groups: Sequence[str]
) -> dict[str, Any]:
    """Return what changed between two measurements of the same things.

    groups : whose each is; the interval of the mean change is by bootstrap over them
    The sign test is two-sided; pairs that are equal do not count in it.
    """
    one, other = (np.asarray(values, np.float64) for values in (before, after))
    change = other - one
    up, down = int((change > 0).sum()), int((change < 0).sum())
    return {
        "n": len(change),
        "before": round(float(one.mean()), 4),
        "after": round(float(other.mean()), 4),
        "change": round(float(change.mean()), 4),
        "change, 95 %": interval(change, np.asarray(groups)),
        "up": up,
        "down": down,
        "sign test p": round(float(binomtest(up, up + down).pvalue), 5) if up + down else 1.0,
    }
