"""The flow at a tiny width: repeatable, bounded memory, learns, every parameter in use."""

import numpy as np
import pytest
import torch

from talkgen.motion.controls import CONTROLS, DRAWN, UPPER
from talkgen.motion.emotion import condition_of, emotion_offsets, parse_emotion
from talkgen.motion.facs import FELT
from talkgen.motion.flow import CONDITION, RAISED, SIZE, TURN, FlowConfig, FlowNet, FlowSampler
from talkgen.motion.generator import felt_channels
from talkgen.training.motion_emotion import enlivened, laid_offsets, random_conditions
from talkgen.training.motion_flow import FlowClip, FlowTrainConfig, paced, train_flow

TINY = FlowConfig(
    width=16, num_heads=2, hidden=24, num_layers=1, history=4, most=5, heard=6, num_styles=2,
    shape_size=3, steps=3, emotional=True,
)  # fmt: skip
BLOCKS = (1, 2, 5, 5)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return FlowNet(TINY).eval()


def heard(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, TINY.heard)).astype(np.float32)


def drawn(net, blocks=BLOCKS, **options):
    sampler = FlowSampler(net, **options)
    return np.concatenate([sampler.block(heard(frames, frames)).plain for frames in blocks])


def moved(net, strength, name="happy", **options):
    """Plain and felt motion of BLOCKS under an emotion of constant strength."""
    sampler = FlowSampler(net, seed=3, **options)
    draws = [sampler.block(heard(n, n), told(n, strength, name)) for n in BLOCKS]
    return tuple(np.concatenate([getattr(d, part) for d in draws]) for part in ("plain", "felt"))


def told(frames, strength, name="happy"):
    track = parse_emotion(f"{name}:{strength}")
    return condition_of(track, np.arange(frames) / 25 + 5.0)


def test_same_seed_same_motion(net):
    assert drawn(net, seed=3).shape == (13, SIZE)
    assert np.array_equal(drawn(net, seed=3), drawn(net, seed=3))
    assert not np.allclose(drawn(net, seed=3), drawn(net, seed=4))


def test_conditions_matter(net):
    plain = drawn(net, seed=3)
    assert not np.allclose(plain, drawn(net, seed=3, style=2))
    assert not np.allclose(plain, drawn(net, seed=3, shape=np.ones(3, np.float32)))
    assert not np.allclose(plain, drawn(net, seed=3, audio_guidance=2.0), atol=1e-5)


def test_unknown_past_is_not_read(net):
    """What stands where no frame is known changes nothing."""
    noisy, time = torch.randn(1, 2, SIZE), torch.tensor([0.5])
    known = torch.tensor([[False] * 4 + [True] * 2])
    given = {"heard": torch.randn(1, 6, TINY.heard), "known": known,
             "listen": torch.tensor([True]), "style": torch.tensor([0]),
             "shape": torch.zeros(1, 3), "feel": torch.tensor([True]),
             "felt": torch.randn(1, 6, CONDITION)}  # fmt: skip
    with torch.no_grad():
        one = net(noisy, time, torch.zeros(1, 4, SIZE), **given)
        other = net(noisy, time, torch.ones(1, 4, SIZE), **given)
    assert torch.allclose(one, other, atol=1e-6)


def test_every_parameter_gets_a_gradient(net):
    net.train()
    out = net(
        torch.randn(3, 5, SIZE), torch.rand(3), torch.randn(3, 4, SIZE),
        torch.randn(3, 9, TINY.heard), known=torch.ones(3, 9, dtype=torch.bool),
        listen=torch.tensor([True, False, True]), style=torch.tensor([0, 1, 2]),
        shape=torch.randn(3, 3), felt=torch.randn(3, 9, CONDITION),
        feel=torch.tensor([True, False, True]),
    )  # fmt: skip
    out.square().mean().backward()
    for name, parameter in net.named_parameters():
        if name != "place":  # its last places serve blocks that are longer
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_it_learns_the_mean_of_what_it_sees():
    """A constant motion is drawn as that constant."""
    count = 60
    rng = np.random.default_rng(0)
    motion = np.full((count, SIZE), 0.7, np.float32)
    motion += rng.normal(0, 0.4, motion.shape).astype(np.float32)
    clip = FlowClip(motion, heard(count), np.ones(count, bool), 1, np.zeros(3, np.float32))
    settings = FlowTrainConfig(steps=250, batch=16, average=0.9)
    net = train_flow(TINY, settings, [clip], 0, report=lambda _: None)
    sampler = FlowSampler(net, 0)
    made = np.concatenate([sampler.block(heard(5, n)).plain for n in range(8)])
    assert abs(float(made.mean()) - 0.7) < 0.2


def test_an_emotion_leaves_the_plain_motion_as_it_was(net):
    alone = drawn(net, seed=3)
    plain, felt = moved(net, 1.0)
    assert np.allclose(plain, alone, atol=1e-5)
    assert not np.allclose(felt, plain, atol=1e-3)
    for part in moved(net, 0.0):
        assert np.allclose(part, alone, atol=1e-5)


