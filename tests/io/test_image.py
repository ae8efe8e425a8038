"""Pictures of every kind come in upright RGB; what is none leaves one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talkgen.errors import MediaError
from talkgen.io.image import as_image, is_image, read_image


def corner_picture(mode: str = "RGB") -> Image.Image:
    """Return a picture, 40 wide and 30 high, light in its upper left corner only."""
    values = np.zeros((30, 40, 3), np.uint8)
    values[:10, :10] = (250, 200, 150)
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "RGBA", "LA", "1", "YCbCr"])
def test_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode in ("CMYK", "YCbCr") else "png"
    path = tmp_path / f"a.{suffix}"
    corner_picture(mode).save(path)
    image = read_image(path)
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8
    assert image[:10, :10].mean() > 150
    assert image[20, 30].mean() < 10


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter clockwise
    corner_picture().save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (40, 30, 3)
    assert image[3, 26].mean() > 150  # the light corner is now upper right


def test_transparent_places_show_white(tmp_path: Path) -> None:
    values = np.zeros((8, 8, 4), np.uint8)
    values[:4] = (200, 0, 0, 255)
    Image.fromarray(values).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image[0, 0].tolist() == [200, 0, 0]
    assert image[7, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.int32, 65535)])
def test_sixteen_bits_keep_their_range(tmp_path: Path, dtype: type, white: int) -> None:
    ramp = np.linspace(0, white, 256).astype(dtype)[None].repeat(4, axis=0)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    image = read_image(tmp_path / "a.tif")
    assert np.abs(image[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), (c, c, c)) for c in (200, 20)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert abs(int(read_image(tmp_path / "a.gif")[8, 8, 0]) - 200) < 3
    assert not is_image(tmp_path / "a.gif")


def test_over_100_megapixels_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (10_001, 10_000)).save(path)
    with pytest.raises(MediaError, match="10001 x 10000 pixels, more than 100 megapixels"):
        read_image(path)
    Image.new("1", (20_000, 20_000)).save(path)  # Pillow itself refuses this one
    with pytest.raises(MediaError, match="more than 100 megapixels"):
        read_image(path)


def test_bad_files(tmp_path: Path) -> None:
    text, empty, cut = (tmp_path / name for name in ("text.jpg", "empty.png", "cut.jpg"))
    text.write_text("no picture")
    empty.touch()
    corner_picture().save(cut, quality=95)
    cut.write_bytes(cut.read_bytes()[:300])
    for path, words in (
        (tmp_path / "none.png", "no such file"),
        (tmp_path, "is a folder"),
        (text, "not an image"),
        (empty, "is empty"),
        (cut, "damaged|not an image"),
    ):
        with pytest.raises(MediaError, match=words) as caught:
            read_image(path)
        assert "\n" not in str(caught.value)


def test_arrays_and_pillow_images() -> None:
    rgb = np.asarray(corner_picture())
    assert as_image(rgb).shape == (30, 40, 3)
    assert as_image(rgb[:, :, 0]).shape == (30, 40, 3)
    assert (as_image(corner_picture("RGBA")) == rgb).all()
    for wrong in (rgb.astype(float), rgb[:, :, :2], np.zeros((0, 5, 3), np.uint8)):
        with pytest.raises(MediaError):
            as_image(wrong)
