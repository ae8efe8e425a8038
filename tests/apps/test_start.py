"""The page is there soon: what takes seconds to load is loaded after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import importlib, sys
from talkgen.apps import server, gradio_app, guard, jobs, stills, sweep, warm
for name in gradio_app.TABS:
    importlib.import_module(f"talkgen.apps.tabs.{name}")
print([name for name in ("torch", "numba", "playwright") if name in sys.modules])
"""


def test_the_page_is_built_without_what_is_slow_to_load() -> None:
    pytest.importorskip("gradio", reason="gradio is not installed: pip install 'talkgen[demo]'")
    ran = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.stdout.strip() == "[]", ran.stderr