def test_guidance_scales_what_the_emotion_changes(net):
    """A single block from a known start: the way is linear in both scales for one step."""
    one = FlowNet(TINY.__class__(**{**TINY.to_dict(), "steps": 1})).eval()
    changes = {}
    for scale in (0.0, 1.0, 2.5):
        sampler = FlowSampler(one, seed=3, emotion_guidance=scale, audio_guidance=1.7)
        draw = sampler.block(heard(5), told(5, 0.8))
        changes[scale] = draw.felt - draw.plain
    assert np.allclose(changes[0.0], 0.0, atol=1e-5)
    assert np.abs(changes[1.0]).max() > 1e-3
    assert np.allclose(changes[2.5], 2.5 * changes[1.0], atol=1e-5)


def test_a_net_without_emotions_draws_as_before():
    torch.manual_seed(0)
    config = FlowConfig.from_dict({**TINY.to_dict(), "emotional": False})
    net = FlowNet(config).eval()
    assert not any("emotion" in name for name, _ in net.named_parameters())
    plain, felt = moved(net, 1.0)
    assert np.array_equal(plain, felt)


def test_random_emotions_are_what_the_sampler_is_told():
    conditions = random_conditions(np.random.default_rng(0), 300, 20)
    assert conditions.shape == (300, 20, CONDITION)
    strengths = conditions[..., 1:-2]
    assert strengths.min() >= 0
    assert strengths.sum(-1).max() <= 1 + 1e-5
    assert np.allclose(conditions[..., 0], 1 - strengths.sum(-1), atol=1e-5)
    assert (strengths.max((0, 1)) > 0.8).all()  # every class, strongly too
    changing = np.ptp(strengths, axis=1).max(1) > 0.05
    assert 0.1 < changing.mean() < 0.6
    single = told(1, 0.7)[0]
    assert single[1 + FELT.index("happy")] == pytest.approx(0.7, abs=1e-5)
    assert single[0] == pytest.approx(0.3, abs=1e-5)


def test_what_is_laid_under_is_the_table():
    """In silence and on average it is what `emotion_offsets` lays under."""
    for name in ("happy", "anger", "contempt"):
        track = parse_emotion(name)
        conditions = np.repeat(condition_of(track, np.full(1, 9.0))[None], 400, 0)
        still = np.zeros((400, 1), np.float32)
        laid = laid_offsets(conditions, still, np.random.default_rng(0)).mean(0)
        channels = felt_channels(laid)[0] * DRAWN
        wanted = np.mean([emotion_offsets(track, np.full(1, 9.0), seed=s)[0] for s in range(60)], 0)
        assert np.allclose(channels, wanted * DRAWN, atol=0.06), name
        assert np.abs(channels).max() > 0.3
    speaking = laid_offsets(conditions, still + 1, np.random.default_rng(0)).mean(0)
    assert np.abs(speaking).sum() < np.abs(laid).sum()


def test_arousal_gives_range_and_pace():
    motion = np.random.default_rng(0).normal(size=(60, SIZE)).astype(np.float32)
    high, low = (enlivened(motion, np.full(60, a, np.float32)) for a in (0.6, -0.6))
    assert high[:, TURN].std() > 1.2 * motion[:, TURN].std() > 1.4 * low[:, TURN].std()
    brow = RAISED.start + [CONTROLS[c] for c in UPPER].index("browInnerUp")
    cheek = RAISED.start + [CONTROLS[c] for c in UPPER].index("cheekSquint")
    assert high[:, brow].std() > 1.3 * motion[:, brow].std()
    assert np.array_equal(high[:, cheek], motion[:, cheek])
    ramp = np.tile(np.arange(60, dtype=np.float32)[:, None], (1, SIZE))
    assert np.allclose(paced(ramp, slice(20, 40), 0.0)[:, 0], np.arange(20, 40))
    fast = paced(ramp, slice(20, 40), 0.6)[:, 0]
    assert np.diff(fast).mean() == pytest.approx(np.exp(0.35 * 0.6), rel=1e-3)
    assert fast.mean() == pytest.approx(29.5, abs=1e-3)


def test_it_learns_an_emotion_and_stays_plain_without():
    """Still people; happy lifts the cheeks by the table, no emotion leaves them."""
    count = 60
    rng = np.random.default_rng(0)
    motion = rng.normal(0, 0.02, (count, SIZE)).astype(np.float32)
    zeros = np.zeros(count, np.float32)
    clip = FlowClip(motion, heard(count), np.ones(count, bool), 1, np.zeros(3, np.float32), zeros)
    settings = FlowTrainConfig(steps=400, batch=24, average=0.9, learning_rate=4e-3)
    net = train_flow(TINY, settings, [clip], 0, report=lambda _: None)
    cheek = RAISED.start + [CONTROLS[c] for c in UPPER].index("cheekSquint")
    strong = {}
    for strength in (0.0, 0.5, 1.0):
        plain, felt = moved(net, strength)
        assert abs(float(plain[3:, cheek].mean())) < 0.1
        strong[strength] = float((felt - plain)[3:, cheek].mean())
    assert strong[0.0] == 0.0
    assert 0.1 < strong[0.5] < strong[1.0]
    assert strong[1.0] > 0.3  # the table has 0.75; the net is tiny
