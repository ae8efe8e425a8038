"""Motion and sound on their way to a renderer."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from talkgen import RenderPipeline, TalkPipeline
from talkgen.io.audio import as_speech
from talkgen.pipelines.draw import drawn
from talkgen.pipelines.portrait import load_portrait
from talkgen.types import Audio, Motion

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"
Voice = Callable[..., np.ndarray]


def still(frames: int, fps: float = 25.0) -> Motion:
    zeros = np.zeros((frames, 3), np.float32)
    return Motion(np.zeros((frames, 52)), zeros, zeros, fps=fps)


class Plain:
    """A renderer that only renders."""

    def render(self, ready: Any, motion: Motion) -> Iterator[tuple[int, dict[str, Any]]]:
        for row in range(len(motion)):
            yield row, dict(motion.extra)


class Streaming(Plain):
    """A renderer that wants all of a talk at once."""

    def stream(self, ready: Any, parts: Iterator[Motion]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, part in enumerate(parts):
            yield number, dict(part.extra)


def test_every_renderer_is_served() -> None:
    parts = [still(2), still(3)]
    assert [n for n, _ in drawn(Plain(), None, parts, None)] == [0, 1, 0, 1, 2]
    assert [n for n, _ in drawn(Streaming(), None, parts, None)] == [0, 1]


def test_sound_goes_along_where_it_is_heard(voice_like: Voice) -> None:
    from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder

    encoder = PhoneticEncoder(PhoneticConfig(width=8, hidden=8, num_heads=2)).eval()
    speech = as_speech(Audio(voice_like(1.0), 16_000))
    renderer = Streaming()
    assert next(iter(drawn(renderer, None, [still(5)], speech)))[1] == {}
    renderer.encoder = encoder  # type: ignore[attr-defined]
    whole = next(iter(drawn(renderer, None, [still(20)], speech)))[1]["sound"]
    assert whole.shape == (20, 5, encoder.dim)
    halves = [extra["sound"] for _, extra in drawn(renderer, None, [still(8), still(12)], speech)]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    assert next(iter(drawn(renderer, None, [still(5)], None)))[1] == {}


def test_diffusion_through_both_pipelines(voice_like: Voice) -> None:
    """With networks before any training both give what the mesh renderer gives, to the bit."""
    pytest.importorskip("diffusers")
    from talkgen.audio.phonetic import PhoneticEncoder
    from talkgen.render.denoiser import Denoiser, DenoiserConfig
    from talkgen.render.diffusion import DiffusionRenderer
    from talkgen.render.latents import AutoencoderConfig, FaceAutoencoder

    torch.manual_seed(0)
    config = DenoiserConfig(
        latent_channels=4, channels=(8, 8), attends=(False, True), heads=2, groups=4, cross_dim=8
    )
    talk = TalkPipeline.from_pretrained(renderer="mesh")
    mesh = talk.renderer
    finer = DiffusionRenderer(
        FaceAutoencoder(AutoencoderConfig(latent_channels=4, channels=(8, 8))), Denoiser(config),
        mesh, encoder=PhoneticEncoder.from_pretrained("phonetic"), steps=1,
    )  # fmt: skip
    heard = []
    change = finer.sampler.change

    def noted(person: Any, frames: Any, previous: Any = None) -> Any:
        heard.append(frames.sound)
        return change(person, frames, previous)

    finer.sampler.change = noted  # type: ignore[method-assign]
    with Image.open(PORTRAIT) as picture:
        portrait = load_portrait(talk.analyzer, picture.crop((80, 0, 380, 300)))
    audio = Audio(voice_like(0.6), 16_000)
    motion = talk(portrait, audio, size=160).motion
    for pipeline in (talk, RenderPipeline(talk.analyzer, mesh)):
        given = (portrait, audio) if pipeline is talk else (portrait, motion)
        options = {} if pipeline is talk else {"speech": audio}
        heard.clear()
        frames = []
        for pipeline.renderer in (mesh, finer):
            frames.append(np.stack(list(pipeline(*given, size=160, **options).frames)))
        np.testing.assert_array_equal(*frames)
        assert np.concatenate(heard).shape == (15, 5, 221)
        assert np.concatenate(heard).std() > 0.1
