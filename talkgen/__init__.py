"""talkgen: a portrait and speech become a talking video.

>>> from talkgen import TalkPipeline                                    # doctest: +SKIP
>>> TalkPipeline.from_pretrained()("portrait.jpg", "speech.wav").save("out.mp4")  # doctest: +SKIP

Importing this package loads neither torch nor any other heavy library; names resolve on first use.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_CHECKOUT = Path(__file__).resolve().parent.parent
if (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "pipelines").is_dir():
    # In a checkout `talkgen.pipelines` and `talkgen.apps` lie beside this folder, where an
    # installation (package-dir mapping in pyproject.toml) puts them inside it.
    __path__.append(str(_CHECKOUT))

_LAZY = {
    "TalkPipeline": "talkgen.pipelines.talk",
    "TrackPipeline": "talkgen.pipelines.track",
    "RenderPipeline": "talkgen.pipelines.render",
    "ScorePipeline": "talkgen.pipelines.score",
    "DrivePipeline": "talkgen.pipelines.drive",
    "DubPipeline": "talkgen.pipelines.dub",
    "EditPipeline": "talkgen.pipelines.edit",
    "AdaptPipeline": "talkgen.pipelines.adapt",
    "FERCritic": "talkgen.critic.fer",
    "SyncCritic": "talkgen.critic.sync",
    "FaceAnalyzer": "talkgen.face.analyzer",
    "FacesPipeline": "talkgen.pipelines.faces",
    "HeadModel": "talkgen.face.head",
    "MotionGenerator": "talkgen.motion.generator",
    "MeshRenderer": "talkgen.render.mesh",
    **dict.fromkeys(
        ("Audio", "Emotion", "Face", "Identity", "Motion", "Portrait", "Report"), "talkgen.types"
    ),
    **dict.fromkeys(("TalkgenError", "InputError"), "talkgen.errors"),
}

__all__ = ["__version__", *sorted(_LAZY)]  # noqa: PLE0604 - strings all the same


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'talkgen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
