"""Count the quality verdicts of every data set and of pictures spoilt on purpose.

    python scripts/evaluate_quality.py [--data ../shared] [--json results/quality.json]
        [--backend embedded] [--count 120]
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import date
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--backend", default="embedded")
    parser.add_argument("--count", type=int, default=120, help="pictures of each data set")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.face.quality import LIMITS
    from talkgen.training.quality_evaluate import degradations, rates

    analyzer = FaceAnalyzer.from_pretrained(args.backend)
    data = Path(args.data) / "data"
    result = {
        "date": str(date.today()),
        "backend": args.backend,
        "verdicts": rates(analyzer, data, args.count),
        "spoilt (0 usable, 1 doubtful, 2 unusable, 3 no face found)": degradations(
            analyzer, data, max(6, args.count // 10)
        ),
        "limits (doubtful, unusable)": {k: [str(x) for x in v] for k, v in LIMITS.items()},
    }
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
