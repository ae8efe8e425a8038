"""Changes of a picture reach its own planes, and only where something was drawn."""

import av
import numpy as np
import pytest

from talkgen.io.planes import as_rgb, changed, editable, planes_of, turned

BOX = (11, 6, 31, 20)
FORMATS = [("yuv420p", 1), ("yuvj420p", 2), ("yuv422p", 1), ("yuv444p", 2), ("yuv420p10le", 1),
           ("yuv444p12le", 1)]  # fmt: skip


def picture(name: str, full: int = 1, matrix: int = 1) -> av.VideoFrame:
    rng = np.random.default_rng(0)
    rows = np.kron(rng.integers(60, 190, (6, 8, 3)), np.ones((8, 8, 1)))  # (48, 64, 3), coarse
    made = av.VideoFrame.from_ndarray(rows.astype(np.uint8), format="rgb24").reformat(format=name)
    made.colorspace, made.color_range = matrix, full
    return made


@pytest.mark.parametrize(("name", "full"), FORMATS)
def test_change_lands_where_it_was_drawn(name: str, full: int) -> None:
    frame = picture(name, full)
    before = as_rgb(frame)[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    after = np.clip(before.astype(int) + np.array([20, -12, 16]), 0, 255).astype(np.uint8)
    made = changed(frame, BOX, before, after)
    light, was = planes_of(made)[0], planes_of(frame)[0]
    inside = np.zeros(light.shape, bool)
    inside[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    assert (light == was)[~inside].all()
    assert (light != was)[inside].mean() > 0.9
    for now, old in zip(planes_of(made)[1:], planes_of(frame)[1:], strict=True):
        rows, columns = np.nonzero(now != old)
        across, down = light.shape[1] // now.shape[1], light.shape[0] // now.shape[0]
        assert BOX[0] // across <= columns.min() <= columns.max() <= (BOX[2] - 1) // across
        assert BOX[1] // down <= rows.min() <= rows.max() <= (BOX[3] - 1) // down
    got = as_rgb(made)[BOX[1] + 3 : BOX[3] - 3, BOX[0] + 3 : BOX[2] - 3].astype(int)
    wanted = after[3:-3, 3:-3]
    assert np.abs((got - wanted).mean(axis=(0, 1))).max() < 1.5


def test_nothing_drawn_nothing_copied() -> None:
    frame = picture("yuv420p")
    part = as_rgb(frame)[:8, :8]
    assert changed(frame, (0, 0, 8, 8), part, part) is frame


def test_pictures_of_another_matrix() -> None:
    frame = picture("yuv444p", matrix=5)
    before = as_rgb(frame)
    after = before.copy()
    after[..., 0] = np.minimum(before[..., 0].astype(int) + 15, 255)
    got = as_rgb(changed(frame, (0, 0, 64, 48), before, after)).astype(int) - before
    assert np.abs(got.mean(axis=(0, 1)) - [15, 0, 0]).max() < 1.0


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv420p10le"])
def test_turned(name: str) -> None:
    frame = picture(name)
    made = turned(frame, 1)
    assert (made.width, made.height) == (48, 64)
    off = np.abs(as_rgb(made).astype(int) - np.rot90(as_rgb(frame)))
    assert off.mean() < 4  # colour lies elsewhere between the pixels


def test_editable() -> None:
    assert all(editable(name) for name, _ in FORMATS)
    assert not any(editable(name) for name in ("rgb24", "nv12", "gray", "pal8", "yuv410p"))
