"""What is measured of drawn crops, one clip at a time, and over clips: paired, with the wins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.critic.pictures import laplacian_energy, psnr, ssim
from talkgen.training.frechet import frechet_distance
from talkgen.types import ImageArray

BETTER_HIGH = ("face_db", "face_ssim", "mouth_db", "mouth_ssim", "inside_db", "eyes_db")
BETTER_LOW = ("mouth_sharpness_off", "lips", "flicker_over_real")
LEAST_PIXELS = 40
"""Pixels of a masked part below which a frame does not count."""
DRAWS = 2000
"""Resamplings of clips for the intervals of paired differences."""

Rows = Mapping[str, Mapping[str, float]]


class ClipScores:
    """Collects scores of one clip's frames by the name of what drew them."""

    def __init__(self, features: Any = None) -> None:
        self.features = features
        self.values: dict[str, list[float]] = defaultdict(list)
        self.energy: dict[str, float] = defaultdict(float)
        self.mouths: dict[str, list[NDArray[np.float32]]] = defaultdict(list)

    def add(self, name: str, value: float) -> None:
        """Take one frame's value of any score."""
        self.values[name].append(float(value))

    def crops(self, region: str, real: ImageArray, drawn: Mapping[str, ImageArray]) -> None:
        """Take a frame's crops of "face", "mouth" or another region, all of one size."""
        for name, picture in drawn.items():
            self.add(f"{name}_{region}_db", psnr(picture, real))
            self.add(f"{name}_{region}_ssim", ssim(picture, real))
        if region == "mouth":
            for name, picture in (("real", real), *drawn.items()):
                self.energy[name] += laplacian_energy(picture)
                if self.features is not None:
                    self.mouths[name].append(self.features(picture))

    def masked(
        self, region: str, mask: NDArray[np.bool_], real: ImageArray,
        drawn: Mapping[str, ImageArray],
    ) -> None:  # fmt: skip
        """Take a frame's pictures where a mask (H, W) is; nothing where it is all but empty."""
        if int(mask.sum()) < LEAST_PIXELS:
            return
        for name, picture in drawn.items():
            self.add(f"{name}_{region}_db", psnr(picture[mask], real[mask]))

    def row(self) -> dict[str, float]:
        """Return the clip's means; sharpness is the mean energy over the real crops' mean.

        `off` is the distance of its logarithm from 0: 0 as sharp as real, 0.69 twice or half.
        """
        row = {name: float(np.mean(values)) for name, values in sorted(self.values.items())}
        real = max(self.energy.get("real", 0.0), 1e-9)
        for name, energy in self.energy.items():
            if name != "real":
                ratio = max(energy, 1e-9) / real
                row[f"{name}_mouth_sharpness"] = ratio
                row[f"{name}_mouth_sharpness_off"] = abs(float(np.log(ratio)))
        return row


def difference_psnr(
    before: ImageArray, now: ImageArray, real_before: ImageArray, real_now: ImageArray
) -> float:
    """Return the PSNR (peak 255, at most 60 dB) of one step of a film against the real step."""
    made = now.astype(np.float32) - before
    real = real_now.astype(np.float32) - real_before
    error = float(np.mean((made - real) ** 2))
    return min(60.0, float(10 * np.log10(255**2 / max(error, 1e-9))))


def summary(
    rows: Rows, names: Iterable[str], against: Iterable[str] = ("mesh", "still", "warp")
) -> dict[str, Any]:
    """Return mean and median over clips, and each drawing against others, paired by clip.

    names : what drew, such as "mesh" or "diffusion_4"; paired[name][other][score] holds `gain`
    (mean difference, above 0 is better), `low` and `high` (95 % of 2000 seeded resamplings of the
    clips), `wins` and `of` how many clips
    """
    columns = sorted({key for row in rows.values() for key in row})
    values = {k: [row[k] for row in rows.values() if k in row] for k in columns}
    paired: dict[str, Any] = {}
    for name in names:
        for other in against:
            found = _paired(rows, name, other) if name != other else {}
            if found:
                paired.setdefault(name, {})[other] = found
    return {
        "mean": {k: round(float(np.mean(v)), 4) for k, v in values.items()},
        "median": {k: round(float(np.median(v)), 4) for k, v in values.items()},
        "paired": paired,
    }


def _paired(rows: Rows, name: str, other: str) -> dict[str, dict[str, float]]:
    out = {}
    for score in (*BETTER_HIGH, *BETTER_LOW):
        one, two = f"{name}_{score}", f"{other}_{score}"
        pairs = [(row[one], row[two]) for row in rows.values() if one in row and two in row]
        if not pairs:
            continue
        sign = 1.0 if score in BETTER_HIGH else -1.0
        gains = sign * np.array([a - b for a, b in pairs])
        rng = np.random.default_rng(0)
        drawn = rng.choice(gains, (DRAWS, len(gains))).mean(1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        out[score] = {
            "gain": round(float(gains.mean()), 4), "low": round(float(low), 4),
            "high": round(float(high), 4), "wins": int((gains > 0).sum()), "of": len(gains),
        }  # fmt: skip
    return out


def mouth_distances(mouths: Mapping[str, list[NDArray[np.float32]]]) -> dict[str, float]:
    """Return the Frechet distance of each drawing's mouths to the real ones, over all clips.

    Real and drawn are the same frames, so that few frames do not pass for a distance: the real
    ones themselves would be at 0. Nothing of fewer than two frames. Numbers of runs on other
    frames do not compare.
    """
    if len(mouths.get("real", ())) < 2:  # one frame has no spread
        return {}
    real = np.stack(mouths["real"])
    return {name: round(frechet_distance(np.stack(rows), real), 3)
            for name, rows in mouths.items() if name != "real"}  # fmt: skip
