"""How well embeddings tell people apart: all genuine and impostor pairs, and rates over them."""

from __future__ import annotations

from typing import Any

import numpy as np


def pairs(vectors: Any, person: Any) -> tuple[Any, Any]:
    """Return the cosines of all pairs of one person (genuine), and of two people (impostors).

    vectors : (N, D) of unit length; person : (N,) names
    """
    like = np.asarray(vectors, np.float32) @ np.asarray(vectors, np.float32).T
    same = np.asarray(person)[:, None] == np.asarray(person)[None]
    upper = np.triu(np.ones_like(same), 1)
    return like[same & upper], like[~same & upper]


def rates(vectors: Any, person: Any) -> dict[str, float]:
    """Return TAR at FAR 1 % and 0.1 %, equal error rate, area under the curve, and counts.

    TAR : share of genuine pairs at or above the threshold that lets FAR of the impostors pass
    """
    genuine, impostor = pairs(vectors, person)
    return rates_of(genuine, impostor)


def rates_of(genuine: Any, impostor: Any) -> dict[str, float]:
    """Return the rates of given scores, higher meaning more alike."""
    if not len(genuine) or not len(impostor):
        names = ("tar_at_1", "tar_at_01", "eer", "auc", "threshold")
        counts = {"genuine": len(genuine), "impostor": len(impostor)}
        return dict.fromkeys(names, float("nan")) | counts
    ordered = np.sort(impostor)[::-1]
    at_1 = ordered[max(0, int(0.01 * len(ordered)) - 1)]
    at_01 = ordered[max(0, int(0.001 * len(ordered)) - 1)]
    far, tar, _ = roc(genuine, impostor)
    cross = int(np.argmin(np.abs(far - (1 - tar))))
    return {
        "tar_at_1": float((genuine > at_1).mean()),
        "tar_at_01": float((genuine > at_01).mean()),
        "eer": float((far[cross] + 1 - tar[cross]) / 2),
        "auc": float(np.trapezoid(tar, far)),
        "threshold": float(at_1),
        "genuine": len(genuine),
        "impostor": len(impostor),
    }


def roc(genuine: Any, impostor: Any, points: int = 400) -> tuple[Any, Any, Any]:
    """Return false and true acceptance rates, rising, and their thresholds."""
    scores = np.concatenate([genuine, impostor])
    levels = np.unique(np.quantile(scores, np.linspace(0, 1, points)))
    fine = np.quantile(impostor, 1 - np.geomspace(1e-4, 0.2, 60))
    levels = np.concatenate([[np.inf], np.unique(np.concatenate([levels, fine]))[::-1], [-np.inf]])
    ordered, own = np.sort(impostor), np.sort(genuine)
    far = 1 - np.searchsorted(ordered, levels, "left") / len(ordered)
    tar = 1 - np.searchsorted(own, levels, "left") / len(own)
    return far, tar, levels


def interval(vectors: Any, person: Any, *, draws: int = 200, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of TAR at FAR 1 %, by drawing people with replacement."""
    rng = np.random.default_rng(seed)
    names, number = np.unique(person, return_inverse=True)
    rows = [np.flatnonzero(number == i) for i in range(len(names))]
    found = []
    for _ in range(draws):
        chosen = rng.integers(len(names), size=len(names))
        index = np.concatenate([rows[i] for i in chosen])
        label = np.concatenate([np.full(len(rows[i]), k) for k, i in enumerate(chosen)])
        like = vectors[index] @ vectors[index].T
        upper = np.triu(np.ones(like.shape, bool), 1)
        same = label[:, None] == label[None]
        other = number[index][:, None] != number[index][None]  # a person drawn twice is no impostor
        found.append(rates_of(like[same & upper], like[other & upper])["tar_at_1"])
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)
