"""What the diffusion renderer is measured by, on pictures whose difference is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from talkgen.errors import InputError
from talkgen.render.conditions import CHANNELS, LABELS, NUM_MAPS
from talkgen.training import diffusion_measure as measure
from talkgen.training.diffusion_fast import fast_clip, strangers
from talkgen.training.frechet import MouthFeatures, frechet_distance
from talkgen.training.part_boxes import cut, landmark_box, part_box, part_masks

PORTRAIT = Path(__file__).resolve().parents[2] / "examples" / "portrait.jpg"


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(256, 256, 3) about a face whose mouth is at 128, 160."""
    image = Image.open(PORTRAIT).convert("RGB").crop((95, 0, 355, 260)).resize((256, 256))
    return np.asarray(image)


@pytest.fixture(scope="module")
def maps() -> np.ndarray:
    out = np.zeros((NUM_MAPS, 64, 64), np.float32)
    out[LABELS.index("lips"), 38:44, 24:40] = 1
    out[LABELS.index("inside"), 40:42, 27:37] = 1
    out[LABELS.index("lips"), 40:42, 27:37] = 0
    out[LABELS.index("eyes"), 20:22, 20:26] = 1
    out[LABELS.index("inside"), 20:22, 19:20] = 1  # the bag behind the eyeball
    out[CHANNELS.index("seen")] = 1
    return out


@pytest.fixture(scope="module")
def pairs(photo: np.ndarray, maps: np.ndarray) -> dict[str, np.ndarray]:
    count = 5
    rolled = np.stack([np.roll(photo, 2 * t, 0) for t in range(count)])
    rng = np.random.default_rng(0)
    return {
        "real": rolled, "mesh": cv2.GaussianBlur(rolled.reshape(-1, 256, 3), (0, 0), 1.0).reshape(
            rolled.shape
        ),
        "source": photo, "maps": np.stack([maps] * count).astype(np.float16),
        "weights": rng.uniform(0, 0.4, (count, 52)).astype(np.float32),
        "angles": rng.normal(0, 0.1, (count, 3)).astype(np.float32),
        "sound": rng.normal(0, 1, (count, 5, 7)).astype(np.float16),
        "embedding": np.full(6, 6**-0.5, np.float32), "frames": np.arange(count, dtype=np.int32),
        "own": np.asarray(0),
    }  # fmt: skip


def test_boxes_are_about_the_lips(maps: np.ndarray, photo: np.ndarray) -> None:
    box = part_box(maps[LABELS.index("lips")], 256)
    assert box is not None
    # lips: 96..160 and 152..176 of the picture, so 1.6 * 64 wide about 128, 164
    assert box == pytest.approx((77, 113, 179, 215), abs=1)
    assert cut(photo, box).shape == (102, 102, 3)
    assert part_box(np.zeros((64, 64)), 256) is None
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = (10, 100)
    points[61, :2], points[291, :2] = (10, 100), (50, 100)
    assert landmark_box(points, "mouth", photo) == (0, 68, 62, 132)
    assert landmark_box(points - 400, "mouth", photo) is None


def test_the_mouths_inside_is_not_the_bag_behind_the_eyes(maps: np.ndarray) -> None:
    masks = part_masks(maps, 256)
    assert masks["inside"].sum() == 16 * 2 * 10
    assert not masks["inside"][:120].any()
    assert masks["eyes"].sum() == 16 * (2 + 6) * (6 + 6)
    assert not part_masks(np.zeros_like(maps), 256)["inside"].any()


def test_frechet_distance_of_normal_rows() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20_000, 3))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(rows + np.array([2.0, 0, 0]), rows) == pytest.approx(4, rel=0.05)
    assert frechet_distance(2 * rows, rows) == pytest.approx(3, rel=0.05)  # (2 - 1)^2 of each
    constant = np.concatenate([rows, np.ones((len(rows), 1))], 1)
    assert np.isfinite(frechet_distance(constant, constant))


def test_blurred_mouths_are_farther_from_sharp_ones_than_slightly_noisy_ones(photo) -> None:
    features = MouthFeatures.from_pretrained()
    rng = np.random.default_rng(0)
    places = rng.integers(-6, 7, (40, 2))
    crops = [photo[110 + y : 210 + y, 78 + x : 178 + x] for x, y in places]
    real = np.stack([features(c) for c in crops])
    assert real.shape == (40, 144)
    distances = [
        frechet_distance(np.stack([features(cv2.GaussianBlur(c, (0, 0), s)) for c in crops]), real)
        for s in (0.5, 1.5, 3.0)
    ]
    assert distances == sorted(distances)
    noisy = [np.clip(c + rng.normal(0, 2, c.shape), 0, 255).astype(np.uint8) for c in crops]
    assert frechet_distance(np.stack([features(c) for c in noisy]), real) < distances[2] / 2


