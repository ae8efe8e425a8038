"""A file from the web, for job tables whose reader allows it: http and https only, once, whole."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.request
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from talkgen.errors import MediaError, OutputError
from talkgen.io.output import make_folder, whole_file

MOST_BYTES = 4 << 30
TIMEOUT_S = 30.0
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")


def is_url(text: str) -> bool:
    """Return whether text that is to be a path names something else than a file of this machine,
    such as "https://..." or one of FFmpeg's protocols, "concat:..."."""
    return bool(_URL.match(text)) and not Path(text).exists()


def fetched(url: str, folder: Path) -> Path:
    """Return the file of an http or https address in `folder`, fetched unless it is there.

    Raises MediaError where it cannot be had.
    """
    try:
        scheme, place = urlsplit(url).scheme.lower(), urlsplit(url).path
    except ValueError as error:
        raise MediaError(f"{url!r} is no address ({error})") from error
    if scheme not in ("http", "https"):
        raise MediaError(f"{url!r} is no address of a web page's file; http or https is needed")
    suffix = PurePosixPath(place).suffix[:8]
    path = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}{suffix}"
    if path.is_file():
        return path
    make_folder(folder)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as stream:
            if urlsplit(stream.geturl()).scheme.lower() not in ("http", "https"):
                raise MediaError(f"{url!r} leads to {stream.geturl()!r}, which is not fetched")
            with whole_file(path) as part, part.open("wb") as file:
                size = 0
                while block := stream.read(1 << 20):
                    size += len(block)
                    if size > MOST_BYTES:
                        raise MediaError(f"{url!r} is larger than {MOST_BYTES >> 30} GiB")
                    file.write(block)
    except (MediaError, OutputError):
        raise
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise MediaError(f"{url!r} cannot be fetched ({reason}); get it by hand") from error
    return path
