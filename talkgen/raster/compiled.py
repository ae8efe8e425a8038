"""Compile numba kernels once per machine, wherever the package happens to be installed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Return `function` compiled without the GIL, its machine code cached on disk.

    numba keeps the code beside the source file, or in the user's cache folder where the package is
    not writable. Where neither is (a read-only container without a home), a temporary folder that
    `NUMBA_CACHE_DIR` names is used. Kernels are plain loops over a band of rows: threads come from
    `talkgen.raster.bands`, because numba's own thread layer aborts when two threads enter it.
    """
    import numba

    options = {"nopython": True, "nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.jit(cache=True, **options)(function)
    except RuntimeError:
        folder = Path(tempfile.gettempdir()) / f"talkgen-numba-{os.getuid()}"
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))
        numba.config.reload_config()
    try:
        return numba.jit(cache=True, **options)(function)
    except RuntimeError:
        return numba.jit(**options)(function)