def test_real_mouths_are_at_no_distance() -> None:
    rows = list(np.random.default_rng(0).normal(size=(20, 30)))  # fewer frames than features
    found = measure.mouth_distances({"real": rows, "same": rows, "far": [r + 1 for r in rows]})
    assert set(found) == {"same", "far"}
    assert found["same"] == pytest.approx(0, abs=1e-3)
    assert found["far"] > 20
    assert measure.mouth_distances({"real": rows[:1], "far": rows[:1]}) == {}


def test_a_clip_is_scored_by_region(pairs: dict[str, np.ndarray]) -> None:
    scores, strip = fast_clip(pairs, step=1)
    row = scores.row()
    assert strip.shape == (3 * 256, 6 * 256, 3)
    assert len(scores.values["mesh_face_db"]) == 4  # without the portrait's own frame
    assert row["mesh_mouth_db"] > row["still_mouth_db"]
    assert row["mesh_mouth_ssim"] > row["still_mouth_ssim"]
    assert row["mesh_mouth_sharpness"] < 0.5  # it is blurred
    assert row["still_mouth_sharpness"] == pytest.approx(1, abs=0.3)
    assert row["mesh_mouth_sharpness_off"] == pytest.approx(
        -np.log(row["mesh_mouth_sharpness"]), abs=1e-6
    )
    assert {"mesh_inside_db", "mesh_eyes_db"} <= set(row)


def test_too_sharp_is_as_far_off_as_too_blurred() -> None:
    scores = measure.ClipScores()
    real = np.random.default_rng(0).integers(100, 140, (64, 64, 3)).astype(np.uint8)
    mean = float(real.mean())
    half, twice = (np.clip(mean + (real - mean) * k, 0, 255).astype(np.uint8) for k in (0.5, 2))
    scores.crops("mouth", real, {"half": half, "twice": twice, "same": real})
    row = scores.row()
    assert row["half_mouth_sharpness"] == pytest.approx(0.25, rel=0.05)
    assert row["half_mouth_sharpness_off"] == pytest.approx(row["twice_mouth_sharpness_off"], 0.05)
    assert row["same_mouth_sharpness_off"] == 0
    assert row["same_mouth_db"] == 60


def test_clips_are_paired() -> None:
    rows = {
        name: {"mesh_mouth_db": 20.0, "new_mouth_db": 20.0 + gain, "mesh_lips": 1.0,
               "new_lips": 1.0 - gain, "still_mouth_db": 18.0}
        for name, gain in (("a", 1.0), ("b", 0.5), ("c", -0.3))
    }  # fmt: skip
    rows["d"] = {"mesh_mouth_db": 20.0}  # where the new one has no score nothing is compared
    found = measure.summary(rows, ["mesh", "new"])
    assert found["mean"]["new_mouth_db"] == pytest.approx(20.4)
    better = found["paired"]["new"]["mesh"]
    assert better["mouth_db"]["gain"] == pytest.approx(0.4)
    assert (better["mouth_db"]["wins"], better["mouth_db"]["of"]) == (2, 3)
    assert (better["lips"]["wins"], better["lips"]["of"]) == (2, 3)  # less is better
    assert better["mouth_db"]["low"] < 0.4 < better["mouth_db"]["high"]
    assert "mesh" not in found["paired"]["mesh"]
    assert found["paired"]["new"]["still"]["mouth_db"]["wins"] == 3


def test_another_person_is_of_another_source() -> None:
    paths = [Path(f"{name}.npz") for name in ("vox_1", "vox_2", "mead_1", "mead_2")]
    found = strangers(paths)
    assert all(p.stem[:3] != q.stem[:3] for p, q in found.items())
    assert strangers(paths[:1]) == {}


