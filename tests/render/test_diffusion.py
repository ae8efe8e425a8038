"""The diffusion renderer with networks small enough to make on the spot: no training takes part."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from talkgen.errors import InputError
from talkgen.render.conditions import CHANNELS
from talkgen.render.denoiser import Conditions, Denoiser, DenoiserConfig
from talkgen.render.diffusion import DiffusionRenderer, PreparedFace, own_crop
from talkgen.render.latents import AutoencoderConfig, FaceAutoencoder
from talkgen.render.mesh import MeshRenderer
from talkgen.render.performance import Performance, as_device
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.sampler import FaceSampler, frame_vector
from talkgen.types import MOTION_CHANNELS, Face, Identity, Motion, Portrait

pytest.importorskip("diffusers")
ROOT = Path(__file__).parents[2]
TINY = DenoiserConfig(
    latent_channels=4, channels=(16, 16), attends=(False, True), heads=2, groups=4, cross_dim=16,
    identity_tokens=2,
)  # fmt: skip
Make = Callable[..., DiffusionRenderer]


@pytest.fixture(scope="module")
def mesh() -> MeshRenderer:
    return MeshRenderer.from_pretrained(threads=1)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    image = np.array(Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB"))
    with np.load(Path(__file__).with_name("astronaut_face.npz")) as read:
        return Portrait(image, Face(**{name: read[name] for name in read.files}))


def networks(said: float = 0.0) -> tuple[FaceAutoencoder, Denoiser]:
    """Return networks; said : how much the denoiser answers, 0 as before any training."""
    torch.manual_seed(0)
    autoencoder = FaceAutoencoder(AutoencoderConfig(latent_channels=4, channels=(8, 8)))
    denoiser = Denoiser(TINY)
    for name, values in denoiser.named_parameters():
        if said and ("conv_out" in name or "to_v_ip" in name):
            torch.nn.init.normal_(values, std=said)
    return autoencoder, denoiser


@pytest.fixture(scope="module")
def ready(mesh: MeshRenderer, portrait: Portrait) -> PreparedPortrait:
    """The portrait, small and prepared once for all."""
    return mesh.prepare(portrait, size=256)


def face(
    renderer: DiffusionRenderer, ready: PreparedPortrait, who: np.ndarray | None = None
) -> PreparedFace:
    """Return what `prepare` makes of a portrait that the mesh renderer has prepared."""
    return PreparedFace(ready, renderer.sampler.person(own_crop(ready), who))


@pytest.fixture
def make(mesh: MeshRenderer) -> Make:
    def made(said: float = 0.3, **options: Any) -> DiffusionRenderer:
        return DiffusionRenderer(*networks(said), mesh, **{"steps": 2, **options})

    return made


def talk(frames: int, turn: float = 0.2, **extra: Any) -> Motion:
    """Return an opening mouth in a turning head."""
    weights = np.zeros((frames, 52), np.float32)
    weights[:, MOTION_CHANNELS.index("jawOpen")] = np.linspace(0.1, 0.5, frames)
    rotation = np.zeros((frames, 3), np.float32)
    rotation[:, 1] = np.linspace(0, turn, frames)
    return Motion(weights, rotation, np.zeros((frames, 3)), extra=extra)


def part(motion: Motion, rows: slice) -> Motion:
    return Motion(motion.blendshapes[rows], motion.rotation[rows], motion.translation[rows])


def frames_of(renderer: Any, *given: Any) -> np.ndarray:
    return np.stack(list(renderer.render(*given)))


def drawn(renderer: DiffusionRenderer, ready: PreparedPortrait, *given: Any) -> np.ndarray:
    return frames_of(renderer, face(renderer, ready), *given).astype(int)


def test_untrained_networks_leave_the_mesh_render_to_the_bit(
    make: Make, mesh: MeshRenderer, portrait: Portrait
) -> None:
    motion = talk(2)
    made = frames_of(make(0.0), portrait, motion)
    np.testing.assert_array_equal(made, frames_of(mesh, portrait, motion))
    assert made.shape == (2, *portrait.image.shape)


def test_a_change_stays_within_the_face(
    make: Make, mesh: MeshRenderer, ready: PreparedPortrait
) -> None:
    step = np.abs(drawn(make(), ready, talk(2)) - frames_of(mesh, ready, talk(2)))
    ys, xs = np.nonzero(step.max(axis=(0, 3)))
    low, high = ready.landmarks[:, :2].min(0), ready.landmarks[:, :2].max(0)
    room = 0.25 * (high - low)
    assert len(xs) > 500
    assert (low - room < (xs.min(), ys.min())).all()
    assert (high + room > (xs.max(), ys.max())).all()


def test_chunks_give_what_the_whole_gives(make: Make, ready: PreparedPortrait) -> None:
    motion = talk(5)
    renderer = make(batch=2)
    shown = face(renderer, ready)
    whole = frames_of(renderer, shown, motion)
    parts = [part(motion, slice(*ends)) for ends in ((0, 1), (1, 2), (2, 5))]
    np.testing.assert_array_equal(np.stack(list(renderer.stream(shown, iter(parts)))), whole)
    apart = np.concatenate([frames_of(renderer, shown, one) for one in parts])
    assert (apart != whole).any()  # the frame before counts


def test_a_leap_forgets_the_frame_before(make: Make, ready: PreparedPortrait) -> None:
    calm, turned = talk(2, turn=0.02), talk(1, turn=0.0)
    turned.rotation[:] = (0.2, 0.5, 0.0)
    joined = Motion(
        *(np.concatenate([getattr(one, name) for one in (calm, turned)])
          for name in ("blendshapes", "rotation", "translation"))
    )  # fmt: skip
    renderer = make()
    whole, alone = drawn(renderer, ready, joined), drawn(renderer, ready, turned)
    np.testing.assert_array_equal(whole[2], alone[0])
    second = drawn(renderer, ready, part(calm, slice(1, 2)))
    assert (whole[1] != second[0]).any()


def test_frames_are_drawn_as_they_are_asked_for(make: Make, ready: PreparedPortrait) -> None:
    taken = 0

    def parts() -> Any:
        nonlocal taken
        for row in range(100):
            taken += 1
            yield part(talk(100), slice(row, row + 1))

    renderer = make(0.0, batch=2, steps=1)
    frames = renderer.stream(face(renderer, ready), parts())
    for _ in range(3):
        next(frames)
    assert taken == 4


def test_the_flow_ends_where_the_network_says() -> None:
    """A network that always says the same end is there in one step and in many."""
    autoencoder, denoiser = networks()
    denoiser.forward = lambda noisy, sigma, given: torch.ones_like(noisy)  # type: ignore[assignment]
    zeros = torch.zeros(1, 4, 32, 32)
    given = Conditions(zeros + 2, zeros, zeros, *(torch.zeros(1),) * 4)
    for steps in (1, 4, 20):
        sampler = FaceSampler(autoencoder, denoiser, steps=steps)
        torch.testing.assert_close(sampler.flow(given), zeros + 3)


def test_sigmas_fall_from_one_and_the_noise_shrinks_with_them() -> None:
    autoencoder, denoiser = networks()
    seen: list[tuple[float, float]] = []

    def forward(noisy: Any, sigma: Any, given: Any) -> Any:
        seen.append((float(sigma[0]), float(noisy.std())))
        return torch.zeros_like(noisy)

    denoiser.forward = forward  # type: ignore[assignment]
    zeros = torch.zeros(1, 4, 32, 32)
    FaceSampler(autoencoder, denoiser, steps=4).flow(
        Conditions(zeros, zeros, zeros, *(torch.zeros(1),) * 4)
    )
    assert [sigma for sigma, _ in seen] == [1.0, 0.75, 0.5, 0.25]
    spread = [TINY.noise * sigma for sigma, _ in seen]
    assert [std for _, std in seen] == pytest.approx(spread, rel=0.05)


def test_same_seed_same_bytes(make: Make, ready: PreparedPortrait) -> None:
    one, two, other = (drawn(make(seed=s), ready, talk(1)) for s in (1, 1, 2))
    assert one.tobytes() == two.tobytes() != other.tobytes()


def test_sound_identity_and_scale_are_heeded(make: Make, ready: PreparedPortrait) -> None:
    heard = np.random.default_rng(0).normal(0, 3, (1, 5, 221)).astype(np.float16)
    plain = drawn(make(), ready, talk(1))
    assert (drawn(make(), ready, talk(1, sound=heard)) != plain).any()
    who = np.eye(240, dtype=np.float32)[0]
    on = make()
    assert (frames_of(on, face(on, ready, who), talk(1)) != plain).any()
    off = make(identity_scale=0.0)
    known, unknown = (frames_of(off, face(off, ready, one), talk(1)) for one in (who, None))
    np.testing.assert_array_equal(known, unknown)


def test_who_it_is(make: Make, portrait: Portrait) -> None:
    """What is given goes before the portrait's own, the renderer's, and what is seen."""
    first, second, third, fourth = np.eye(240, dtype=np.float32)[:4]

    class Embedder:
        def embed(self, *_: Any) -> np.ndarray:
            return fourth

    renderer = make(embedder=Embedder(), embedding=third)
    known = replace(portrait, identity=Identity(np.zeros(50), second))
    assert renderer.prepare(known, embedding=first).person.embedding[0, 0] == 1
    assert renderer.prepare(known).person.embedding[0, 1] == 1
    assert renderer.prepare(portrait).person.embedding[0, 2] == 1
    renderer.embedding = None
    assert renderer.prepare(portrait).person.embedding[0, 3] == 1
    renderer.embedder = None
    assert not renderer.prepare(portrait).person.embedding.any()


def test_regions(make: Make, mesh: MeshRenderer, ready: PreparedPortrait) -> None:
    plain = frames_of(mesh, ready, talk(1)).astype(int)
    points = ready.landmarks[:, :2].round().astype(int)

    def step(**regions: float) -> np.ndarray:
        out = np.abs(drawn(make(regions=regions), ready, talk(1)) - plain)[0].max(axis=2)
        return np.asarray(
            [out[y - 2 : y + 3, x - 2 : x + 3].max() for x, y in points[[13, 159, 151]]]
        )

    mouth, eye, brow = step(lips=1, eyes=0, rest=0)
    assert mouth > 0
    assert eye == brow == 0
    mouth, eye, brow = step(lips=0, rest=1)
    assert mouth == 0
    assert brow > 0
    np.testing.assert_array_equal(step(lips=0, eyes=0, rest=0), 0)


def test_further_pictures_are_heeded(make: Make, portrait: Portrait) -> None:
    renderer = make()
    joined = renderer.prepare(portrait, pictures=[portrait], size=256)
    assert joined.frame_size == (256, 256)
    assert joined.person.pictures is not None
    assert joined.person.pictures.shape == (1, 1, 4, 32, 32)
    alone = PreparedFace(joined.mesh, replace(joined.person, pictures=None))
    assert (frames_of(renderer, joined, talk(1)) != frames_of(renderer, alone, talk(1))).any()


def test_vector_of_a_frame() -> None:
    weights = np.zeros(52, np.float32)
    for side in ("Left", "Right"):
        weights[MOTION_CHANNELS.index("mouthSmile" + side)] = 0.7
        weights[MOTION_CHANNELS.index("cheekSquint" + side)] = 0.7
    vector = frame_vector(weights, np.float32([0.1, 0.2, 0.3]))
    assert (vector.shape, vector.dtype) == ((62,), np.float32)
    np.testing.assert_array_equal(vector[:52], weights)
    assert vector[52:55].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert vector[55:].argmax() == 0  # happy


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "`steps` is 0"),
        ({"steps": 101}, "`steps` is 101"),
        ({"identity_scale": 1.5}, "`identity_scale` is 1.5"),
        ({"regions": {"nose": 1}}, "`regions` names 'nose'"),
        ({"regions": {"lips": -1}}, "`regions` has lips=-1"),
    ],
)
def test_bad_options(make: Make, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make(**options)


def test_what_does_not_fit(make: Make, mesh: MeshRenderer, portrait: Portrait) -> None:
    autoencoder = FaceAutoencoder(AutoencoderConfig(latent_channels=8, channels=(8, 8)))
    with pytest.raises(InputError, match="has 8 latent channels, the denoiser was made for 4"):
        DiffusionRenderer(autoencoder, networks()[1], mesh)
    with pytest.raises(InputError, match=r"embedding has shape \(3,\)"):
        make().prepare(portrait, embedding=np.ones(3, np.float32))
    with pytest.raises(InputError, match=r"\['sound'\]` has shape \(1, 2\)"):
        list(make().render(portrait, talk(2, sound=np.zeros((1, 2)))))


def test_performance_options(make: Make, ready: PreparedPortrait) -> None:
    """They change nothing but rounding."""
    plain = drawn(make(), ready, talk(1))
    for options in ({"channels_last": False}, {"dtype": "bfloat16"}):
        made = drawn(make(performance=Performance(**options)), ready, talk(1))
        assert np.abs(made - plain).mean() < 0.1, options
    before = torch.get_num_threads()
    with Performance(threads=2).threaded():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before
    with pytest.raises(InputError, match="`dtype` is 'int8', choose one of auto, float32"):
        Performance(dtype="int8")
    with pytest.raises(InputError, match="`threads` is 0"):
        Performance(threads=0)


def test_devices() -> None:
    assert as_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert as_device("cpu").type == "cpu"
    for wrong in ("cuda:77", "gpu", "meta:0:1"):
        with pytest.raises(InputError, match=f"`device` is '{wrong}'.*choose one of auto, cpu"):
            as_device(wrong)


def test_refined_tracks(make: Make, mesh: MeshRenderer, ready: PreparedPortrait) -> None:
    """The mesh goes where a refined track says, and the networks are told so."""
    place, fit = ready.retargeter.place, ready.fit
    shift = np.zeros((2, 478, 2), np.float32)
    shift[1] = 0.05
    track = Motion(
        np.tile(fit.weights, (2, 1)), np.tile(fit.rotation, (2, 1)), np.tile(place, (2, 1)),
        space="camera", frame_size=ready.frame_size,
        extra={"residual": shift, "key_frame": np.asarray(0), "portrait_frame": np.asarray(0)},
    )  # fmt: skip
    plain = frames_of(mesh, ready, track)
    assert (plain[0] != plain[1]).any()
    np.testing.assert_array_equal(drawn(make(0.0), ready, track), plain)
    renderer = make(0.0)
    first, second = renderer._faces(ready, track)
    moved = np.abs(second.maps - first.maps)
    assert moved[CHANNELS.index("depth")].max() > 0.0
    np.testing.assert_array_equal(first.crop.matrix, second.crop.matrix)


def test_driven_faces_are_drawn_by_it_too(make: Make, portrait: Portrait) -> None:
    from talkgen.pipelines.drive import DrivePipeline

    weights = np.zeros((2, len(MOTION_CHANNELS)), np.float32)
    weights[1, MOTION_CHANNELS.index("jawOpen")] = 0.6
    still, place = np.zeros((2, 3), np.float32), np.array([[0, 0, 9], [0, 0, 9]], np.float32)
    points = np.stack([portrait.face.landmarks] * 2)  # the portrait is a frame of the clip
    motion = Motion(
        weights, still, place, space="camera", frame_size=(512, 512), extra={"landmarks": points}
    )
    out = DrivePipeline(None, make(steps=1))(
        portrait, motion, size=128, regions=["mouth"], speech=None
    )
    frames = list(out.frames)
    assert [frame.shape for frame in frames] == [(128, 128, 3)] * 2
    assert (frames[0] != frames[1]).any()
