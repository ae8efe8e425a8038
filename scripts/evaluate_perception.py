"""Measure the embedded perception against the MediaPipe Face Landmarker.

    python scripts/evaluate_perception.py [--out results/perception.json] [--checkpoints FOLDER]
        [--rendered FOLDER]

Needs the package mediapipe and the data folder (`--data`, TALKGEN_DATA, default ../shared).
`--rendered` is what `scripts/render_heads.py --held` wrote: heads with skins of people kept aside.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import platform
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--checkpoints", type=Path, help="folder of detector/ and landmarks/")
    parser.add_argument("--rendered", type=Path, help="rendered heads of people kept aside")
    parser.add_argument("--out", type=Path, default=Path("results/perception.json"))
    parser.add_argument("--step", type=int, default=4)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    import torch

    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.training import perception_evaluate, perception_tables

    torch.set_num_threads(args.threads)
    found_by = FaceAnalyzer.from_pretrained("embedded", args.checkpoints)
    task = Path(args.data) / "models" / "face_landmarker.task"
    teacher = FaceAnalyzer.from_pretrained("mediapipe", task)
    result = perception_evaluate.evaluate(
        found_by, teacher, Path(args.data) / "data",
        step=args.step, most=args.most, limit=args.limit,
    )  # fmt: skip
    portraits = [
        p for p in sorted((Path(args.data) / "data" / "faces" / "portraits").glob("*.jpg"))
        if p.name not in perception_evaluate.NOT_HUMAN
    ]  # fmt: skip
    if args.rendered is not None:
        result["rendered_held_out"] = perception_tables.rendered_table(
            found_by, args.rendered, args.limit
        )
    result["london"] = perception_tables.groups_table(found_by, teacher, Path(args.data) / "data")
    result["score_when_covered"] = perception_tables.covered_table(found_by, portraits)
    result["still_jitter"] = perception_tables.jitter_table(found_by, teacher, portraits)
    torch.set_num_threads(2)
    example = perception_evaluate.load(Path(__file__).parent.parent / "examples" / "portrait.jpg")
    result["tracking_512_two_threads"] = perception_tables.speed(found_by, example)
    result["start_up_s"] = perception_tables.start_up()
    for name in list(result)[3:]:
        logging.info("%s: %s", name, result[name])
    result["about"] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {args.threads} thread(s)",
        "torch": torch.__version__,
        "seed": 0,
        "frames": f"every {args.step}th frame of a clip, at most {args.most}",
        "units": "NME in % of the distance of the outer eye corners; rotation pitch, yaw, roll deg",
        "rotation": "in the head model's axes; the teacher's sit about 5 degrees of pitch beside",
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
