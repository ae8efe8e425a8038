"""The face-alignment backend with a stand-in that puts its peaks at known places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from talkgen.errors import CheckpointError, InputError, MissingDependencyError
from talkgen.face.analyzer import BACKENDS, FaceAnalyzer
from talkgen.face.face_alignment_backend import (
    IBUG,
    WEIGHTS,
    FaceAlignmentBackend,
    find_weights,
    load_network,
    peaks,
)
from talkgen.face.fit import fit_face
from talkgen.face.head import HeadModel


class Standin(torch.nn.Module):
    """Draws 68 fixed bumps, whatever the picture."""

    def __init__(self, places: torch.Tensor, height: float) -> None:
        super().__init__()
        self.places = torch.nn.Parameter(places, requires_grad=False)  # (68, 2) cells
        self.height = height

    def forward(self, crop: torch.Tensor) -> list[torch.Tensor]:
        axis = torch.arange(64, dtype=torch.float32)
        dx = axis[None, :] - self.places[:, 0, None]
        dy = axis[None, :] - self.places[:, 1, None]
        heat = torch.exp(-0.5 * dy[:, :, None] ** 2 - 0.5 * dx[:, None, :] ** 2) * self.height
        return [heat[None] * 0.1, heat[None].expand(crop.shape[0], -1, -1, -1)]


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:300, 60:400])


def known_face(head: HeadModel, yaw: float) -> np.ndarray:
    """Landmarks (478, 3) of a turned head that smiles, in the 256 px crop of the package."""
    weights = np.zeros(52, np.float32)
    weights[[23, 24, 17]] = 0.5
    vertices = head.deform(head.neutral(), weights)
    seen = head.landmarks(vertices)
    cos, sin = np.cos(yaw), np.sin(yaw)
    turned = seen @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]], np.float32).T
    flat = turned * (131 / np.ptp(turned[:, 1]))
    flat[:, :2] += (127.5, 143.0) - (flat[:, :2].min(0) + flat[:, :2].max(0)) / 2
    return flat


def scripted(landmarks: np.ndarray, path: Path, height: float = 0.9) -> Path:
    """Save the stand-in as the TorchScript archive that the package shipped before 1.5."""
    cells = (landmarks[list(IBUG), :2] + 0.5) / 4 - 0.5
    torch.jit.script(Standin(torch.from_numpy(cells).float(), height)).save(str(path))
    return path


def test_registered() -> None:
    assert "face-alignment" in BACKENDS


def test_peaks_between_cells() -> None:
    y, x = np.mgrid[:64, :64]
    wanted = np.array([[10.3, 20.6], [0.0, 0.0], [40.0, 63.0]])
    heat = np.stack([np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2)) for a, b in wanted])
    places, high = peaks(heat.astype(np.float32))
    assert places[0] == pytest.approx(wanted[0], abs=0.12)
    assert np.abs(places - wanted).max() <= 0.5  # at the rim no neighbour tells more
    assert high == pytest.approx([heat[0].max(), 1, 1])


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_head_fitted_to_68_points_without_depth(yaw: float) -> None:
    head = HeadModel.from_pretrained()
    wanted = known_face(head, yaw)
    trust = np.zeros(478, np.float32)
    trust[list(IBUG)] = 1
    known = np.where(trust[:, None] > 0, wanted * [1, 1, 0], 0)
    fit = fit_face(head, known, trust=trust, depth=False, rounds=8)
    found = fit.project(head.landmarks(head.deform(head.neutral(fit.identity), fit.weights)))
    inner = head.landmark_weight > 0.5
    gap = np.linalg.norm((found - wanted)[inner, :2], axis=1)
    assert gap.mean() < 0.03 * np.linalg.norm(wanted[33, :2] - wanted[263, :2])
    assert np.degrees(fit.rotation) == pytest.approx([0, -np.degrees(yaw), 0], abs=5) or (
        np.degrees(fit.rotation) == pytest.approx([0, np.degrees(yaw), 0], abs=5)
    )


def test_face_from_a_scripted_network(astronaut: np.ndarray, tmp_path: Path) -> None:
    head = HeadModel.from_pretrained()
    wanted = known_face(head, 0.0)
    path = scripted(wanted, tmp_path / WEIGHTS[1])
    analyzer = FaceAnalyzer.from_pretrained("face-alignment", tmp_path)
    backend = analyzer.backend
    assert isinstance(backend, FaceAlignmentBackend)
    region = backend.find(astronaut)[0]
    face = backend.read(astronaut, region)
    assert face is not None
    assert path.exists()
    assert face.landmarks.shape == (478, 3)
    assert face.scores.shape == (52,)
    assert face.confidence is not None
    assert face.confidence[33] == pytest.approx(0.8, abs=0.11)
    assert face.confidence[50] < 0.5 < face.score <= 1
    read, _ = backend.points(astronaut, region)
    gap = np.linalg.norm(face.landmarks[list(IBUG)][17:, :2] - read[17:], axis=1)
    assert gap.mean() < 0.03 * face.interocular
    # The stand-in's face stands upright in the region's crop: its roll is the region's.
    assert face.rotation[2] == pytest.approx(region.roll, abs=0.05)
    again = backend.read(astronaut, region)
    assert again is not None
    assert np.array_equal(again.landmarks, face.landmarks)


def test_flat_heatmaps_are_no_face(astronaut: np.ndarray, tmp_path: Path) -> None:
    head = HeadModel.from_pretrained()
    scripted(known_face(head, 0.0), tmp_path / WEIGHTS[1], height=0.05)
    assert FaceAnalyzer.from_pretrained("face-alignment", tmp_path).analyze(astronaut) == []


def test_weights_of_the_package_class(tmp_path: Path) -> None:
    models = pytest.importorskip(
        "face_alignment.models", reason="the optional package face-alignment is not installed"
    )
    torch.manual_seed(0)
    path = tmp_path / WEIGHTS[0]
    torch.save(models.FAN(1).state_dict(), path)
    net = load_network(find_weights(tmp_path))
    out = net(torch.zeros(1, 3, 256, 256))
    assert out[-1].shape == (1, 68, 64, 64)
    torch.save({"wrong": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="FAN"):
        load_network(path)


def test_missing_weights_say_where_to_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKGEN_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    with pytest.raises(MissingDependencyError, match="face-alignment") as caught:
        FaceAnalyzer.from_pretrained("face-alignment")
    message = str(caught.value)
    assert "\n" not in message
    assert WEIGHTS[0] in message
    assert str(tmp_path / "own" / "models") in message
    with pytest.raises(InputError, match="no such file"):
        find_weights(tmp_path / "absent")
    cached = tmp_path / "hub" / "hub" / "checkpoints" / WEIGHTS[2]
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert find_weights() == cached  # where the package itself would have kept it
    broken = tmp_path / WEIGHTS[1]
    broken.write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match="TorchScript"):
        load_network(broken)


