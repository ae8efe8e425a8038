"""Do the critic's heatmaps mark what it reads? Deletion test and action units; writes heat.json.

    TALKGEN_DATA=../shared python scripts/evaluate_heat.py [--people 20] [--out results/heat.json]
        [--sheet FILE]

Londoners, of whom the critic has learned no emotion: each in seven emotions posed by the mesh
renderer, and their real smiles. Deletion: the strongest 15 % of the crop, inside of the face, are
blurred away, against 24 random parts as large and of like shape, landmarks as they were; drops of
the probability of the emotion that is named. Agreement: density of the heat where the action
units of that emotion show, over its density in the face (1 is chance).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from talkgen.types import EMOTIONS, Face, ImageArray

SIZE = 320
FILLS = ("blur", "mean")


def main() -> None:
    from talkgen import hub
    from talkgen.critic.explain import decision, places, seen_crops
    from talkgen.critic.fer import FERCritic
    from talkgen.critic.heat import deletion, heat
    from talkgen.critic.regions import agreement

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--critic", default="expression", help="a checkpoint: name or folder")
    parser.add_argument("--out", type=Path, default=Path("results/heat.json"))
    parser.add_argument("--sheet", type=Path, help="picture to look at")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data"
    critic = FERCritic.from_pretrained(args.critic)
    sets = {"posed": posed_faces(critic, data, args.people),
            "photographed smiles": smiles(critic, data, args.people)}  # fmt: skip
    result, tiles = {}, []
    for kind, (images, faces, _asked) in sets.items():
        crops, net = seen_crops(images, faces), decision(critic.net, faces)
        with torch.no_grad():
            seen = net(torch.from_numpy(crops)).argmax(1).numpy()
        maps = heat(net, crops, seen)
        regions = [places(EMOTIONS[c], f) for c, f in zip(seen, faces, strict=True)]
        within = np.stack([face for _, face in regions])
        dense = [agreement(m, *r) for m, r in zip(maps, regions, strict=True)]
        known = np.isfinite(dense)
        result[kind] = {
            "n": len(seen),
            **{f"deletion, {fill}": deletion(net, crops, seen, maps, within=within,
                                             fill=fill).summary() for fill in FILLS},
            "agreement with action units": {
                "n": int(known.sum()),
                "mean": round(float(np.mean(np.array(dense)[known])), 3),
                "over 1": round(float((np.array(dense)[known] > 1).mean()), 3),
                "by emotion": {
                    name: round(float(np.mean(np.array(dense)[seen == c])), 2)
                    for c, name in enumerate(EMOTIONS[1:], 1) if (seen == c).any()
                },
            },
        }  # fmt: skip
        print(kind, json.dumps(result[kind]), flush=True)
        tiles.append((crops, maps, regions, seen))
    result |= {"what": __doc__.split("\n\n")[2].replace("\n", " "), "seed": 0,
               "checkpoint": hub.sha256(hub.resolve(args.critic) / hub.WEIGHTS_NAME)[:16],
               "date": datetime.date.today().isoformat()}  # fmt: skip
    from talkgen.io.output import whole_file

    with whole_file(args.out) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if args.sheet is not None:
        write_sheet(args.sheet, tiles)


def portraits(data: Path, people: int) -> list[Path]:
    """Return the pictures of some Londoners, spread over the set."""
    paths = sorted((data / "faces" / "london").glob("*_neutral.jpg"))
    return paths[:: max(1, len(paths) // people)][:people]


def posed_faces(
    critic: Any, data: Path, people: int
) -> tuple[list[ImageArray], list[Face], list[str]]:
    """Return pictures, faces and emotions of posed Londoners."""
    from talkgen.motion.facs import FELT, PROTOTYPES, weights_of_units
    from talkgen.pipelines.portrait import cropped, load_portrait, prepared
    from talkgen.render.mesh import MeshRenderer
    from talkgen.types import Motion

    renderer = MeshRenderer.from_pretrained("head")
    rows = [weights_of_units({u: np.full(1, v, np.float32) for u, v in PROTOTYPES[n].items()})[0]
            for n in FELT]  # fmt: skip
    still = np.zeros((len(rows), 3), np.float32)
    motion = Motion(np.stack(rows), still, still)
    images, faces, asked = [], [], []
    for path in portraits(data, people):
        head = cropped(load_portrait(critic.analyzer, path))
        frames = renderer.render(prepared(renderer, head, SIZE), motion)
        for name, frame in zip(FELT, frames, strict=True):
            found = critic.analyzer.analyze(frame)
            if found:
                images.append(frame)
                faces.append(found[0])
                asked.append(name)
    return images, faces, asked


def smiles(critic: Any, data: Path, people: int) -> tuple[list[ImageArray], list[Face], list[str]]:
    """Return pictures and faces of Londoners who smile."""
    from talkgen.io.image import read_image

    images, faces = [], []
    for path in portraits(data, people):
        image = read_image(path.with_name(path.name.replace("neutral", "smiling")))
        small = np.asarray(cv2.resize(image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
        found = critic.analyzer.analyze(small)
        if found:
            images.append(small)
            faces.append(found[0])
    return images, faces, ["happy"] * len(faces)


def write_sheet(path: Path, tiles: list[Any], most: int = 35) -> None:
    """Write crops under their heat, the emotion named, the region of its units outlined."""
    from talkgen.critic.regions import overlay

    lines = []
    for crops, maps, regions, seen in tiles:
        row = []
        for crop, warm, (region, _), c in list(zip(crops, maps, regions, seen, strict=True))[:most]:
            tile = overlay(crop[0], warm, region, 160)
            tile = cv2.copyMakeBorder(tile, 22, 0, 0, 0, cv2.BORDER_CONSTANT)
            cv2.putText(tile, EMOTIONS[c], (4, 16), 0, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
            row.append(tile)
        row += [np.zeros_like(row[0])] * (-len(row) % 7)
        lines += [np.concatenate(row[i : i + 7], 1) for i in range(0, len(row), 7)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(lines)[..., ::-1])


if __name__ == "__main__":
    main()