@pytest.fixture(scope="module")
def sampler():
    pytest.importorskip("diffusers")
    import torch

    from talkgen.render.denoiser import Denoiser, DenoiserConfig
    from talkgen.render.latents import AutoencoderConfig, FaceAutoencoder
    from talkgen.render.sampler import FaceSampler

    torch.manual_seed(0)
    auto = FaceAutoencoder(AutoencoderConfig(latent_channels=8, channels=(8, 8), groups=4))
    config = DenoiserConfig(
        latent_channels=8, channels=(8, 16), attends=(False, True), heads=2, groups=4,
        cross_dim=16, sound_dim=7, embedding_dim=6, identity_tokens=2,
    )  # fmt: skip
    return FaceSampler(auto, Denoiser(config))


def test_an_untrained_denoiser_leaves_the_mesh_render(sampler, pairs) -> None:
    from talkgen.training.diffusion_sample import Variant, drawn_pairs

    variants = (Variant(1), Variant(2, scale=0.0), Variant(2, wrong=True))
    assert [v.name for v in variants] == ["diffusion_1", "diffusion_2_id0", "diffusion_2_wrong"]
    drawn = drawn_pairs(sampler, pairs, [1, 3], variants, np.ones(6, np.float32) / 6**0.5)
    for variant in variants:
        assert np.array_equal(drawn[variant.name], pairs["mesh"][[1, 3]])
    changed = (drawn["ceiling"] != pairs["mesh"][[1, 3]]).any(axis=(0, 3))
    assert changed[152:176, 96:160].any()  # the lips
    assert not changed[:100, 160:].any()  # where no head is drawn, nothing is laid in


def test_a_denoiser_that_knows_the_answer_reaches_the_ceiling(sampler, pairs, monkeypatch) -> None:
    import torch

    from talkgen.training.diffusion_sample import Variant, drawn_pairs

    seen = []
    real = sampler.encoded(pairs["real"])
    mesh = sampler.encoded(pairs["mesh"])

    def knows(noisy, sigma, given):
        seen.append((float(sigma[0]), bool((given.previous != 0).any())))
        row = int((mesh - given.mesh[:1]).abs().flatten(1).sum(1).argmin())
        return (real - mesh)[row : row + len(noisy)]

    knows_it = type("Known", (), {
        "config": sampler.denoiser.config, "unet": sampler.denoiser.unet,
        "__call__": staticmethod(knows),
    })()  # fmt: skip
    monkeypatch.setattr(sampler, "denoiser", knows_it)
    with torch.no_grad():
        drawn = drawn_pairs(sampler, pairs, [3], [Variant(4)])
    assert np.abs(drawn["diffusion_4"].astype(int) - drawn["ceiling"]).max() <= 1
    assert [round(s, 2) for s, _ in seen] == [1.0, 1.0, 0.75, 0.5, 0.25]
    assert [p for _, p in seen] == [False, True, True, True, True]


def test_files_that_are_no_pairs_are_told(tmp_path: Path) -> None:
    from talkgen.training.diffusion_sample import read_pairs

    wrong = tmp_path / "clip.npz"
    wrong.write_bytes(b"no archive")
    with pytest.raises(InputError, match="prepare_pairs"):
        read_pairs(wrong)
    np.savez(wrong, real=np.zeros(3))
    with pytest.raises(InputError, match="holds no pairs"):
        read_pairs(wrong)


def test_steps_of_a_film_against_the_real_ones() -> None:
    a = np.full((8, 8, 3), 100, np.uint8)
    assert measure.difference_psnr(a, a + 5, a + 50, a + 55) == 60  # another picture, same step
    found = measure.difference_psnr(a, a + 5, a, a)
    assert found == pytest.approx(20 * np.log10(255 / 5), abs=0.01)


def test_patterns_tell_people_apart_whatever_the_light(photo) -> None:
    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.training.face_pattern import likeness, pattern

    face = FaceAnalyzer.from_pretrained().analyze(photo)[0]
    own = pattern(photo, face)
    assert own.shape == (7 * 7 * 59,)
    assert likeness(own, own) == pytest.approx(1)
    dark = (photo * 0.6).astype(np.uint8)
    blurred = cv2.GaussianBlur(photo, (0, 0), 3)
    assert likeness(own, pattern(dark, face)) > 0.9 > likeness(own, pattern(blurred, face))


def test_warps_in_pixels_of_the_picture(photo) -> None:
    from talkgen.face.analyzer import FaceAnalyzer
    from talkgen.training.render_scores import warped

    points = FaceAnalyzer.from_pretrained().analyze(photo)[0].landmarks
    x, y = np.arange(60, 180), np.arange(90, 200)
    same = warped(photo, points, points, x, y)
    assert same.shape == (110, 120, 3)
    assert np.abs(same.astype(int) - photo[90:200, 60:180]).max() <= 1


