"""The published SyncNet's file, read as its own program reads it. No weights of it are here: the
files of these tests have its layout and other numbers."""

from __future__ import annotations

from collections import OrderedDict

import cv2
import numpy as np
import pytest
import torch

from talkgen.critic.hearing import Heard
from talkgen.critic.mfcc import mfcc
from talkgen.critic.sync import REACH, SyncCritic
from talkgen.critic.syncnet_v2 import (
    DELAY,
    READING,
    LipReader,
    PublishedSync,
    SyncNetV2,
    face_crop,
    load_syncnet_v2,
    published_curve,
)
from talkgen.critic.watch import Look, watch
from talkgen.errors import CheckpointError
from talkgen.types import Face

LAYOUT = {
    "netcnnaud": (
        ((64, 1, 3, 3), 0), ((192, 64, 3, 3), 4), ((384, 192, 3, 3), 8), ((256, 384, 3, 3), 11),
        ((256, 256, 3, 3), 14), ((512, 256, 5, 4), 18),
    ),
    "netfcaud": (((512, 512), 0), ((1024, 512), 3)),
    "netfclip": (((512, 512), 0), ((1024, 512), 3)),
    "netcnnlip": (
        ((96, 3, 5, 7, 7), 0), ((256, 96, 1, 5, 5), 4), ((256, 256, 1, 3, 3), 8),
        ((256, 256, 1, 3, 3), 11), ((256, 256, 1, 3, 3), 14), ((512, 256, 1, 6, 6), 18),
    ),
}  # fmt: skip
"""Of each part the weights' shapes and places; a batch norm follows all but the last linear one."""


def published_state() -> OrderedDict[str, torch.Tensor]:
    """A state of the published layout, as torch 0.3 wrote it: no num_batches_tracked."""
    state = OrderedDict()
    torch.manual_seed(0)
    for part, rows in LAYOUT.items():
        for shape, place in rows:
            fan = float(np.prod(shape[1:]))
            state[f"{part}.{place}.weight"] = torch.randn(shape) * (2 / fan) ** 0.5
            state[f"{part}.{place}.bias"] = torch.zeros(shape[0])
            if shape[0] != 1024:
                norm = f"{part}.{place + 1}."
                state[norm + "weight"], state[norm + "bias"] = (
                    torch.ones(shape[0]),
                    torch.zeros(shape[0]),
                )
                state[norm + "running_mean"] = torch.zeros(shape[0])
                state[norm + "running_var"] = torch.ones(shape[0])
    return state


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    torch.save(published_state(), path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def net(file):
    return load_syncnet_v2(file)


def test_the_file_of_the_published_layout_is_read(file, net):
    state = published_state()
    for name, value in state.items():
        assert torch.equal(net.state_dict()[name], value), name
    assert isinstance(SyncCritic.from_pretrained(file), PublishedSync)
    with torch.inference_mode():
        assert net.see(torch.zeros(1, 3, 5, 224, 224)).shape == (1, 1024)
        assert net.hear(torch.zeros(2, 1, 13, 20)).shape == (2, 1024)


def test_other_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "other.model"
    path.write_bytes(b"no model at all")
    with pytest.raises(CheckpointError, match=r"no syncnet_v2\.model") as error:
        load_syncnet_v2(path)
    assert "\n" not in str(error.value)
    state = published_state()
    state["netfclip.3.weight"] = torch.zeros(256, 512)
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"netfclip\.3\.weight does not fit"):
        load_syncnet_v2(path)
    torch.save(SyncNetV2().netfcaud, path)  # a pickled module, not tensors
    with pytest.raises(CheckpointError, match=r"no syncnet_v2\.model"):
        load_syncnet_v2(path)


