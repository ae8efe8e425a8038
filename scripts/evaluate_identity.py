"""Measure the identity network on people kept aside; write results/identity.json and its ROC curve.

    python scripts/evaluate_identity.py --people FOLDER [--checkpoint identity] [--out FILE]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--checkpoint", default="identity")
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--out", type=Path, default=Path("results/identity.json"))
    parser.add_argument("--plot", type=Path, help="draw the ROC curve as .png (needs matplotlib)")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import numpy as np
    import torch

    from talkgen.face.identity_net import EmbeddedRecogniser, IdentityNet
    from talkgen.training.identity_evaluate import evaluate

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    net = IdentityNet.from_pretrained(args.checkpoint)
    result = evaluate(net, args.people, Path(args.data) / "data")
    recogniser = EmbeddedRecogniser.from_pretrained(args.checkpoint)
    crop = np.zeros((1, recogniser.side, recogniser.side, 3), np.uint8)
    landmarks = [np.random.default_rng(0).uniform(0, 128, (478, 3)).astype(np.float32)]
    recogniser.vectors(crop, landmarks)
    start = time.process_time()
    for _ in range(50):
        recogniser.vectors(crop, landmarks)
    result["ms_a_face"] = round((time.process_time() - start) * 20, 2)
    asked = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    result["about"] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread",
        "torch": torch.__version__,
        "seed": 0,
        "commit": commit,
        "definition": "all pairs of pictures of people kept aside who have several, "
        "ten at most a person; TAR: share of genuine pairs above "
        "the cosine that 1 % (0.1 %) of the impostor pairs pass; near copies left out",
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result["rates"], indent=1))
    if args.plot is not None:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        far, tar = np.array(result["roc_far_tar"]).T
        figure, axes = plt.subplots(figsize=(5, 4), dpi=110)
        axes.semilogx(np.maximum(far, 1e-5), tar)
        axes.axvline(0.01, color="grey", lw=0.5)
        axes.set(xlabel="false acceptance rate", ylabel="true acceptance rate",
                 title="people kept aside", xlim=(1e-4, 1), ylim=(0, 1))  # fmt: skip
        figure.tight_layout()
        figure.savefig(args.plot)


if __name__ == "__main__":
    main()
