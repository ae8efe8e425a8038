"""A picture that is to be edited: what its file has besides the pixels, and the file made of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import MediaError, OutputError
from talkgen.io.image import as_image, opened
from talkgen.io.output import check_output, whole_file
from talkgen.types import ImageArray

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
QUALITY = 95
"""Of JPEG and WebP."""
WEBP_SIDE, JPEG_SIDE = 16383, 65535
_GREY = ("1", "L", "LA", "F")
_PROFILED = ("RGB", "RGBA", "P", "PA", "L", "LA")
"""Modes whose pixels are read as they are, so that their colour profile still holds."""

Alpha = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """A picture as it came.

    image : (H, W, 3) uint8 RGB, what is transparent shown over white
    colour, alpha : (H, W, 3) and (H, W) uint8, colours apart from how opaque they are; None where
        the picture has no transparency
    profile : its ICC colour profile; grey : it has no colours
    """

    image: ImageArray
    colour: ImageArray | None = None
    alpha: Alpha | None = None
    profile: bytes | None = None
    grey: bool = False

    @property
    def over_black(self) -> ImageArray:
        """(H, W, 3) uint8, what is transparent shown over black."""
        if self.colour is None or self.alpha is None:
            return self.image
        share = self.alpha[:, :, None].astype(np.uint16)
        return ((self.colour * share + 127) // 255).astype(np.uint8)


def as_source(value: Any) -> SourcePicture:
    """Return a path, a Pillow image or a uint8 array with all that is to be kept of it.

    A `SourcePicture` stays as it is. Raises MediaError as `talkgen.io.image.as_image` does.
    """
    if isinstance(value, SourcePicture):
        return value
    if isinstance(value, str | os.PathLike):
        with opened(value) as picture:
            return _of_pillow(picture)
    if hasattr(value, "convert") and hasattr(value, "getbands"):
        return _of_pillow(value)
    array = np.asarray(value)
    image = as_image(array)
    grey = array.ndim == 2 or array.shape[2] == 1
    if array.ndim == 3 and array.shape[2] == 4:
        return _with_alpha(image, array, None, False)
    return SourcePicture(image, grey=grey)


def _of_pillow(picture: Any) -> SourcePicture:
    from PIL import ImageOps

    image = as_image(picture)
    mode, grey = picture.mode, picture.mode in _GREY or picture.mode.startswith("I")
    profile = picture.info.get("icc_profile") if mode in _PROFILED else None
    if not ("A" in mode or "a" in mode or "transparency" in picture.info):
        return SourcePicture(image, profile=profile, grey=grey)
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    return _with_alpha(image, np.asarray(upright), profile, grey)


def _with_alpha(
    image: ImageArray, rgba: NDArray[np.uint8], profile: bytes | None, grey: bool
) -> SourcePicture:
    colour, alpha = (np.ascontiguousarray(part) for part in (rgba[:, :, :3], rgba[:, :, 3]))
    return SourcePicture(image, colour, alpha, profile, grey)


def check_picture_output(path: str | os.PathLike[str], *, inputs: tuple[Path, ...] = ()) -> Path:
    """Return `path` after making sure that a picture can be written there (`check_output`)."""
    return check_output(path, PICTURE_SUFFIXES, inputs=inputs)


def write_picture(
    path: str | os.PathLike[str],
    image: ImageArray,
    *,
    alpha: Alpha | None = None,
    profile: bytes | None = None,
    grey: bool = False,
    software: str = "",
) -> None:
    """Write a .png, .jpg or .webp, whole or not at all.

    image : (H, W, 3) uint8, apart from alpha (H, W) uint8; JPEG shows that over white
    profile : ICC colour profile; grey : write no colours
    software : what the file says that it was made with; nothing else of the source's notes (camera,
        place, time) is taken over, since they tell of another picture
    """
    from PIL import Image

    target = check_picture_output(path)
    suffix = target.suffix.lower()
    height, width = image.shape[:2]
    side = {".webp": WEBP_SIDE, ".jpg": JPEG_SIDE, ".jpeg": JPEG_SIDE}.get(suffix)
    if side is not None and max(height, width) > side:
        raise MediaError(
            f"{suffix} holds at most {side} pixels a side, the picture is {width} x {height}; "
            "write a .png"
        )
    picture = Image.fromarray(image)
    if grey:
        picture = picture.convert("L")
    if alpha is not None:
        picture.putalpha(Image.fromarray(alpha))
        if suffix in (".jpg", ".jpeg"):
            picture = _over_white(picture)
    elif grey and suffix == ".webp":
        picture, profile = picture.convert("RGB"), None  # WebP has no grey
    options = _options(suffix, software)
    if profile:
        options["icc_profile"] = profile
    with whole_file(target) as part:
        try:
            picture.save(part, **options)
        except ValueError as error:
            raise OutputError(f"{str(target)!r} cannot be written ({error})") from error


def _over_white(picture: Any) -> Any:
    from PIL import Image

    grey = picture.mode == "LA"
    picture = picture.convert("RGBA")
    under = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(under, picture).convert("L" if grey else "RGB")


def _options(suffix: str, software: str) -> dict[str, Any]:
    """Return how Pillow is to save, with the name of the software where the format has a place."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if suffix == ".png":
        note = PngInfo()
        note.add_text("Software", software)
        return {"format": "PNG", "pnginfo": note, "compress_level": 6}
    exif = Image.Exif()
    exif[0x0131] = software
    lossy = {"quality": QUALITY, "exif": exif}
    if suffix == ".webp":
        return {"format": "WEBP", **lossy}
    return {"format": "JPEG", "subsampling": 0, **lossy}
