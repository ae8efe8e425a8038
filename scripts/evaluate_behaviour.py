"""Blinks, gaze, brows and head of made motion against real speakers: results/behaviour.json, .png.

    python scripts/evaluate_behaviour.py --cache ../cache [--motion motion]

Real: every person of the `train` tracks (prepare_tracks.py, fit_tracks.py), addresses apart from
GRID, whose speakers sit still and read. Made: the sounds of NUM_SOUNDS clips of addresses, each
with its own seed. Statistics only, nothing is trained here; the processes' constants were set by
eye from these very figures, so this shows agreement, not generalisation.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

NUM_SOUNDS = 20
QUANTILES = (5, 25, 50, 75, 95)


def main() -> None:
    from talkgen.face.head import HeadModel
    from talkgen.motion.generator import MotionGenerator
    from talkgen.training.behaviour_measure import made_stretch, measure, real_people
    from talkgen.types import Audio

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    parser.add_argument("--motion", default="motion")
    parser.add_argument("--out", type=Path, default=Path("results"))
    args = parser.parse_args()

    people = real_people(args.cache)
    addresses = [measure(own) for name, own in people.items() if "GRID" not in name]
    grid = [measure(own) for name, own in people.items() if "GRID" in name]
    head = HeadModel.from_pretrained("head")
    generator = MotionGenerator.from_pretrained(args.motion)
    sounds = address_sounds(args.cache)
    made, moved = [], []
    for seed, samples in enumerate(sounds):
        motion = generator.generate(Audio(samples), seed=seed)
        moved.append(motion)
        made.append(measure([made_stretch(motion, samples, head)]))
    table = {"addresses": addresses, "grid": grid, "made": made}
    figures = {name: compared({k: column(v, name) for k, v in table.items()}) for name in made[0]}
    same_sound = sounds[0][: 20 * 16_000]
    diversity = {
        text: between_seeds(generator, head, Audio(same_sound), text)
        for text in (None, "happy", "sad")
    }
    result = {
        "what": "one value a person (real) or sound (made); quantiles 5, 25, 50, 75, 95 %",
        "people": {"addresses": len(addresses), "grid": len(grid)},
        "sounds": len(sounds),
        "seconds of sound": round(sum(len(s) for s in sounds) / 16_000),
        "figures": figures,
        "made on accents, and by chance": on_accents(sounds, moved),
        "mean correlation between five seeds of one sound": {
            str(text or "no emotion"): values for text, values in diversity.items()
        },
    }
    (args.out / "behaviour.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(table, args.out / "behaviour.png")
    print(diversity)
    for name, row in figures.items():
        real, ours = row["addresses"], row["made"]
        print(f"{name:36s} real {real[0]:7.2f} {real[2]:7.2f} {real[4]:7.2f}   "
              f"made {ours[0]:7.2f} {ours[2]:7.2f} {ours[4]:7.2f}   within {row['within']:.2f}")


def between_seeds(generator: Any, head: Any, audio: Any, text: str | None) -> dict[str, float]:
    """Mean Pearson r over pairs of five seeds: lips should agree, head and brows should not."""
    from talkgen.motion.emotion import as_emotion
    from talkgen.motion.rest import lip_gaps
    from talkgen.training.behaviour_measure import brow_height

    slopes = lip_gaps(head, head.neutral(None))[1][0]
    made = [generator.generate(audio, seed=seed, emotion=as_emotion(text)) for seed in range(5)]
    tracks = {
        "lip gap": [motion.blendshapes @ slopes for motion in made],
        "head pitch": [motion.rotation[:, 0] for motion in made],
        "head yaw": [motion.rotation[:, 1] for motion in made],
        "brows": [brow_height(motion.blendshapes) for motion in made],
    }
    pairs = np.triu_indices(5, 1)
    return {name: round(float(np.corrcoef(own)[pairs].mean()), 3) for name, own in tracks.items()}


def on_accents(sounds: list[np.ndarray], made: list[Any]) -> dict[str, Any]:
    """Raised brows and lifted heads around accents: how many, share, share beside shifted sound."""
    from talkgen.training.accent_measure import LIFT, RISE, accented_frames, coincidence, tops
    from talkgen.training.behaviour_measure import brow_height

    rows: dict[str, list[tuple[int, float, float]]] = {}
    for samples, motion in zip(sounds, made, strict=True):
        accents = accented_frames(samples)
        accents["all"] = accents["with pitch"] | accents.pop("without")
        frames = min(len(motion), len(accents["all"]))
        events = {
            "brow raises": tops(brow_height(motion.blendshapes[:frames]), RISE),
            "head lifts": tops(-motion.rotation[:frames, 0], LIFT),
        }
        for kind, where in accents.items():
            for name, found in events.items():
                if len(found):
                    row = (len(found), *coincidence(found, where[:frames]))
                    rows.setdefault(f"{name}, accents: {kind}", []).append(row)
    out = {}
    for name, own in rows.items():
        table = np.array(own)
        share, chance = np.average(table[:, 1:], axis=0, weights=table[:, 0])
        out[name] = {"events": int(table[:, 0].sum()), "share": round(float(share), 3),
                     "chance": round(float(chance), 3)}  # fmt: skip
    return out


def address_sounds(cache: Path) -> list[np.ndarray]:
    """NUM_SOUNDS sounds of addresses, 8 to 30 s, of as many people as there are."""
    from talkgen.types import ENGINE_RATE

    by_person: dict[str, list[np.ndarray]] = {}
    for path in sorted((cache / "sound" / "train").glob("*.npy")):
        track = cache / "tracks" / "train" / f"{path.stem}.npz"
        person = str(np.load(track)["person"])
        samples = np.load(path).astype(np.float32)
        if "GRID" not in person and len(samples) >= 5 * ENGINE_RATE:
            for start in range(0, len(samples) - 5 * ENGINE_RATE, 25 * ENGINE_RATE):
                piece = samples[start : start + 25 * ENGINE_RATE]
                by_person.setdefault(person, []).append(piece)
    out: list[np.ndarray] = []
    while len(out) < NUM_SOUNDS and any(by_person.values()):
        out += [own.pop(0) for own in by_person.values() if own]
    return out[:NUM_SOUNDS]


def column(rows: list[dict[str, float]], name: str) -> np.ndarray:
    values = np.array([row[name] for row in rows], float)
    return values[np.isfinite(values)]


def compared(values: dict[str, np.ndarray]) -> dict[str, object]:
    """Quantiles of each group, and the share of what was made that lies within the addresses'."""
    out: dict[str, object] = {
        name: [round(float(v), 3) for v in np.percentile(own, QUANTILES)] if len(own) else None
        for name, own in values.items()
    }
    real, made = values["addresses"], values["made"]
    inside = (made >= real.min()) & (made <= real.max())
    out["within"] = round(float(inside.mean()), 3) if len(made) else None
    out["n"] = {name: len(own) for name, own in values.items()}
    return out


def draw(table: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Histograms side by side, one panel a figure."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n in table["made"][0] if n != "blinks at phrase ends over chance"]
    rows = (len(names) + 3) // 4
    figure, axes = pyplot.subplots(rows, 4, figsize=(12, 2.2 * rows))
    for axis, name in zip(axes.flat, names, strict=False):
        groups = {k: column(v, name) for k, v in table.items()}
        every = np.concatenate(list(groups.values()))
        bins = np.linspace(0, np.percentile(every, 98) * 1.05, 13)
        middle, width = (bins[1:] + bins[:-1]) / 2, (bins[1] - bins[0]) * 0.28
        for k, (group, colour) in enumerate(
            {"addresses": "tab:blue", "grid": "tab:gray", "made": "tab:orange"}.items()
        ):
            own = np.clip(groups[group], bins[0], bins[-1])
            share = np.histogram(own, bins)[0] / max(len(own), 1)
            axis.bar(middle + (k - 1) * width, share, width, color=colour, label=group)
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(names) :]:
        axis.set_axis_off()
    axes.flat[0].legend(fontsize=7)
    figure.suptitle("Real speakers (blue; GRID readers gray), made (orange)", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    main()
