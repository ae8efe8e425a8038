"""Train the voice's feelings on EmoDB and measure them by speaker left out.

    python scripts/train_voice_emotion.py [--out checkpoints/voice_emotion]
        [--results results/voice_emotion.json]

Data: TALKGEN_DATA (default ../shared), speech/emodb. Half a minute on one core.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=root / "data" / "speech" / "emodb")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/voice_emotion"))
    parser.add_argument("--results", type=Path, default=Path("results/voice_emotion.json"))
    args = parser.parse_args()

    import numpy as np

    from talkgen.training import voice_train

    data = voice_train.load(args.data)
    result = voice_train.by_speaker(data)
    result |= {
        "date": datetime.date.today().isoformat(), "seed": 0,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }  # fmt: skip
    voice_train.fit(data, np.ones(len(data["label"]), bool)).save_pretrained(args.out)
    args.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