def test_cepstra_are_those_of_python_speech_features():
    """Its 0.6 gave these numbers for the fourth window of two tones."""
    t = np.arange(1600) / 16000
    tones = 8000 * np.sin(2 * np.pi * 440 * t) + 3000 * np.sin(2 * np.pi * 1870 * t)
    wanted = [20.278, 13.157, -18.29, 0.154, 6.379, -39.406, -55.14, -5.725, 24.199, 1.29, -0.88,
              29.52, 27.656]  # fmt: skip
    found = mfcc(np.round(tones).astype(np.int16))
    assert found.shape == (9, 13)
    assert np.abs(found[3] - wanted).max() < 1e-3
    assert np.isfinite(mfcc(np.zeros(1000, np.int16))).all()
    assert mfcc(np.zeros(100, np.int16)).shape == (1, 13)


def test_the_curve_is_the_published_one():
    rng = np.random.default_rng(0)
    lips, sound = (rng.normal(size=(40, 1024)).astype(np.float32) for _ in range(2))
    lips[10:] = sound[:30] + 0.1 * lips[10:]  # the picture is ten frames late
    # as its program computes it
    padded = torch.nn.functional.pad(torch.from_numpy(sound), (0, 0, REACH, REACH))
    rows = [
        torch.nn.functional.pairwise_distance(
            torch.from_numpy(lips[[i]]).repeat(2 * REACH + 1, 1), padded[i : i + 2 * REACH + 1]
        )
        for i in range(40)
    ]
    mean = torch.stack(rows, 1).mean(1)
    curve = published_curve(lips, sound)
    assert np.abs(curve[::-1] - mean.numpy()).max() < 1e-3
    assert int(curve.argmin()) - REACH == REACH - int(mean.argmin()) == 10


def face(x: float, y: float, half: float) -> Face:
    points = np.zeros((478, 3), np.float32)
    return Face(
        points, np.array([x - half, y - half, x + half, y + half]), np.zeros(52), np.zeros(3)
    )


def test_crops_are_cut_as_published():
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    found = face_crop(image, 70.3, 20.6, 40.0)
    bgr = image[..., ::-1]
    half, reach = 40.0, int(40.0 * 1.8)
    padded = np.pad(bgr, ((reach, reach), (reach, reach), (0, 0)), constant_values=110)
    y, x = 20.6 + reach, 70.3 + reach
    part = padded[int(y - half) : int(y + half * 1.8), int(x - half * 1.4) : int(x + half * 1.4)]
    assert np.array_equal(found, cv2.resize(np.ascontiguousarray(part), (224, 224)))


def test_a_reading_stands_for_the_window_that_began_before(net):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (100, 100, 3), dtype=np.uint8) for _ in range(13)]
    reader = LipReader(net)
    rows = [reader.look(Look(i, image, face(50 + i, 50, 30))) for i, image in enumerate(images)]
    assert [bool(row) for row in rows] == [False] * DELAY + [True] * 3
    centers = [np.median(50 + np.arange(max(0, t - 6), t + 7)) for t in range(5)]  # frames 0 to 4
    crops = [face_crop(images[t], float(centers[t]), 50.0, 30.0) for t in range(5)]
    window = np.stack(crops, -1).transpose(2, 3, 0, 1).astype(np.float32)
    with torch.inference_mode():
        wanted = net.see(torch.from_numpy(window)[None])[0].numpy()
    assert np.abs(rows[DELAY][READING] - wanted).max() < 1e-3


def test_a_clip_is_scored_under_the_published_names(net):
    rng = np.random.default_rng(0)
    samples = rng.integers(-9000, 9000, 16000, dtype=np.int16)
    sound = Heard(1.0, *(np.zeros(25, bool),) * 2, np.zeros(25, np.float32), np.zeros(25, bool), (),
                  samples)  # fmt: skip
    critic = PublishedSync(net)
    frames = [(rng.integers(0, 255, (90, 90, 3), dtype=np.uint8), face(45, 45, 25))] * 20
    clip = watch(frames, 25.0, [critic.reader()], sound=sound)
    report = critic.score(clip)
    assert set(report.scores) == {"lse_d", "lse_c"}
    assert report.scores["lse_d"].n == 20 - DELAY
    assert report.scores["lse_d"].higher_is_better is False
    assert "positive: the picture is late" in report.provenance["LSE offset"]
    assert not critic.score(watch(frames[:5], 25.0, [critic.reader()], sound=sound)).scores