def table_of(rows: dict[str, dict[str, float]]) -> str:
    import importlib.util

    path = PORTRAIT.parents[1] / "scripts" / "diffusion_table.py"
    spec = importlib.util.spec_from_file_location("diffusion_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.table({
        **measure.summary(rows, ["mesh", "diffusion_4"]), "clips": rows, "n": len(rows),
        "set": "evaluate", "frames": 8, "step": 2, "seed": 0, "date": "2026-01-01",
        "machine": "a machine", "mouth_frechet": {"mesh": 9.0, "diffusion_4": 4.5},
    })  # fmt: skip


def test_a_clip_is_drawn_and_scored(tmp_path: Path, sampler) -> None:
    import torch

    from talkgen import RenderPipeline, TrackPipeline
    from talkgen.face.identity import IdentityEmbedder
    from talkgen.render.denoiser import Denoiser, DenoiserConfig
    from talkgen.render.diffusion import DiffusionRenderer
    from talkgen.render.mesh import MeshRenderer
    from talkgen.training.diffusion_full import Judges, as_talk, full_clip, seam_report
    from talkgen.training.diffusion_sample import Variant
    from talkgen.types import MOTION_CHANNELS, Motion

    weights = np.zeros((8, 52), np.float32)
    weights[3:6, MOTION_CHANNELS.index("jawOpen")] = 0.3
    moved = np.sin(np.arange(8) / 8 * 2 * np.pi)[:, None] * np.float32([0.02, 0.06, 0.01])
    mesh = RenderPipeline.from_pretrained()
    real = Motion(weights, moved, np.zeros((8, 3)), 25.0)
    frames = [f.copy() for f in mesh(PORTRAIT, real, size=256).frames]

    config = DenoiserConfig(
        latent_channels=8, channels=(8, 16), attends=(False, True), heads=2, groups=4,
        cross_dim=16, identity_tokens=2,
    )  # fmt: skip
    torch.manual_seed(0)
    denoiser = Denoiser(config)
    torch.nn.init.normal_(denoiser.unet.conv_out.weight, std=0.3)  # it adds something, and wrongly
    judges = Judges(mesh.analyzer, IdentityEmbedder.from_pretrained())
    renderer = DiffusionRenderer(
        sampler.autoencoder, denoiser, MeshRenderer.from_pretrained(threads=1),
        embedder=judges.embedder, batch=4,
    )  # fmt: skip
    track, drawn = TrackPipeline.from_pretrained(), RenderPipeline(mesh.analyzer, renderer)
    scores, strip = full_clip(
        frames, track, mesh, drawn, (Variant(2), Variant(1), Variant(2, wrong=True)), judges,
        step=2, wrong=np.full(240, 240**-0.5, np.float32),
    )  # fmt: skip
    row = scores.row()
    assert strip.shape == (5 * 192, 8 * 192, 3)
    assert row["mesh_mouth_db"] > row["still_mouth_db"] + 2
    assert row["diffusion_2_mouth_db"] < row["mesh_mouth_db"]  # noise does no good
    assert row["diffusion_2_mouth_db"] != row["diffusion_1_mouth_db"]
    for name in ("mesh", "diffusion_2", "diffusion_1", "diffusion_2_wrong"):
        assert row[f"{name}_found"] == 1
        assert row[f"{name}_lips"] < 4
        assert {f"{name}_csim", f"{name}_likeness", f"{name}_flicker_over_real",
                f"{name}_inside_db", f"{name}_eyes_db", f"{name}_seam_step_db",
                f"{name}_within_step_db"} <= set(row)  # fmt: skip
    assert len(scores.values["mesh_seam_step_db"]) == 1  # frame 4 of 8
    assert row["warp_face_db"] > row["still_face_db"]

    from talkgen.pipelines.portrait import load_portrait

    portrait = load_portrait(mesh.analyzer, frames[0])
    seams = seam_report(renderer, portrait, as_talk(real, 0), 3)
    assert seams["talk_most"] == 0
    assert 0.2 < seams["talk_seam_step"] / seams["talk_within_step"] < 5

    rows = {k: {key.replace("diffusion_2", "diffusion_4"): v for key, v in row.items()} | seams
            for k in "ab"}  # fmt: skip
    made = table_of(rows)
    assert "0 of 2" in made
    assert "| mouth: Frechet distance to real ones ↓ | < mesh |" in made
    assert "by at most 0 of 255" in made
    assert "another person's" in made
