"""What the networks change in face crops: a flow from the mesh render to the picture, in latents.

Flow matching (Lipman et al. 2022) from the mesh render's latents with some noise to those of the
real picture, in few Euler steps of diffusers' scheduler. What is handed back is the difference of
two decodings, with and without the networks' change: where they change nothing, neither does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.errors import InputError
from talkgen.motion.facs import action_units_of, strengths_of_units
from talkgen.render.adapters import set_identity_scale
from talkgen.render.denoiser import Conditions, Denoiser
from talkgen.render.diffusers_library import diffusers_class
from talkgen.render.latents import FaceAutoencoder, to_tensor
from talkgen.render.performance import Performance, as_device
from talkgen.types import FloatArray, ImageArray

MAX_STEPS = 100
LEVELS = 127.5
"""Levels of 255 that one unit of the autoencoder's pictures is."""


@dataclass(frozen=True, eq=False)
class Person:
    """Who is drawn, as the denoiser sees it.

    portrait : (1, C, h, w) latents of the portrait's crop; embedding : (1, E)
    pictures : (1, K, C, h, w) of further pictures, or None
    """

    portrait: Tensor
    embedding: Tensor
    pictures: Tensor | None = None


@dataclass(frozen=True, eq=False)
class FaceFrames:
    """Consecutive frames of a face, drawn by the mesh renderer and cut to their crops.

    mesh : (T, 256, 256, 3) uint8; maps : (T, 11, 64, 64) (`talkgen.render.conditions`)
    vectors : (T, 62) float32, see `frame_vector`; sound : (T, 5, D), zeros for none
    fresh : (T,) which frames are drawn as if none were before them; by default none is
    """

    mesh: ImageArray
    maps: NDArray[np.floating[Any]]
    vectors: FloatArray
    sound: NDArray[np.floating[Any]]
    fresh: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.mesh)


def frame_vector(weights: FloatArray, turn: FloatArray) -> FloatArray:
    """Return (62,) of a frame: weights (52,), turn (3,) radians from the portrait's pose, and the
    strength of seven emotions that the weights show."""
    units = {name: np.float32([value]) for name, value in action_units_of(weights).items()}
    return np.concatenate([weights, turn, strengths_of_units(units)[0]]).astype(np.float32)


