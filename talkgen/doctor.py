"""What is installed, what is missing, and how to get it, as tables for the terminal."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Iterator
from typing import Any

import talkgen
from talkgen import hub
from talkgen.errors import CheckpointError, MissingDependencyError

PACKAGES = (
    "torch", "numpy", "scipy", "numba", "av", "opencv-python-headless", "pillow", "soxr",
    "safetensors", "typer", "rich",
)  # fmt: skip
CHECKPOINTS = ("head", "detector", "landmarks", "identity", "matte", "motion")
"""What the commands need."""


def models_table() -> Any:
    """Return a rich table of the shipped checkpoints: what each is, its size and licence."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "what it is", "size", "licence"):
        table.add_column(column, justify="right" if column == "size" else "left")
    if not hub.registry():
        raise CheckpointError("no checkpoints came along (no registry.json); install talkgen again")
    for name, entry in hub.registry().items():
        table.add_row(name, entry["summary"], f"{entry['bytes'] / 1e6:.1f} MB", entry["licence"])
    return table


def doctor_report() -> tuple[Any, bool]:
    """Return a rich table of everything that was looked at, and whether the main job can run."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    healthy = True
    for ok, name, text in _findings():
        table.add_row("ok" if ok else "MISSING" if ok is False else "-", name, escape(text))
        healthy = healthy and ok is not False
    return table, healthy


def _findings() -> Iterator[tuple[bool | None, str, str]]:
    """Yield (fine, missing: False, optional and absent: None), name, text."""
    yield True, "talkgen", f"{talkgen.__version__} in {talkgen.__path__[0]}"
    yield True, "python", f"{platform.python_version()} on {platform.platform()}"
    yield from (_package(name) for name in PACKAGES)
    yield from _devices()
    yield from (_checkpoint(name) for name in CHECKPOINTS)
    yield _mediapipe()
    yield from _diffusion()
    yield _espeak()
    yield _extra("gradio", "demo", "`talkgen demo`")


def _espeak() -> tuple[bool | None, str, str]:
    """Return whether `talkgen say` can speak."""
    from talkgen.audio import speak

    program = speak.installed()
    if program is None:
        text = f"optional (`talkgen say`), not installed; run: {speak.HOW}"
        return None, speak.PROGRAM, text
    try:
        return True, speak.PROGRAM, f"{speak.version()}, {len(speak.voices())} voices, {program}"
    except MissingDependencyError as error:
        return None, speak.PROGRAM, f"optional; {error}"


def _diffusion() -> Iterator[tuple[bool | None, str, str]]:
    """Yield what the diffusion renderer needs, all of it optional, and what `auto` would draw."""
    from talkgen.render.choose import NETWORKS, RendererOptions, choose

    yield _extra("diffusers", "diffusion", "the diffusion renderer")
    yield _extra("peft", "diffusion", "adapters of one person")
    yield _extra("xformers", "cuda", "attention on a GPU; PyTorch's own is used")
    for name in NETWORKS:
        ok, title, text = _checkpoint(name)
        yield ok if name in hub.registry() else ok or None, title, text
    yield True, "renderer auto", str(choose(RendererOptions())).removeprefix("renderer: ")


def _extra(name: str, extra: str, gain: str) -> tuple[bool | None, str, str]:
    """Return whether a package is there that only some of talkgen needs."""
    try:
        return True, name, importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        how = f"pip install 'talkgen[{extra}]'"
        return None, name, f"optional ({gain}), not installed; run: {how}"


def _package(name: str) -> tuple[bool, str, str]:
    try:
        return True, name, importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        twin = "opencv-contrib-python" if name.startswith("opencv") else None
        if twin and _package(twin)[0]:
            return True, name, f"provided by {twin} {importlib.metadata.version(twin)}"
        return False, name, f"not installed; run: {sys.executable} -m pip install {name}"


def _devices() -> Iterator[tuple[bool | None, str, str]]:
    from talkgen.raster.bands import cores

    yield True, "processor", f"{platform.machine()}, {cores()} cores"
    try:
        import torch
    except ImportError:
        return
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            yield True, f"cuda:{index}", torch.cuda.get_device_name(index)
    else:
        yield None, "cuda", "no device; everything runs on the processor"


def _checkpoint(name: str) -> tuple[bool, str, str]:
    title = f"checkpoint {name}"
    try:
        folder = hub.resolve(name)
        problems = hub.verify(name)
    except CheckpointError as error:
        return False, title, str(error)
    if problems:
        return False, title, f"{'; '.join(problems)}; install talkgen again"
    known = name in hub.registry()
    return True, title, f"{folder} ({'SHA-256 verified' if known else 'not in the registry'})"


def _mediapipe() -> tuple[bool | None, str, str]:
    title = "backend mediapipe"
    try:
        version = importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError:
        return None, title, "optional, not installed; run: pip install 'talkgen[mediapipe]'"
    try:
        from talkgen.face.mediapipe_backend import find_task

        return True, title, f"mediapipe {version}, {find_task()}"
    except MissingDependencyError as error:
        return None, title, f"optional; {error}"
