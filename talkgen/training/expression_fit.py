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
from talkgen.training import loop
from talkgen.training.expression_calibrate import calibrate, calibrated
from talkgen.training.expression_data import FOLDS, UNKNOWN, Faces, fold_of
from talkgen.training.expression_linear import Features, features, read_linearly
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

MOST_FEATURES = 6000
"""Labelled faces of a set whose features are worked out."""
LINEAR_UNITS = 2500
"""Rendered heads that the linear readers learn from."""
POSED_WORTH = 0.25
"""Of posed faces beside real ones when probabilities are calibrated."""
ASIDE = 20
"""Percent of the posed people who are kept aside."""


class Job:
    """Trains step by step in a folder.

    faces : folder of `scripts/prepare_expressions.py`; out : folder of states and weights
    """

    def __init__(self, faces: Path, out: Path, *, seed: int = 0) -> None:
        self.folder, self.out, self.seed = faces, out, seed
        self._sets: dict[str, Viewed] = {}
        self._features: dict[str, Features] = {}

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
        posed = self.viewed("posed")
        sets = {
            "taught": (self.viewed("taught"), 16), "rendered": (self.viewed("rendered"), 16),
            "posed": (posed.without(self.aside(posed)), 16), "modern": (self.viewed("modern"), 8),
            "units": (self.viewed("units"), 36),
        }  # fmt: skip
        net = self.net()
        start_geometry(net, {n: sets[n][0] for n in ("taught", "rendered")})
        parts = {name: Part(*part) for name, part in sets.items()}
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
        real, posed, modern, clips, taught, rendered, units = (
            self.viewed(n)
            for n in ("labelled", "posed", "modern", "clips", "taught", "rendered", "units")
        )
        seen = np.array([p != fold for p in self.folds(real)])
        rows = known_labels(posed)
        rows = rows[~self.aside(posed)[rows]]
        labels = {
            "labelled": (Labels(real, np.flatnonzero(seen), real=True), 48),
            "posed": (Labels(posed, rows, real=False), 12),
            "modern": (Labels(modern, known_labels(modern), real=False), 8),
            "clips": (Labels(clips, known_labels(clips), real=False), 4),
            "portraits": (Labels(taught, known_labels(taught), real=False), 4),
            "rendered": (Labels(rendered, known_labels(rendered), real=False), 4),
            "units": (Labels(units, known_labels(units), real=False), 8),
        }
        others = {n: Part(self.viewed(n), 6) for n in ("taught", "rendered")}
        learn(net, labels, others, self.out / f"{name}.state", minutes=minutes, seed=self.seed)
        torch.save(net.state_dict(), path)
        if fold is not None:
            rows = np.flatnonzero(~seen)
            said = readings(net, real, rows)["picture"]
            log.info("%s: picture alone %s", name, [
                balanced(real.label[rows], said, classes) for classes in (SIX, FIVE)
            ])  # fmt: skip

    def whole(self, fold: int | None) -> ExpressionNet:
        """Return the network of a fold with its linear readers, which are fitted here."""
        name = "final" if fold is None else f"fold{fold}"
        net = self.net()
        net.load_state_dict(torch.load(self.out / f"{name}.pt"))
        taught = torch.load(self.out / "taught.pt")
        net.load_state_dict({
            key: taught[key] if key.startswith(("does.", "units.")) else value
            for key, value in net.state_dict().items()
        })  # fmt: skip
        real, posed, modern = (self.viewed(n) for n in ("labelled", "posed", "modern"))
        kept = known_labels(posed)
        chosen = {
            "labelled": np.flatnonzero(np.array([p != fold for p in self.folds(real)])),
            "posed": kept[~self.aside(posed)[kept]], "modern": known_labels(modern),
            "units": known_labels(self.viewed("units"))[:LINEAR_UNITS],
        }  # fmt: skip
        read_linearly(net, {
            source: (self.features(net, source, rows), self.viewed(source).label[rows],
                     self.viewed(source).person[rows], source != "labelled")
            for source, rows in chosen.items()
        })  # fmt: skip
        return net

    def features(self, net: ExpressionNet, name: str, rows: Any) -> Features:
        """Return the features of some faces of a set; worked out once for all folds."""
        if name not in self._features:
            path = self.out / f"features_{name}.pt"
            faces = self.viewed(name)
            if not path.exists():
                known = known_labels(faces)
                found = features(net, faces, known[:MOST_FEATURES], seed=self.seed)
                loop.save_state(path, {"does": found.does, "geometry": found.geometry})
            self._features[name] = Features(**torch.load(path))
        found = self._features[name]
        places = np.searchsorted(known_labels(self.viewed(name)), rows)
        return Features(found.does[:, places], found.geometry[:, places])

    def folds(self, faces: Viewed) -> list[int]:
        """Return the fold of each face."""
        return [fold_of(str(person)) for person in faces.person]

    def aside(self, posed: Viewed) -> Any:
        """Return which posed faces (N,) are of people kept aside."""
        from zlib import crc32

        return np.array([crc32(str(p).encode()) % 100 < ASIDE for p in posed.person])

    def finish(self, results: Path | None) -> None:
        """Calibrate on the folds, write the checkpoint and the figures."""
        real, posed = self.viewed("labelled"), self.viewed("posed")
        away = np.flatnonzero(self.aside(posed) & (posed.label != UNKNOWN))
        readers = ("picture", "reading", "geometry")
        said = {n: np.zeros((len(real), len(EMOTIONS)), np.float32) for n in readers}
        part = np.array(self.folds(real))
        for fold in range(FOLDS):
            held = np.flatnonzero(part == fold)
            for name, values in readings(self.whole(fold), real, held).items():
                if name in said:
                    said[name][held] = values
        net = self.whole(None)
        drawn = readings(net, posed, away)
        both = {n: np.concatenate([said[n], drawn[n]]) for n in readers}
        label = np.concatenate([real.label, posed.label[away]])
        weight = np.concatenate([
            equal_weights(real.label) * np.isin(real.label, SIX),
            POSED_WORTH * equal_weights(posed.label[away]) * len(real) / len(away),
        ])  # fmt: skip
        parts = np.concatenate([part, [fold_of(str(p)) for p in posed.person[away]]])
        logits = calibrated(both, label, parts, weight)
        calibrate(net, both, label, weight)
        net.save_pretrained(self.out / "expression", eighths=True)
        net = ExpressionNet.from_pretrained(self.out / "expression")  # as it is shipped
        np.savez(self.out / "left_out.npz", logits=logits, label=label, part=parts, **both)
        found = self.figures(net, real, logits[: len(real)], said)
        log.info("%s", json.dumps(found))
        if results is not None:
            known = json.loads(results.read_text("utf-8")) if results.exists() else {}
            results.write_text(json.dumps(known | found, indent=1) + "\n", encoding="utf-8")

    def figures(
        self, net: ExpressionNet, real: Viewed, logits: Any, said: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what goes to `results/expression.json`."""
        label, shown = real.label, np.isin(real.label, SIX)
        sure = np.exp(logits)
        away = self.viewed("posed")
        kept = np.flatnonzero(self.aside(away))
        posed = readings(net, away, kept)
        heads, wild = self.viewed("units_held"), self.viewed("held")
        drawn = readings(net, heads, np.arange(len(heads)))
        r = correlations(heads.units, drawn["units"], UNITS)
        named = heads.label != UNKNOWN
        strange = correlations(
            wild.units, readings(net, wild, np.arange(len(wild)))["units"], UNITS
        )
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
                "by the linear reader alone": [
                    balanced(label, said["reading"], c) for c in (SIX, FIVE)
                ],
                "by geometry alone": [balanced(label, said["geometry"], c) for c in (SIX, FIVE)],
                "recall, all eight asked": recalls(label, logits.argmax(1)),
                "confusion, all eight asked": confusion(label, logits.argmax(1)),
                "calibration error": calibration_error(label[shown], sure[shown]),
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
                "what": "FACS prototypes at any strength and two to five units together, turned by "
                        "at most 23 degrees",
                "units r": r, "mean r": round(float(np.mean(list(r.values()))), 3),
                "prototypes of strength 0.5 and more named": recalls(
                    heads.label[named], drawn["logits"].argmax(1)[named]),
            },
            "rendered heads of people never seen, any channels at random, to 40 degrees": {
                "heads": len(wild), "units r": strange,
                "mean r": round(float(np.mean(list(strange.values()))), 3),
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
