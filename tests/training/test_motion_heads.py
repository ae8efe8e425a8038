"""Training of encoder and trunk: an interrupted run ends where an uninterrupted one does."""

import contextlib

import numpy as np
import torch

from talkgen.motion.mouth import FAINTER, closing_gate
from talkgen.motion.speech_motion import SpeechMotion, SpeechMotionConfig
from talkgen.training.motion_crops import CropSet
from talkgen.training.motion_data import NUM_OUTPUTS
from talkgen.training.motion_heads import HeadsConfig, gate_of, train_trunk

TINY = SpeechMotionConfig(
    encoder={"width": 16, "hidden": 24, "num_heads": 2, "conv_back": (2,), "conv_ahead": (1,),
             "attend_back": (4,)},
    width=16, num_heads=2, hidden=24, look_back=(4,), look_ahead=(1,),
)  # fmt: skip


def crops(count, frames=25):
    rng = np.random.default_rng(count)
    return CropSet(
        rng.normal(size=(count, 4 * frames, 80)).astype(np.float16),
        rng.normal(size=(count, frames, NUM_OUTPUTS)).astype(np.float16),
        np.ones((count, frames), bool),
        rng.integers(0, 29, (count, 2 * frames)).astype(np.int8),
        np.arange(count),
    )


class _Halted(Exception):
    pass


def run(path, halt_at=None):
    torch.manual_seed(0)
    model = SpeechMotion(TINY)
    settings = HeadsConfig(steps=6, batch=3, speech_batch=2, bfloat16=False)

    def report(text):
        if halt_at is not None and f"step {halt_at} " in text:
            raise _Halted

    real, synthetic = crops(8), crops(5)
    teacher = (real.targets, synthetic.targets)
    return train_trunk(
        model, settings, (real, np.arange(8)), synthetic, 1, report=report, check_every=2,
        teacher=teacher, state_path=path,
    )  # fmt: skip


def test_a_resumed_run_is_the_same(tmp_path):
    whole = run(tmp_path / "whole.pt")
    with contextlib.suppress(_Halted):
        run(tmp_path / "halted.pt", halt_at=4)
    resumed = run(tmp_path / "halted.pt")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_crops_are_saved_and_loaded(tmp_path):
    made = crops(4)
    made.save(tmp_path / "crops.npz")
    again = CropSet.load(tmp_path / "crops.npz")
    assert len(again) == 4
    assert np.array_equal(made.features, again.features)


def test_the_gate_in_training_is_the_one_in_use():
    """Apart from faint peaks, which have no gradient."""
    rng = np.random.default_rng(0)
    phones = rng.dirichlet(np.full(29, 0.05), 40).astype(np.float32)
    one = gate_of(torch.from_numpy(phones)[None])[0].numpy()
    assert (closing_gate(phones) <= one + 1e-6).all()
    calm = np.minimum(phones, FAINTER / 3)
    assert np.allclose(closing_gate(calm), gate_of(torch.from_numpy(calm)[None])[0], atol=1e-6)
