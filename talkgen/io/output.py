"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from talkgen.errors import InputError, OutputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_output(
    path: str | os.PathLike[str],
    suffixes: Sequence[str],
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
) -> Path:
    """Return `path` after making sure, before any work starts, that it can be written.

    suffixes : the file name endings that are known, such as (".mp4",)
    inputs : files that are read; none of them may be the output
    Raises InputError for a wrong ending or an input as output, OutputError where nothing can be
    written.
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise InputError(f"output {str(target)!r} must end with {' or '.join(suffixes)}")
    if target.is_dir():
        raise OutputError(f"output {str(target)!r} is a folder; name a file in it")
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(f"output folder {str(folder)!r} does not exist; make it first")
    for source in inputs:
        with contextlib.suppress(OSError):
            if os.path.samefile(target, source):
                raise InputError(f"output {str(target)!r} is an input too; choose another name")
    try:
        handle, probe = tempfile.mkstemp(prefix=f".{target.name}.", dir=folder)
    except OSError as error:
        raise OutputError(
            f"output folder {str(folder)!r} is not writable ({_reason(error)}); choose another"
        ) from error
    os.close(handle)
    os.unlink(probe)
    return target


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of a hidden file beside `path`; it takes that name when the block is done.

    On any exception, an interrupt too, the hidden file is removed and `path` stays as it was.
    Raises OutputError when the disk is full or the folder cannot be written.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=f".part{target.suffix}", dir=target.parent
        )
    except OSError as error:
        raise output_error(target, error) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)  # mkstemp made it private
        os.replace(part, target)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        part.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Return `path` after making the folder, and those above it, unless they are there.

    Raises OutputError where that cannot be.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    return folder


def output_error(target: Path, error: OSError) -> OutputError:
    """Return the one-line form of a failed write."""
    if error.errno in _FULL:
        return OutputError(f"no space left to write {str(target)!r}; free some or choose another")
    return OutputError(f"{str(target)!r} cannot be written ({_reason(error)})")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
