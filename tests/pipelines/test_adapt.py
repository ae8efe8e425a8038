"""Pictures and clips of a person become an adapter file; what cannot is said in one line."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from talkgen.cli import main
from talkgen.errors import InputError, NoFaceError
from talkgen.pipelines import person_pairs as module
from talkgen.pipelines.adapt import AdaptPipeline
from talkgen.pipelines.pairs import PairMaker, Pairs
from talkgen.pipelines.person_pairs import person_pairs, rows_of, spread
from talkgen.render.adapters import load_adapter
from talkgen.render.denoiser import Denoiser, DenoiserConfig
from talkgen.render.latents import AutoencoderConfig, FaceAutoencoder
from talkgen.training.adapt import Effort

pytest.importorskip("peft")

PORTRAIT = Path(__file__).parents[2] / "examples" / "portrait.jpg"
FRAMES = 20


@pytest.fixture(scope="module")
def maker() -> PairMaker:
    return PairMaker()


@pytest.fixture(scope="module")
def picture() -> Any:
    return Image.open(PORTRAIT).convert("RGB").crop((95, 0, 355, 260))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of a small denoiser and a small autoencoder."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("networks")
    denoiser = Denoiser(DenoiserConfig(
        latent_channels=4, channels=(16, 32), attends=(False, True), groups=8, heads=2,
        cross_dim=16, identity_tokens=2,
    ))  # fmt: skip
    torch.nn.init.normal_(denoiser.unet.conv_out.weight, std=0.02)
    denoiser.save_pretrained(folder / "denoiser")
    FaceAutoencoder(
        AutoencoderConfig(latent_channels=4, channels=(8, 8), groups=4)
    ).save_pretrained(folder / "autoencoder")
    return folder / "denoiser", folder / "autoencoder"


def clip_of(picture: Any, path: Path) -> Path:
    """Write a clip of the picture, which moves to the right."""
    image = np.asarray(picture.resize((256, 256)))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for n in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.roll(image, n // 2, axis=1).copy(), "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def test_a_picture_and_a_clip_become_an_adapter(
    maker: PairMaker, picture: Any, networks: tuple[Path, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "VARIANTS", module.VARIANTS[:1])  # each takes seconds
    seen: list[Any] = []
    made_of = person_pairs

    def noted(*given: Any, **options: Any) -> Any:
        seen.append(made_of(*given, **options))
        return seen[0]

    monkeypatch.setattr("talkgen.pipelines.adapt.person_pairs", noted)
    stages: list[str] = []
    shares: list[float] = []
    made = AdaptPipeline(*networks, maker)(
        [clip_of(picture, tmp_path / "clip.mp4"), picture],
        effort=Effort(steps=2, rank=1, count=2), on_stage=stages.append, on_step=shares.append,
    )  # fmt: skip
    assert stages == ["reading clip.mp4", "reading picture 2", "learning the face"]
    assert len(shares) == made.steps == 2
    pairs = seen[0]
    clips = [p for p in pairs.learned if p.own >= 0]
    assert {len(p.frames) for p in clips} == {16}
    assert {len(p.frames) for p in pairs.aside} == {4}
    for learned, aside in zip(clips, pairs.aside, strict=True):
        assert learned.own not in aside.frames  # nothing of what is measured on was learned
        assert not set(learned.frames) & set(aside.frames)
    itself, back = (p for p in pairs.learned if p.own < 0)
    assert pairs.names[-2:] == ["picture 2", ""]
    # drawn from itself a picture is what it was; from a drawing of it, nearly
    off = [float(np.abs(p.real.astype(int) - p.mesh).mean()) for p in (itself, back)]
    assert off[0] < 2.0
    assert off[0] < off[1] < 15.0
    file = tmp_path / "me.safetensors"
    made.adapter.save(file)
    known = load_adapter(Denoiser.from_pretrained(networks[0]), file, networks[0])
    assert known.embedding is not None
    assert float(known.embedding.norm()) == pytest.approx(1.0, abs=1e-4)


def test_no_face_is_said_with_the_name_of_the_file(maker: PairMaker, tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "lawn.png")
    with pytest.raises(NoFaceError, match=r"lawn\.png"):
        person_pairs(maker, [tmp_path / "lawn.png"])
    with pytest.raises(InputError, match="at least one"):
        person_pairs(maker, [])
    with pytest.raises(InputError, match="give a list"):
        person_pairs(maker, "me.jpg")


def row(vector: tuple[float, float]) -> Pairs:
    empty = np.zeros((1, 1), np.uint8)
    return Pairs(
        empty, empty, empty, empty, empty, empty, empty, np.float32(vector), empty[0], -1
    )  # fmt: skip


def test_a_stranger_among_the_sources_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("talkgen"), "propagate", True)  # commands turn it off
    found = module.PersonPairs(
        [row((1, 0)), row((0, 1)), row((0.9, 0.1)), row((0, 1))], [], ["a", "", "b", "c"]
    )
    module._warn_of_strangers(found, 0.3)
    assert {record.getMessage()[:1] for record in caplog.records} == {"c"}


@pytest.mark.parametrize(
    ("count", "taken", "last"), [(1, 1, 0), (50, 50, 49), (200, 100, 198), (1500, 120, 1498)]
)
def test_frames_are_taken_all_over_a_clip(count: int, taken: int, last: int) -> None:
    frames = spread(count)
    assert len(frames) == taken
    assert frames == sorted(set(frames))
    assert frames[-1] == last


def test_frames_are_decoded_in_order_and_anew() -> None:
    opened: list[int] = []

    def numbers() -> Any:
        opened.append(1)
        return iter([np.full((1, 1, 3), n, np.uint8) for n in range(5)])

    frames = module._Frames(numbers, 5)
    assert [int(frames[k][0, 0, 0]) for k in (3, 3, 4, 1, 2)] == [3, 3, 4, 1, 2]
    assert len(opened) == 2
    assert len(frames) == 5


def test_rows_of_pairs() -> None:
    many = Pairs(*(np.arange(6) for _ in range(2)), np.zeros(1), *(np.arange(6) for _ in range(4)),
                 np.zeros(3), np.arange(6), 2)  # fmt: skip
    part = rows_of(many, 2, 4)
    assert part.real.tolist() == part.frames.tolist() == part.sound.tolist() == [2, 3]
    assert part.own == 2
    assert part.embedding.shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["me.png", "-o", "me.txt"], "must end with .safetensors"),
        (["absent.png", "-o", "me.safetensors"], "no such file"),
        (["me.png", "-o", "me.safetensors", "--steps", "0"], "`steps` is 0"),
        (["me.png", "-o", "me.safetensors", "--minutes", "nan"], "`minutes` is nan"),
        (["me.png", "-o", "me.safetensors", "--device", "abacus"], "`device` is 'abacus'"),
        (["-o", "me.safetensors"], "VIDEO|IMAGES"),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (80, 80), (90, 120, 60)).save("me.png")
    with pytest.raises(SystemExit) as stop:
        main(["adapt", *arguments])
    errors = [line for line in capfd.readouterr().err.splitlines() if "error" in line]
    assert stop.value.code == 2
    assert len(errors) == 1
    assert words in errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["me.png"]