class FaceSampler:
    """Autoencoder and denoiser over the frames of a talk, one after another.

    steps : of the flow, 1 to 100; seed : of the noise, one draw for all frames
    identity_scale : how much the embedding counts, 0 to 1
    device : where the networks compute: "cpu", "cuda", "cuda:1", ..., "auto"
    """

    def __init__(
        self,
        autoencoder: FaceAutoencoder,
        denoiser: Denoiser,
        *,
        steps: int = 4,
        seed: int = 0,
        identity_scale: float = 1.0,
        device: str | torch.device = "cpu",
        performance: Performance | None = None,
    ) -> None:
        check_steps(steps)
        have, want = autoencoder.latent_channels, denoiser.config.latent_channels
        if have != want:
            raise InputError(
                f"the autoencoder has {have} latent channels, the denoiser was made for {want}; "
                "give the two of one training"
            )
        set_identity_scale(denoiser.unet, identity_scale)
        self.device = as_device(device)
        self.performance = performance or Performance()
        self.dtype = self.performance.type_on(self.device)
        self.performance.settle(autoencoder, denoiser, self.device)
        self.autoencoder, self.denoiser = autoencoder, denoiser
        self.steps = steps
        self.scheduler: Any = diffusers_class("FlowMatchEulerDiscreteScheduler")()
        self._noise: Tensor | None = None
        self._seed = seed

    def person(
        self, crop: ImageArray, embedding: FloatArray | None, pictures: Sequence[ImageArray] = ()
    ) -> Person:
        """Return who the portrait's crop (256, 256, 3) shows.

        embedding : (E,) of unit length, None: nobody in particular; pictures : further crops
        """
        size = self.denoiser.config.embedding_dim
        vector = np.zeros(size, np.float32) if embedding is None else np.asarray(embedding, "f4")
        if vector.shape != (size,):
            raise InputError(
                f"the embedding has shape {vector.shape}, the denoiser was made for ({size},); "
                "use the embedded embedder"
            )
        with torch.inference_mode(), self.performance.threaded():
            latents = self.encoded(np.stack([crop, *pictures]))
        return Person(
            latents[:1], self._moved(torch.from_numpy(vector)[None]),
            latents[None, 1:] if len(pictures) else None,
        )  # fmt: skip

    def encoded(self, crops: ImageArray) -> Tensor:
        """Return (B, C, h, w) latents of crops (B, 256, 256, 3) uint8."""
        pictures = self._moved(to_tensor(crops)).contiguous(memory_format=self.performance.layout)
        return self.autoencoder.encode(pictures)

    def change(
        self, person: Person, frames: FaceFrames, previous: Tensor | None = None
    ) -> tuple[NDArray[np.float32], Tensor]:
        """Return (T, 256, 256, 3) levels that the networks add, and what the next frames want.

        previous : that of the frames before these, (1, C, h, w), None at the beginning
        """
        with torch.inference_mode(), self.performance.threaded():
            mesh = self.encoded(frames.mesh)
            maps, vectors, sound = (
                self._moved(torch.from_numpy(np.asarray(part, np.float32)))
                for part in (frames.maps, frames.vectors, frames.sound)
            )
            count = len(frames)
            given = Conditions(
                mesh, person.portrait.expand(count, -1, -1, -1), torch.zeros_like(mesh), maps,
                vectors, sound, person.embedding.expand(count, -1),
                None if person.pictures is None
                else person.pictures.expand(count, -1, -1, -1, -1),
            )  # fmt: skip
            # What each frame sees of the one before is a first answer that itself sees none: fed
            # with its own output frame after frame, the network lets small flaws grow.
            first = self.flow(given, steps=1)
            begin = torch.zeros_like(first[:1]) if previous is None else previous
            given.previous = torch.cat([begin, first[:-1]])
            if frames.fresh is not None:
                given.previous[torch.from_numpy(np.asarray(frames.fresh)).to(self.device)] = 0.0
            return self.difference(mesh, self.flow(given)), first[-1:]

    def flow(self, given: Conditions, steps: int | None = None) -> Tensor:
        """Return (B, C, h, w), the latents where the flow ends, in so many steps."""
        steps, scheduler = steps or self.steps, self.scheduler
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1.0 / steps, steps), device=self.device)
        noisy = given.mesh + self.denoiser.config.noise * self.noise(given.mesh)
        for t, sigma in zip(scheduler.timesteps, scheduler.sigmas[:-1].tolist(), strict=True):
            times = torch.full((len(noisy),), sigma, device=self.device, dtype=self.dtype)
            end = given.mesh + self.denoiser(noisy, times, given)
            velocity = (noisy - end) / sigma
            noisy = scheduler.step(velocity, t, noisy, return_dict=False)[0]
        return end

    def noise(self, like: Tensor) -> Tensor:
        """Return (1, C, h, w) noise, the same for every frame of every talk of this seed."""
        if self._noise is None or self._noise.shape[1:] != like.shape[1:]:
            source = torch.Generator().manual_seed(self._seed)
            self._noise = self._moved(torch.randn(1, *like.shape[1:], generator=source))
        return self._noise

    def difference(self, mesh: Tensor, made: Tensor) -> NDArray[np.float32]:
        """Return (B, 256, 256, 3) levels of 255 between the decodings of two sets of latents."""
        both = self.autoencoder.decode(torch.cat([made, mesh])).float()
        levels = (both[: len(made)] - both[len(made) :]) * LEVELS
        out: NDArray[np.float32] = levels.permute(0, 2, 3, 1).cpu().contiguous().numpy()
        return out

    def _moved(self, values: Tensor) -> Tensor:
        return values.to(self.device, self.dtype)


def check_steps(steps: int) -> None:
    """Raise InputError unless the flow can take so many steps."""
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"`steps` is {steps}, a whole number from 1 to {MAX_STEPS} is needed")
