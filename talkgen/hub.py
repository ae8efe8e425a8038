"""Where checkpoints are found: given path, installed package, checkout, user cache, in this order.

A checkpoint is a folder with `config.json`, its weights and a model card. `registry.json` beside
the shipped ones names them with size, licence and the SHA-256 of each file. Nothing is downloaded,
except by `download`, for backends that the user names and whose weights come with no package.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import talkgen
from talkgen.errors import CheckpointError, MissingDependencyError, OutputError

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
REGISTRY_NAME = "registry.json"

RESOLVED: set[str] = set()
"""Names of the checkpoints that this process has asked for."""


def user_cache() -> Path:
    """Return the folder for a user's own checkpoints (`TALKGEN_CACHE`, else the XDG cache)."""
    if own := os.environ.get("TALKGEN_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "talkgen"


def search_folders() -> Iterator[Path]:
    """Yield the folders that may hold checkpoints, first match wins."""
    for root in talkgen.__path__:  # the package itself, then the checkout it lies in
        yield Path(root) / "checkpoints"
    yield user_cache() / "checkpoints"


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a checkpoint.

    name_or_path : a folder that holds `config.json`, or a name such as "head"
    Raises CheckpointError when there is none; the message lists where it was looked for.
    """
    given = Path(name_or_path)
    if (given / CONFIG_NAME).is_file():
        return given
    text = os.fspath(name_or_path)
    looked = [str(given)]
    if text and given.parts == (text,):  # a bare name, no path
        for folder in search_folders():
            if (folder / text / CONFIG_NAME).is_file():
                RESOLVED.add(text)
                return folder / text
            looked.append(str(folder / text))
    raise CheckpointError(
        f"no checkpoint {text!r} (looked in {', '.join(dict.fromkeys(looked))}); "
        "give a folder with config.json, or install talkgen again"
    )


def registry() -> Mapping[str, Mapping[str, Any]]:
    """Return what `registry.json` says of the shipped checkpoints, by name."""
    for folder in search_folders():
        path = folder / REGISTRY_NAME
        if path.is_file():
            try:
                entries: dict[str, Mapping[str, Any]] = json.loads(path.read_text("utf-8"))
            except ValueError as error:
                raise CheckpointError(f"{path} is not valid JSON ({error}); restore it") from error
            return entries
    return {}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def download(url: str, path: Path, digest: str, *, timeout_s: float = 20.0) -> Path:
    """Return `path` after fetching `url` into it, whole and with the SHA-256 `digest`.

    Raises MissingDependencyError, one line that says which file to put where, when that fails; then
    nothing is left behind.
    """
    import http.client
    import urllib.request

    remedy = f"fetch {url} elsewhere and put it at {path}"
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(url, timeout=timeout_s) as stream,
            partial.open("wb") as target,
        ):
            while block := stream.read(1 << 20):
                target.write(block)
    except (http.client.HTTPException, ValueError, OSError) as error:
        partial.unlink(missing_ok=True)
        reason = getattr(error, "reason", None) or error
        raise MissingDependencyError(
            f"{path.name} cannot be downloaded ({reason}); {remedy}"
        ) from error
    if (found := sha256(partial)) != digest:
        partial.unlink()
        raise MissingDependencyError(
            f"{url} sent another {path.name} (SHA-256 {found[:12]}..., {digest[:12]}... is due); "
            f"{remedy}"
        )
    try:
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); {remedy}") from error
    return path


def verify(name: str) -> list[str]:
    """Return what is wrong with a shipped checkpoint, one line a file; empty when all is well."""
    folder = resolve(name)
    problems = []
    for file, want in registry().get(name, {}).get("files", {}).items():
        path = folder / file
        if not path.is_file():
            problems.append(f"{path} is missing")
        elif sha256(path) != want:
            problems.append(f"{path} differs from the shipped file (SHA-256)")
    return problems
