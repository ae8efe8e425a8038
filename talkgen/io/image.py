"""Pictures as (H, W, 3) uint8 RGB arrays, from anything that Pillow opens."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import MediaError, TalkgenError
from talkgen.types import ImageArray

MAX_PIXELS = 100_000_000
BACKGROUND = (255, 255, 255)
"""What shows through transparent places: white, as in most viewers."""

_PHOTOMETRIC, _YCBCR, _COMPRESSION, _NONE = 262, 6, 259, 1  # tags of TIFF and their values
_TIFF = threading.Lock()


def is_image(path: str | os.PathLike[str]) -> bool:
    """Return whether Pillow knows the file as a single picture (an animation is a video)."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")
            return getattr(picture, "n_frames", 1) == 1
    except Image.DecompressionBombError:
        return True
    except (OSError, ValueError, SyntaxError):
        return False


def read_image(path: str | os.PathLike[str]) -> ImageArray:
    """Return the picture of a file as (H, W, 3) uint8 RGB, upright.

    EXIF rotation is applied, transparency shown over white, greyscale, palette, CMYK and 16-bit
    pictures converted, of an animation the first frame taken.
    Raises MediaError when the file is missing, no picture, damaged or over 100 megapixels; the
    size is known, and refused, before anything is decoded.
    """
    with opened(path) as picture:
        return _rgb(picture)


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Give the Pillow image of a file; raise MediaError as `read_image` does, for what is found
    damaged within the block too."""
    from PIL import Image

    name = str(path)
    if not Path(path).exists():
        raise MediaError(f"no such file: {name!r}")
    if Path(path).is_dir():
        raise MediaError(f"{name!r} is a folder, a picture is needed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's bomb warning; the limit below is ours
            picture = _opened(path)
    except Image.DecompressionBombError as error:
        raise MediaError(_too_large(name)) from error
    except PermissionError as error:
        raise MediaError(f"{name!r} cannot be read (permission denied)") from error
    except (OSError, ValueError, SyntaxError) as error:
        hint = "the file is empty" if Path(path).stat().st_size == 0 else "give a JPEG, PNG, ..."
        raise MediaError(f"{name!r} is not an image that can be read; {hint}") from error
    with picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise MediaError(_too_large(name, picture.size))
        try:
            yield picture
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            if isinstance(error, TalkgenError):
                raise
            raise MediaError(f"{name!r} is damaged ({_brief(error)}); give a whole file") from error


def _opened(path: str | os.PathLike[str]) -> Any:
    """Return the Pillow image of a file, not yet decoded."""
    from PIL import Image, TiffImagePlugin

    picture = Image.open(path)
    tags = getattr(picture, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) != _YCBCR or tags.get(_COMPRESSION) != _NONE:
        return picture
    # Pillow before 13 takes these for RGB with a spare byte; libtiff reads them right.
    picture.close()
    with _TIFF:
        before, TiffImagePlugin.READ_LIBTIFF = TiffImagePlugin.READ_LIBTIFF, True
        try:
            return Image.open(path)
        finally:
            TiffImagePlugin.READ_LIBTIFF = before


def as_image(value: Any) -> ImageArray:
    """Return a picture as (H, W, 3) uint8 RGB from a path, a Pillow image or a uint8 array."""
    if isinstance(value, str | os.PathLike):
        return read_image(value)
    if hasattr(value, "convert") and hasattr(value, "getbands"):  # a Pillow image
        if value.width * value.height > MAX_PIXELS:
            raise MediaError(_too_large("the image", value.size))
        return _rgb(value)
    array = np.asarray(value)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise MediaError(
            f"`image` is {array.dtype} {array.shape}, a path, a Pillow image "
            "or a uint8 array (H, W, 3) RGB is needed"
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        raise MediaError(f"`image` has shape {array.shape}, (H, W, 3) RGB is needed")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise MediaError(_too_large("the image", (array.shape[1], array.shape[0])))
    if array.ndim == 2 or array.shape[2] == 1:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.shape[2] == 4:
        from PIL import Image

        return _rgb(Image.fromarray(array))
    return np.ascontiguousarray(array)


def _rgb(picture: Any) -> ImageArray:
    """Return a Pillow image as upright uint8 RGB."""
    from PIL import Image, ImageOps

    picture.seek(0)
    picture = ImageOps.exif_transpose(picture)
    mode = picture.mode
    if mode == "F" or mode.startswith("I"):  # more than eight bits a sample
        return _from_deep(np.asarray(picture))
    if "A" in mode or "a" in mode or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        under = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        picture = Image.alpha_composite(under, picture)
    elif mode in ("CMYK", "LAB"):
        picture = _managed(picture)
    return np.array(picture.convert("RGB"), dtype=np.uint8)


def _managed(picture: Any) -> Any:
    """Return a CMYK or LAB picture as sRGB through its colour profile where it has a usable one."""
    import io

    from PIL import ImageCms

    try:
        source: Any
        if profile := picture.info.get("icc_profile"):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        elif picture.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        else:
            return picture
        made = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return picture  # Pillow's plain conversion is near enough
    return picture if made is None else made


def _from_deep(values: np.ndarray) -> ImageArray:
    """Return 16-bit, 32-bit or floating grey values (H, W) as RGB.

    The full range of the smallest usual format that holds the values counts as white:
    1.0 (floating only), 255 or 65535.
    """
    sixteen = values.dtype == np.uint16
    values = np.nan_to_num(values.astype(np.float64))
    top = float(values.max(initial=0.0))
    if sixteen:
        white = 65535.0
    elif top <= 1.0 and bool((values % 1.0).any()):
        white = 1.0
    else:
        white = next((w for w in (255.0, 65535.0) if top <= w), top)
    grey = np.clip(values * (255.0 / white), 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _too_large(name: str, size: tuple[int, int] | None = None) -> str:
    have = f"{size[0]} x {size[1]} pixels, " if size else ""
    return f"{name!r} has {have}more than 100 megapixels; scale it down first"


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__
