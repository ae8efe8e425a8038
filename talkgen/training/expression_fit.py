"""The expression critic's training as a whole: which faces, in which folds, and what is kept."""

from __future__ import annotations

import datetime
import json
import logging
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkgen.critic.expression_net import UNITS, ExpressionNet
from talkgen.training.expression_calibrate import calibrate, calibrated
from talkgen.training.expression_data import FOLDS, UNKNOWN, Faces, fold_of
from talkgen.training.expression_measure import (
    FIVE,
    SIX,
    balanced,
    calibration_error,
    confusion,
    correlations,
    equal_weights,
    recalls,
)
from talkgen.training.expression_rendered import feelings_of
from talkgen.training.expression_train import (
    Labels,
    Part,
    known_labels,
    learn,
    readings,
    start_geometry,
    teach,
)
from talkgen.training.expression_views import Viewed
from talkgen.types import EMOTIONS, MOTION_CHANNELS

__all__ = ["FOLDS", "Job"]

log = logging.getLogger(__name__)

ASIDE = 20
"""Percent of the posed people who are kept aside."""


class Job:
    """Trains step by step in a folder.

    faces : folder of `scripts/prepare_expressions.py`; out : folder of states and weights
    """

    def __init__(self, faces: Path, out: Path, *, seed: int = 0) -> None:
        self.folder, self.out, self.seed = faces, out, seed
        self._sets: dict[str, Viewed] = {}

    def viewed(self, name: str) -> Viewed:
        """Return a set of faces, ready to be seen."""
        if name not in self._sets:
            viewed = Viewed(Faces.load(self.folder / f"{name}.npz"))
            if name in ("taught", "clips"):
                viewed.label = plain_labels(viewed)
            if name in ("rendered", "held"):
                viewed.label = feelings_of(viewed.channels)
            self._sets[name] = viewed
        return self._sets[name]

    def net(self) -> ExpressionNet:
        """Return the network before it learned anything."""
        torch.manual_seed(self.seed)
        return ExpressionNet()

    def teach(self, minutes: float) -> None:
        """Teach the trunk what faces do."""
        path = self.out / "taught.pt"
        if path.exists():
            return
        net, sets = self.net(), {n: self.viewed(n) for n in ("taught", "rendered")}
        start_geometry(net, sets)
        parts = {"taught": Part(sets["taught"], 32), "rendered": Part(sets["rendered"], 32)}
        teach(net, parts, self.out / "teach.state", minutes=minutes, seed=self.seed)
        torch.save(net.state_dict(), path)

    def learn(self, fold: int | None, minutes: float) -> None:
        """Teach emotions to all but the people of a fold; None: to everybody."""
        name = "final" if fold is None else f"fold{fold}"
        path = self.out / f"{name}.pt"
        if path.exists():
            return
        net = self.net()
        net.load_state_dict(torch.load(self.out / "taught.pt"))
        real, posed, modern, clips, taught, rendered = (
            self.viewed(n) for n in ("labelled", "posed", "modern", "clips", "taught", "rendered")
        )
        seen = np.array([p != fold for p in self.folds(real)])
        rows = known_labels(posed)
        rows = rows[~self.aside(posed)[rows]]
        labels = {
            "real": (Labels(real, np.flatnonzero(seen), real=True), 40),
            "posed": (Labels(posed, rows, real=False), 14),
            "modern": (Labels(modern, known_labels(modern), real=False), 10),
            "clips": (Labels(clips, known_labels(clips), real=False), 4),
            "portraits": (Labels(taught, known_labels(taught), real=False), 4),
            "rendered": (Labels(rendered, known_labels(rendered), real=False), 8),
        }
        others = {n: Part(self.viewed(n), 10) for n in ("taught", "rendered")}
        learn(net, labels, others, self.out / f"{name}.state", minutes=minutes, seed=self.seed)
        torch.save(net.state_dict(), path)
        held = np.flatnonzero(~seen) if fold is not None else np.arange(0)
        said = {f"real_{n}": v for n, v in readings(net, real, held).items()} if len(held) else {}
        away = np.flatnonzero(self.aside(posed))
        said |= {f"posed_{n}": v for n, v in readings(net, posed, away).items()}
        np.savez(self.out / f"{name}.npz", held=held, away=away, **said)
        log.info("%s: %s", name, self.glance(name))

    def glance(self, name: str) -> dict[str, Any]:
        """Return a few figures of one fit."""
        rows, out = np.load(self.out / f"{name}.npz"), {}
        real, posed = self.viewed("labelled"), self.viewed("posed")
        if len(rows["held"]):
            label = real.label[rows["held"]]
            for reader in ("picture", "geometry", "logits"):
                said = rows[f"real_{reader}"]
                out[reader] = [balanced(label, said, six) for six in (SIX, FIVE)]
        label = posed.label[rows["away"]]
        out["posed"] = [
            round(float((rows["posed_logits"][label == c].argmax(1) == c).mean()), 2)
            for c in range(len(EMOTIONS))
        ]
        return out

    def folds(self, faces: Viewed) -> list[int]:
        """Return the fold of each face."""
        return [fold_of(str(person)) for person in faces.person]

    def aside(self, posed: Viewed) -> Any:
        """Return which posed faces (N,) are of people kept aside."""
        from zlib import crc32

        return np.array([crc32(str(p).encode()) % 100 < ASIDE for p in posed.person])

    def finish(self, results: Path | None) -> None:
        """Calibrate on the folds, write the checkpoint and the figures."""
        real = self.viewed("labelled")
        rows = [np.load(self.out / f"fold{k}.npz") for k in range(FOLDS)]
        said = {
            n: np.zeros((len(real), len(EMOTIONS)), np.float32) for n in ("picture", "geometry")
        }
        for row in rows:
            for name, values in said.items():
                values[row["held"]] = row[f"real_{name}"]
        part = np.array(self.folds(real))
        weight = equal_weights(real.label) * np.isin(real.label, SIX)
        logits = calibrated(said["picture"], said["geometry"], real.label, part, weight)
        net = self.net()
        net.load_state_dict(torch.load(self.out / "final.pt"))
        calibrate(net, said["picture"], said["geometry"], real.label, weight)
        net.save_pretrained(self.out / "expression", eighths=True)
        net = ExpressionNet.from_pretrained(self.out / "expression")  # as it is shipped
        found = self.figures(net, real, logits, said)
        log.info("%s", json.dumps(found))
        if results is not None:
            results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    def figures(
        self, net: ExpressionNet, real: Viewed, logits: Any, said: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what goes to `results/expression.json`."""
        label, shown = real.label, np.isin(real.label, SIX)
        sure = np.exp(logits)
        away = self.viewed("posed")
        kept = np.flatnonzero(self.aside(away))
        posed = readings(net, away, kept)
        heads = self.viewed("held")
        drawn = readings(net, heads, np.arange(len(heads)))
        r = correlations(heads.units, drawn["units"], UNITS)
        return {
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "seed": self.seed,
            "people held out": {
                "faces": len(label), "people": len(set(real.person.tolist())),
                "how": "five folds by person, grey pictures, every answer from a network that saw "
                       "nobody of the fold; the six classes of 30 and more faces",
                "counts": {n: int((label == i).sum()) for i, n in enumerate(EMOTIONS)},
                "balanced accuracy, six classes": balanced(label, logits, SIX),
                "balanced accuracy, without disgust": balanced(label, logits, FIVE),
                "by the picture alone": [balanced(label, said["picture"], c) for c in (SIX, FIVE)],
                "by geometry alone": [balanced(label, said["geometry"], c) for c in (SIX, FIVE)],
                "recall, all eight asked": recalls(label, logits.argmax(1)),
                "confusion, all eight asked": confusion(label, logits.argmax(1)),
                "calibration error, classes equally common": calibration_error(
                    label[shown], sure[shown], equal_weights(label[shown])),
                "calibration error, as common as there": calibration_error(
                    label[shown], with_prior(sure, label)[shown]),
            },
            "posed portraits of people never seen": {
                "people": len(set(away.person[kept].tolist())),
                **{
                    name: recalls(away.label[kept][rows], posed["logits"].argmax(1)[rows])
                    for name, rows in (
                        ("still", (away.label[kept] >= 0) & ~away.speaking[kept]),
                        ("speaking", (away.label[kept] >= 0) & away.speaking[kept]),
                    )
                },
                "units r": correlations(away.units[kept], posed["units"], UNITS),
            },
            "rendered heads of people never seen": {
                "heads": len(heads), "people": len(set(heads.person.tolist())),
                "units r": r, "mean r": round(float(np.mean(list(r.values()))), 3),
            },
        }  # fmt: skip


def with_prior(probabilities: Any, label: Any) -> Any:
    """Return probabilities for classes as common as among these faces."""
    prior = np.bincount(label, minlength=len(EMOTIONS)) / len(label) * len(EMOTIONS)
    out = probabilities * prior
    return out / out.sum(1, keepdims=True)


CALM, SMILING = 0.08, 0.65
"""Smile, as the networks score it, up to which a portrait or somebody speaking counts as neutral,
and from which a portrait counts as happy."""


def plain_labels(faces: Viewed) -> Any:
    """Return emotions (N,) of portraits of `congress` and `canada` and of people who speak: neutral
    and happy where a smile leaves no doubt, else unknown. Londoners are for measuring."""
    smile = faces.channels[:, [MOTION_CHANNELS.index(f"mouthSmile{s}") for s in ("Left", "Right")]]
    kind = np.array([str(p).split("/")[0] for p in faces.person])
    still = np.isin(kind, ("congress", "canada"))
    out = np.full(len(faces), UNKNOWN)
    calm = smile.mean(1) < CALM
    out[calm & (still | faces.speaking)] = EMOTIONS.index("neutral")
    out[still & (smile.mean(1) > SMILING)] = EMOTIONS.index("happy")
    return out
