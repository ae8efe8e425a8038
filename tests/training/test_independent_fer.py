"""The independent recogniser: its file format, its arithmetic, and a smile if installed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from talkgen.errors import CheckpointError
from talkgen.training import independent_fer
from talkgen.training.independent_fer import CLASSES, MANIFEST, SIDE, IndependentFER

WIDTHS = (32, 64, 128, 256)


def layout() -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the published file."""
    rows: list[tuple[str, tuple[int, ...]]] = []
    for block, width in enumerate(WIDTHS):
        given = 3 if block == 0 else WIDTHS[block - 1]
        for layer in range(4):
            name = f"dense{block}/conv{layer}"
            if block == layer == 0:
                rows.append((f"{name}/filters", (3, 3, given, width)))
            else:
                rows.append((f"{name}/depthwise_filter", (3, 3, given, 1)))
                rows.append((f"{name}/pointwise_filter", (1, 1, given, width)))
            rows.append((f"{name}/bias", (width,)))
            given = width
    return [*rows, ("fc/weights", (256, 7)), ("fc/bias", (7,))]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of the published layout: kernels in 8 bits, biases in float32."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "node_modules" / "@vladmandic" / "face-api"
    (folder / "model").mkdir(parents=True)
    rows, raw = [], b""
    for name, shape in layout():
        row = {"name": name, "shape": list(shape), "dtype": "float32"}
        if len(shape) > 1:
            row["quantization"] = {"dtype": "uint8", "scale": 0.004, "min": -0.5}
            raw += rng.integers(0, 256, shape, np.uint8).tobytes()
        else:
            raw += rng.normal(0, 0.1, shape).astype("<f4").tobytes()
        rows.append(row)
    (folder / "model" / "weights.bin").write_bytes(raw)
    manifest = json.dumps([{"weights": rows, "paths": ["weights.bin"]}])
    (folder / "model" / MANIFEST).write_text(manifest)
    return folder


def test_found_from_a_folder_below(package, tmp_path, monkeypatch):
    below = tmp_path / "project" / "src"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv(independent_fer.VARIABLE, raising=False)
    crops = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE), np.uint8)
    one = IndependentFER.load().read_crops(crops)
    assert one.shape == (3, len(CLASSES))
    np.testing.assert_allclose(one.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(one, IndependentFER.load(package).read_crops(crops))


def test_absent_is_one_line_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(independent_fer.VARIABLE, raising=False)
    with pytest.raises(CheckpointError, match="npm install") as error:
        IndependentFER.load()
    assert "\n" not in str(error.value)


def test_a_cut_off_file_is_refused(package):
    path = package / "model" / "weights.bin"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="install"):
        IndependentFER.load(package)


@pytest.mark.parametrize(("size", "stride"), [(8, 2), (7, 2), (6, 1)])
def test_padding_is_that_of_tensorflow(size, stride):
    """SAME: as many outputs as strides fit, the window's middle on the first pixel or after it."""
    x = torch.zeros(1, 1, size, size)
    x[0, 0, 0, 0] = 1
    padded = independent_fer._padded(x, stride)
    assert (padded.shape[-1] - 3) // stride + 1 == -(-size // stride)
    before = 0 if (stride == 2 and size % 2 == 0) else 1
    assert padded[0, 0, before, before] == 1


def test_a_smile_of_the_london_set_is_seen():
    data = Path(os.environ.get("TALKGEN_DATA", "../shared")) / "data" / "faces" / "london"
    try:
        judge = IndependentFER.load()
    except CheckpointError as error:
        pytest.skip(str(error))
    if not data.is_dir():
        pytest.skip("TALKGEN_DATA has no data/faces/london")
    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.io.image import read_image

    analyzer = FaceAnalyzer.from_pretrained("embedded")
    people = sorted(data.glob("*_smiling.jpg"))[:6]
    images = [read_image(p.with_name(p.name.replace("smiling", kind)))
              for p in people for kind in ("smiling", "neutral")]  # fmt: skip
    happy = judge.read(images, [analyzer.analyze(i)[0] for i in images])[:, CLASSES.index("happy")]
    assert (happy[::2] > happy[1::2]).all()
    assert happy[::2].mean() > 0.7
    assert happy[1::2].mean() < 0.3
