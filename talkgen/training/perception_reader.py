"""The fit of the landmark network's reader: what the other parts read becomes scores and rotation.

Rotation has one meaning, that of the head model's axes: exact on rendered heads; on real faces that
of the head fitted to the teacher's landmarks (the teacher's own matrix sits five degrees higher
and turns a sixth less), worth less the more the head is turned. The channels that the teacher reads
are learned from it alone (on real faces and on rendered heads that face the viewer, where it was
asked); those that it never reports, from the exact weights of rendered heads. Only these heed the
features beside the points: for the others features were no gain on people left out.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.landmarks import Frame, LandmarkNet, upright
from talkgen.training import loop
from talkgen.training.perception_readings import Readings
from talkgen.training.perception_scorer import TeacherScorer
from talkgen.types import MOTION_CHANNELS

log = logging.getLogger(__name__)

NEVER_REPORTED = (
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "jawForward", "jawLeft", "jawRight", "eyeWideLeft", "eyeWideRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthFrownLeft", "mouthFrownRight", "tongueOut",
)  # fmt: skip
"""Channels that the teacher leaves at rest or misreads on rendered heads."""
TAUGHT = torch.tensor([c not in NEVER_REPORTED for c in MOTION_CHANNELS])
STEPS = 8000
"""With as many made faces as there are, more is no gain."""
VARIANTS = 12
"""Faces made of each real one, whose points carry the errors of other readings."""
HEARD = 0.5
"""Share of the scorer's word on the points found in the label; the rest is the teacher's on the
picture."""
ROTATION_WEIGHT = 4.0
REST = torch.tensor([c == "tongueOut" for c in MOTION_CHANNELS])
"""Channels that count as zero on every real face of the training set."""


def fit_reader(
    net: LandmarkNet, found: Readings, rendered: float, state_path: Path, *,
    scorer: TeacherScorer | None = None, steps: int = STEPS, seed: int = 0,
) -> None:  # fmt: skip
    """Train `net.reader` on readings, anew; the join has to be fitted before.

    rendered : share that rendered heads have
    scorer : what the points found mean to the teacher; None: only its word on the picture counts
    """
    reader = net.reader
    hidden, placed = torch.from_numpy(found.hidden), torch.from_numpy(found.points)
    with torch.no_grad():
        settled = net.settle(torch.from_numpy(found.first), placed, hidden)
    frame = Frame.of(settled)
    level, roll = frame.level(settled), frame.roll
    exact, worth = torch.from_numpy(found.exact) > 0.5, torch.from_numpy(found.worth)
    rotation = torch.from_numpy(found.rotation) - torch.stack([0 * roll, 0 * roll, roll], 1)
    asked = torch.from_numpy(found.asked) > 0.5
    scores = torch.where(TAUGHT, torch.from_numpy(found.taught), torch.from_numpy(found.scores))
    scores[~exact] *= ~REST
    flat = level.flatten(1)
    reader.usual.copy_(flat.mean(0))
    reader.scale.copy_(1 / (flat.std(0) + 0.01))
    reader.heed.copy_((~TAUGHT).float())
    # Channels that hardly move count as much as those that do, within reason.
    weight = torch.where(
        TAUGHT, 1 / (_spread(scores[asked]) + 0.05), 0.5 / (_spread(scores[exact]) + 0.1)
    )
    known = torch.where(exact[:, None], ~TAUGHT, REST).float() + asked[:, None] * TAUGHT
    errors = flat - frame.level(torch.from_numpy(found.wanted)).flatten(1)
    shown, origin = _variants(flat, errors, ~exact, np.random.default_rng(seed))
    labels = scores[origin]
    if scorer is not None:
        log.info("reader: asking the scorer about %d faces", len(shown))
        heard = torch.from_numpy(scorer(shown.unflatten(1, (-1, 3)).numpy()))
        told = asked[origin][:, None] & TAUGHT
        labels = torch.where(told, labels.lerp(heard, HEARD), labels)
    ends = np.cumsum(found.shares(rendered)[origin.numpy()])

    def loss_of(moment: loop.Moment) -> Tensor:
        rng = moment.rng
        drawn = np.searchsorted(ends, rng.random(128) * ends[-1])
        picked = torch.from_numpy(np.minimum(drawn, len(ends) - 1))
        rows = origin[picked]
        noise = rng.standard_normal((len(rows), flat.shape[1]), np.float32)
        size = np.abs(rng.normal(0, 0.002, (len(rows), 1))).astype(np.float32)
        points = (shown[picked] + torch.from_numpy(noise * size)).unflatten(1, (-1, 3))
        moved, turn = upright(points)
        features = nn.functional.dropout(hidden[rows], 0.2)
        out, angles = reader(moved, features)
        gap = (out - labels[picked]) * weight * known[rows]
        loss = (gap.square() + 0.2 * gap.abs()).mean()
        wanted = rotation[rows] - torch.stack([0 * turn, 0 * turn, turn], 1)
        return loss + ROTATION_WEIGHT * ((angles - wanted).abs().mean(1) * worth[rows]).mean()

    # Always from the start: the readings that it learns from may be new.
    state_path.unlink(missing_ok=True)
    schedule = loop.Schedule(minutes=1e6, steps=steps, warmup=0.1, decay=0.01, average=0.995)
    average = loop.fit(reader, loss_of, schedule, state_path, seed=seed, name="reader")
    reader.load_state_dict(average)


def _variants(flat: Tensor, errors: Tensor, real: Tensor, rng: Any) -> tuple[Tensor, Tensor]:
    """Return faces (M, 3 P), the (N, 3 P) read ones first, and the row (M,) that each is made of.

    The others are the real ones with the errors of one reading on the labels of another: more
    people for each kind of error.
    """
    rows = torch.where(real)[0].repeat(VARIANTS)
    if not len(rows):
        return flat, torch.arange(len(flat))
    others = rows[torch.from_numpy(rng.integers(0, len(rows), len(rows)))]
    made = flat[rows] + errors[others] - errors[rows]
    return torch.cat([flat, made]), torch.cat([torch.arange(len(flat)), rows])


def _spread(values: Tensor) -> Tensor:
    return values.std(0) if len(values) > 1 else torch.ones(values.shape[1])
