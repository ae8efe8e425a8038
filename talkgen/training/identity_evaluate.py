"""What the identity network reaches on people kept aside (for `scripts/evaluate_identity.py`)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from talkgen.face.identity_net import IdentityNet, straight
from talkgen.training.identity_measure import interval, pairs, rates, rates_of, roc
from talkgen.training.identity_points import described
from talkgen.training.identity_train import People, embedded

MOST_PICTURES = 10
AGES = ((0, 25), (25, 35), (35, 100))


def evaluate(net: IdentityNet, folder: Path, data: Path) -> dict[str, Any]:
    """Return rates by set, the ROC curve, baselines, and the London set's groups.

    folder : what `scripts/prepare_identity.py` wrote; data : the data root, for London's table
    """
    held = People(folder, "held")
    held.only(_chosen(held))
    plain = embedded(net, held)
    with torch.inference_mode():
        points = net.of_points(torch.from_numpy(described(held).astype(np.float32)))
        vectors = net.joined(torch.from_numpy(plain), points).numpy()
    sets = {
        "expressions": held.source == "expressions",
        "london": held.source == "london",
        "both": np.ones(len(held), bool),
    }
    methods = {
        "embedding": vectors,
        "network half": plain,
        "descriptor half": points.numpy(),
        "baseline: random": _unit(np.random.default_rng(0).standard_normal((len(held), 64))),
        "baseline: head shape": _shape_vectors(held),
        "baseline: grey pixels": _pixel_vectors(held),
    }
    tables: dict[str, Any] = {}
    for method, found in methods.items():
        for name, rows in sets.items():
            table = _rounded(rates(found[rows], held.person[rows]))
            if method == "embedding":
                low, high = interval(found[rows], held.person[rows])
                table["tar_at_1_interval"] = [round(low, 3), round(high, 3)]
                table["people"] = len(set(held.person[rows]))
                table["pictures"] = int(rows.sum())
            tables[f"{method} / {name}"] = table
    far, tar, _ = roc(*pairs(vectors, held.person), points=60)
    curve = [[round(float(a), 5), round(float(b), 4)] for a, b in zip(far, tar, strict=True)]
    rows = sets["london"]
    groups = _london_groups(vectors[rows], held.person[rows], data, net.config.threshold)
    return {"rates": tables, "roc_far_tar": curve, "london_groups": groups}


def _chosen(held: People) -> Any:
    """Return the rows of people with several pictures, ten a person at most."""
    rows = [g[:MOST_PICTURES] for g in held.several()]
    return np.sort(np.concatenate(rows))


def _rounded(table: dict[str, float]) -> dict[str, Any]:
    return {k: v if isinstance(v, int) else round(v, 4) for k, v in table.items()}


def _unit(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _shape_vectors(people: People) -> Any:
    """Return the head model's identity coefficients as unit vectors: geometry alone."""
    return _unit(people.shape - people.shape.mean(0))


def _pixel_vectors(people: People) -> Any:
    """Return small grey crops of zero mean and unit length."""
    rows = []
    for index in range(len(people)):
        grey = cv2.cvtColor(straight(people.crop(index), 32), cv2.COLOR_RGB2GRAY).astype(np.float32)
        rows.append((grey - grey.mean()).ravel())
    return _unit(np.stack(rows))


def _london_groups(vectors: Any, person: Any, data: Path, threshold: float) -> dict[str, Any]:
    """Return for each sex, age and ethnicity: genuine pairs refused and impostors of the same
    group let through at the shipped threshold."""
    path = data / "faces" / "london_info.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        info = {row["face_id"]: row for row in csv.DictReader(stream)}
    keys: dict[str, list[int]] = {}
    for index, name in enumerate(person):
        row = info.get(str(name).split("/")[1])
        if row is None:
            continue
        years = int(row["face_age"]) if row["face_age"].isdigit() else -1
        age = next((f"{a}-{b - 1}" for a, b in AGES if a <= years < b), "not known")
        for key in (f"sex {row['face_gender']}", f"age {age}", f"ethnicity {row['face_eth']}"):
            keys.setdefault(key, []).append(index)
    out = {}
    for key, rows in sorted(keys.items()):
        genuine, impostor = pairs(vectors[rows], np.asarray(person)[rows])
        out[key] = {
            "people": len(set(np.asarray(person)[rows])),
            "genuine": len(genuine),
            "impostor": len(impostor),
            "refused": _share(genuine < threshold),
            "let_through": _share(impostor >= threshold),
            "auc": _rounded(rates_of(genuine, impostor))["auc"] if len(impostor) else None,
        }
    return out


def _share(hits: Any) -> float | None:
    return round(float(hits.mean()), 4) if len(hits) else None
