"""The descriptors' part of the identity embedding, solved for in closed form.

What `scripts/train_identity.py` does after the network is fit: principal components a point and of
all, then the directions in which people differ more than one person's pictures do (linear
discriminants weighed as in PLDA, Ioffe 2006).
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
import torch

from talkgen.face.identity_net import IdentityNet
from talkgen.face.identity_points import describe, placed
from talkgen.training.identity_measure import rates
from talkgen.training.identity_train import People, embedded

log = logging.getLogger(__name__)

COMPONENTS, TRUST = 300, 0.8
STUDIO = 3.0
"""Weight of the difference between data sets beside that within people: pictures of one studio are
not to look alike for that."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def described(people: People) -> Any:
    """Return (N, 2, 37, 2, 120) float16 descriptors of faces and mirror images."""
    return np.stack([
        describe(people.crop(i), placed(people.landmarks[i])).astype(np.float16)
        for i in range(len(people))
    ])  # fmt: skip


def fit_points(net: IdentityNet, people: People, dev: People) -> IdentityNet:
    """Return the network with basis, metric, share and threshold set, the last two by `dev`."""
    found = described(people)
    for size in range(found.shape[3]):
        rows = found[::6, :, :, size].reshape(-1, found.shape[-1]).astype(np.float32)
        values, axes = np.linalg.eigh(np.cov(rows.T))
        chosen = axes[:, np.argsort(-values)[: net.config.kept]]
        net.basis[size] = torch.from_numpy(chosen).float()
        net.basis_mean[size] = torch.from_numpy(rows.mean(0))
    small = np.einsum(
        "nmpsl,slk->nmpsk", found.astype(np.float32) - net.basis_mean.numpy(), net.basis.numpy()
    ).reshape(len(people), 2, -1)
    mean, axes = components(small.reshape(-1, small.shape[-1]), COMPONENTS)
    matrix = discriminants(
        (small - mean) @ axes, people.number, people.source, net.config.points_dim
    ) @ axes.T  # fmt: skip
    matrix /= np.abs(matrix).max()
    net.metric.copy_(torch.from_numpy(matrix))
    net.metric_offset.copy_(torch.from_numpy(matrix @ mean))
    return weighed(net, dev, torch.from_numpy(described(dev).astype(np.float32)))


def weighed(net: IdentityNet, dev: People, found: Any) -> IdentityNet:
    """Return the network with the share of its two halves and the threshold that suit `dev`."""
    best = -1.0
    plain, points = torch.from_numpy(embedded(net, dev)), net.of_points(found)
    config = net.config
    for share in SHARES:
        net.config = dataclasses.replace(config, share=share)
        table = rates(net.joined(plain, points).numpy(), dev.person)
        log.info("share %.1f: %s", share, table)
        if table["tar_at_1"] > best:
            best = table["tar_at_1"]
            chosen = dataclasses.replace(net.config, threshold=round(table["threshold"], 4))
    net.config = chosen
    return net


def components(rows: Any, count: int, seed: int = 0) -> tuple[Any, Any]:
    """Return the mean (D,) and the first principal axes (D, count), by a randomised search."""
    mean = rows.mean(0)
    moved = rows - mean
    start = np.random.default_rng(seed).standard_normal((rows.shape[1], count + 40))
    axes = start.astype(np.float32)
    for _ in range(3):
        axes, _ = np.linalg.qr(moved.T @ (moved @ axes))
    short = moved @ axes
    values, turn = np.linalg.eigh(short.T @ short / len(rows))
    return mean, axes @ turn[:, np.argsort(-values)[:count]]


def discriminants(rows: Any, number: Any, source: Any, dim: int) -> Any:
    """Return (dim, K) of rows (N, 2, K), faces and mirror images, people (N,) and data sets (N,).

    Spread within people, and between data sets, is whitened; each direction counts by its share of
    spread between people.
    """
    width = rows.shape[2]
    total = np.einsum("nck,ncl->kl", rows, rows) / (2 * len(rows))
    within, weight = np.zeros_like(total), 0.0
    names, counts = np.unique(number, return_counts=True)
    for name, count in zip(names[counts > 1], counts[counts > 1], strict=True):
        own = rows[number == name].reshape(-1, width)
        rest = own - own.mean(0)
        share = min(count, 8) / count
        within += share * (rest.T @ rest) * count / (count - 1) / 2
        weight += share * count
    within /= weight
    middle = np.stack([rows[source == name].mean((0, 1)) for name in np.unique(source)])
    middle -= middle.mean(0)
    within += STUDIO * middle.T @ middle / max(len(middle) - 1, 1)
    within = TRUST * within + (1 - TRUST) * total * np.trace(within) / np.trace(total)
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    values, axes = np.linalg.eigh(inverse @ total @ inverse.T)
    order = np.argsort(-values)[:dim]
    between = np.maximum(values[order] - 1, 1e-3)
    return (axes[:, order] * np.sqrt(between / (between + 1))).T @ inverse
