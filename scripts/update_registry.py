"""Write checkpoints/registry.json: every shipped checkpoint with size, licence and SHA-256.

Run it after a checkpoint was replaced:

    python scripts/update_registry.py

The summary and the licence come from the first lines of each model card, which begin

    # name: one sentence
    licence: Apache-2.0
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from talkgen.hub import CONFIG_NAME, REGISTRY_NAME, WEIGHTS_NAME, sha256

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"


def entry(folder: Path) -> dict[str, object]:
    """Return what the registry says of one checkpoint folder."""
    lines = (folder / "README.md").read_text("utf-8").splitlines()
    title = lines[0].removeprefix("#").strip()
    licences = [x.split(":", 1)[1].strip() for x in lines if x.lower().startswith("licence:")]
    if ":" not in title or not licences:
        sys.exit(f"{folder / 'README.md'}: '# name: one sentence' and 'licence: ...' are needed")
    files = [CONFIG_NAME, WEIGHTS_NAME]
    return {
        "summary": title.split(":", 1)[1].strip(),
        "licence": licences[0],
        "bytes": sum((folder / name).stat().st_size for name in files),
        "files": {name: sha256(folder / name) for name in files},
    }


def main() -> None:
    """Write the registry of all checkpoints."""
    entries = {p.parent.name: entry(p.parent) for p in sorted(CHECKPOINTS.glob(f"*/{CONFIG_NAME}"))}
    text = json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    (CHECKPOINTS / REGISTRY_NAME).write_text(text, "utf-8")
    total = sum(int(str(e["bytes"])) for e in entries.values())
    print(f"{len(entries)} checkpoints, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
