"""Importing costs little, and no lower part reaches for an upper one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import talkgen

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "cv2", "av", "numba", "scipy", "mediapipe", "rich")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(' '.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("statement", ["import talkgen", "import talkgen.cli"])
def test_import_loads_nothing_heavy(statement: str) -> None:
    assert not modules_after(statement) & set(HEAVY)


@pytest.mark.parametrize(
    "module", ["io.audio", "io.image", "io.video", "io.writer", "motion.export"]
)
def test_media_needs_no_torch(module: str) -> None:
    assert "torch" not in modules_after(f"import talkgen.{module}")


def test_public_names() -> None:
    """A name that users import must not vanish."""
    assert {
        "AdaptPipeline", "Audio", "DrivePipeline", "DubPipeline", "Emotion", "FERCritic", "Face",
        "FaceAnalyzer", "HeadModel", "Identity", "InputError", "MeshRenderer", "Motion",
        "MotionGenerator", "Portrait", "RenderPipeline", "Report", "ScorePipeline", "SyncCritic",
        "TalkPipeline", "TalkgenError", "TrackPipeline", "__version__",
    } <= set(dir(talkgen))  # fmt: skip
    for name in talkgen.__all__:
        assert getattr(talkgen, name) is not None
    with pytest.raises(AttributeError, match="has no attribute"):
        _ = talkgen.nothing


def test_library_does_not_import_pipelines() -> None:
    """import-linter sees `pipelines`, not its installed name `talkgen.pipelines`."""
    allowed = {"cli.py", "__init__.py"}
    pattern = re.compile(r"^\s*(?:from|import) (?:talkgen\.)?(?:pipelines|apps)\b", re.MULTILINE)
    for path in (ROOT / "talkgen").rglob("*.py"):
        name = path.relative_to(ROOT / "talkgen").as_posix()
        if name not in allowed and not name.startswith("commands/"):
            assert not pattern.search(path.read_text("utf-8")), path
