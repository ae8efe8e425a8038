"""Changing a decoded picture in the planes that it is stored in, and nowhere else.

A picture goes to RGB to be looked at and drawn on. On the way back only the difference that was
drawn is added to light and colour: where nothing was drawn, every stored value stays as it was, in
any bit depth, range and sampling.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.types import ImageArray

_ITU709, _ITU601 = (0.2126, 0.0722), (0.299, 0.114)
"""Shares of red and blue in the light."""
_FULL = 2


def editable(name: str) -> bool:
    """Return whether pictures of a pixel format can be changed in their planes."""
    name = name.replace("yuvj", "yuv").removesuffix("le")
    return name in {f"yuv{s}p{bits}" for s in ("420", "422", "444") for bits in ("", "10", "12")}


def bits_of(name: str) -> int:
    """Return the bits of a value in an editable pixel format."""
    return next((bits for bits in (10, 12) if name.endswith(f"p{bits}le")), 8)


def sampling_of(name: str) -> tuple[int, int]:
    """Return pixels across and down for one value of colour."""
    return {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[name.replace("yuvj", "yuv")[3:6]]


def is_full(frame: Any) -> bool:
    """Return whether light goes over all values, as in JPEG."""
    return bool(frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL)


def matrix_name(frame: Any) -> str:
    """Return which matrix PyAV is to take between RGB and this picture's planes."""
    return "itu709" if int(frame.colorspace) in (1, 9, 10) else "itu601"


def as_rgb(frame: Any) -> ImageArray:
    """Return a decoded picture as (H, W, 3) uint8 RGB."""
    how: dict[str, Any] = {
        "src_colorspace": matrix_name(frame), "dst_colorspace": matrix_name(frame)
    }  # fmt: skip
    if is_full(frame):
        how["src_color_range"] = _FULL
    rgb: ImageArray = frame.reformat(format="rgb24", **how).to_ndarray()
    return rgb


def planes_of(frame: Any) -> list[NDArray[Any]]:
    """Return the planes of an editable picture, views of its own memory."""
    name = frame.format.name
    kind = np.dtype(np.uint8) if bits_of(name) == 8 else np.dtype("<u2")
    across, down = sampling_of(name)
    found = []
    for index, plane in enumerate(frame.planes):
        width, height = frame.width, frame.height
        if index:
            width, height = -(-width // across), -(-height // down)
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        found.append(rows[:height, :width])
    return found


def like(frame: Any, planes: list[NDArray[Any]]) -> Any:
    """Return a picture of these planes, with a frame's format, colours and time."""
    import av

    made = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], frame.format.name)
    for into, values in zip(planes_of(made), planes, strict=True):
        into[...] = values
    for mark in ("colorspace", "color_range", "color_primaries", "color_trc"):
        value = getattr(frame, mark, None)
        if value is not None:
            setattr(made, mark, int(value))
    made.pts = frame.pts
    if frame.time_base is not None:
        made.time_base = frame.time_base
    return made


def turned(frame: Any, quarters: int) -> Any:
    """Return a picture turned by quarters against the clock."""
    across, down = sampling_of(frame.format.name)
    if quarters % 2 and across != down:
        frame = frame.reformat(format=frame.format.name.replace("422", "444"))
    return like(frame, [np.rot90(plane, quarters) for plane in planes_of(frame)])


def changed(
    frame: Any, box: tuple[int, int, int, int], before: ImageArray, after: ImageArray
) -> Any:
    """Return a picture to which a change of its RGB was added; itself where there is none.

    box : (x0, y0, x1, y1) of the change; before, after : (h, w, 3) uint8
    """
    each = before != after
    differs = each[..., 0] | each[..., 1] | each[..., 2]
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return frame
    made = like(frame, planes_of(frame))
    across, down = sampling_of(frame.format.name)
    x0, x1 = box[0] + int(columns[0]), box[0] + int(columns[-1]) + 1
    y0, y1 = box[1] + int(rows[0]), box[1] + int(rows[-1]) + 1
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    step = after[part].astype(np.float32) - before[part]
    light, blue, red = _in_planes(step, frame)
    planes = planes_of(made)
    most = 2 ** bits_of(frame.format.name) - 1
    _add(planes[0][y0:y1, x0:x1], light, most)
    rows_of = slice(y0 // down, -(-y1 // down))
    columns_of = slice(x0 // across, -(-x1 // across))
    edge = ((y0 % down, -y1 % down), (x0 % across, -x1 % across))
    for plane, value in ((planes[1], blue), (planes[2], red)):
        whole = np.pad(value, edge)
        part_of = plane[rows_of, columns_of]
        pixels = [whole[i::down, k::across] for i in range(down) for k in range(across)]
        mean = np.asarray(sum(pixels[1:], pixels[0]) / np.float32(len(pixels)), np.float32)
        _add(part_of, mean[: part_of.shape[0], : part_of.shape[1]], most)
    return made


def _in_planes(step: NDArray[np.float32], frame: Any) -> tuple[NDArray[np.float32], ...]:
    """Return a change of RGB (h, w, 3) as changes of light, blue and red difference."""
    of_red, of_blue = _ITU709 if matrix_name(frame) == "itu709" else _ITU601
    unit = np.float32(2.0 ** (bits_of(frame.format.name) - 8))
    y_range, c_range = (1.0, 1.0) if is_full(frame) else (219 / 255, 224 / 255)
    red, green, blue = step[..., 0], step[..., 1], step[..., 2]
    light = of_red * red + (1.0 - of_red - of_blue) * green + of_blue * blue
    return (
        light * np.float32(y_range) * unit,
        (blue - light) * np.float32(0.5 * c_range / (1.0 - of_blue)) * unit,
        (red - light) * np.float32(0.5 * c_range / (1.0 - of_red)) * unit,
    )


def _add(into: NDArray[Any], step: NDArray[np.float32], most: int) -> None:
    into[...] = np.clip(np.rint(into + step), 0, most).astype(into.dtype)
