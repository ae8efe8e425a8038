"""The renderer's figures: summary over clips, and the table that README shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(better: float) -> dict[str, float]:
    drawn = ("mesh", "pose", "moved", "refined")
    out = {f"{k}_{r}_db": 20.0 for k in ("still", "warp") for r in ("face", "mouth")}
    out |= {f"{k}_{r}_db": 20.0 + better for k in drawn for r in ("face", "mouth")}
    out |= {f"{k}_{r}_gain_db": better for k in (*drawn, "warp") for r in ("face", "mouth")}
    for name in ("lips", "csim_ratio", "flicker_over_real"):
        out |= {f"{name}_{k}": 1.0 + better for k in drawn}
    return out | {"outside": 0.0}


def test_clips_are_summed_up_in_pairs() -> None:
    rows = {"a": row(3.0), "b": row(-1.0), "c": row(4.0)}
    found = script("evaluate_renderer").summary(rows)
    assert found["mean"]["mesh_face_gain_db"] == 2.0
    assert found["median"]["mesh_face_gain_db"] == 3.0
    assert found["wins"]["mesh_over_still_face"] == 2
    assert found["wins"]["refined_over_warp_mouth"] == 2
    result = {
        **found, "n": 3, "clips": rows, "set": "evaluate", "frames": 100, "step": 4, "seed": 0,
        "date": "2026-01-01", "machine": "a machine",
    }  # fmt: skip
    made = script("renderer_table").table(result)
    assert "| +2.00 / +2.00 | +3.00 / +3.00 | 2 / 2 | 2 / 2 |" in made
    assert "clips of 3" in made


def test_reenactment_of_a_short_clip(tmp_path: Path) -> None:
    from talkgen import RenderPipeline, TrackPipeline
    from talkgen.types import MOTION_CHANNELS, Motion

    motion = np.zeros((8, 52), np.float32)
    turned = np.sin(np.arange(8) / 8 * 2 * np.pi)[:, None] * np.float32([0.02, 0.06, 0.01])
    motion[3:6, MOTION_CHANNELS.index("jawOpen")] = 0.3
    clip = RenderPipeline.from_pretrained()(
        SCRIPTS.parent / "examples" / "portrait.jpg",
        Motion(motion, turned, np.zeros((8, 3)), 25.0),
        size=256,
    )
    clip.save(tmp_path / "clip.mp4")
    found, sheet = script("evaluate_renderer").reenact(
        tmp_path / "clip.mp4", TrackPipeline.from_pretrained(), RenderPipeline.from_pretrained(),
        8, 2,
    )  # fmt: skip
    assert found["outside"] == 0
    assert found["refined_face_gain_db"] > found["mesh_face_gain_db"] - 0.5
    assert found["refined_face_gain_db"] > 2
    assert found["lips_refined"] < 3
    assert sheet.shape == (3 * 256, 8 * 256, 3)
    assert pytest.approx(found["csim_ratio_mesh"], abs=0.2) == 1
