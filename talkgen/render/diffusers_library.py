"""diffusers, imported when it is needed: it is an extra, and takes seconds."""

from __future__ import annotations

from typing import Any

from talkgen.errors import MissingDependencyError


def diffusers_class(name: str) -> Any:
    """Return a class of diffusers; raise MissingDependencyError where it is not installed."""
    try:
        import diffusers
    except ImportError as error:
        raise MissingDependencyError(
            "the diffusion renderer needs diffusers: pip install 'talkgen[diffusion]' "
            "(or choose `--renderer mesh`)"
        ) from error
    return getattr(diffusers, name)
