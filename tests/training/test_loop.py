"""The shared fit loop learns, saves, goes on and starts again."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from talkgen.training.loop import Moment, Schedule, blend, fit, in_batches

SCHEDULE = Schedule(minutes=10, steps=200, rate=0.05, average=0.9, save_every_s=1e9)


def line(module: nn.Module, moment: Moment) -> Tensor:
    """Return the loss of a line y = 3 x - 1."""
    x = torch.from_numpy(moment.rng.uniform(-1, 1, (16, 1))).float()
    loss: Tensor = (module(x) - (3 * x - 1)).square().mean()
    return loss


def test_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Linear(1, 1)
    weights = fit(module, lambda m: line(module, m), SCHEDULE, tmp_path / "line.pt")
    assert float(weights["weight"]) == pytest.approx(3, abs=0.1)
    assert float(weights["bias"]) == pytest.approx(-1, abs=0.1)


def test_goes_on_and_starts_again(tmp_path: Path) -> None:
    state, steps = tmp_path / "line.pt", []
    short = dataclasses.replace(SCHEDULE, steps=3)
    for schedule, restart in ((short, False), (dataclasses.replace(short, steps=5), False),
                              (short, True)):  # fmt: skip
        module = nn.Linear(1, 1)

        def loss_of(moment: Moment, module: nn.Module = module) -> Tensor:
            steps.append(moment.step)
            return line(module, moment)

        fit(module, loss_of, schedule, state, restart=restart)
    assert steps == list(range(8))
    assert torch.load(state, weights_only=False)["step"] == 8


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    found = []
    for name in "ab":
        torch.manual_seed(0)
        module = nn.Linear(1, 1)
        schedule = dataclasses.replace(SCHEDULE, steps=4, minutes=1e9)
        found.append(fit(module, lambda m, n=module: line(n, m), schedule, tmp_path / name, seed=3))
    # The rate follows processor time as well as steps, so it is equal up to that alone.
    assert torch.allclose(found[0]["weight"], found[1]["weight"], atol=1e-6)


def test_rate_rises_and_falls() -> None:
    rates = [SCHEDULE.rate_at(p) for p in (0.0, 0.02, 0.5, 1.0)]
    assert rates[0] < 0.01 * rates[1]
    assert rates[1] > rates[2] > rates[3] == pytest.approx(SCHEDULE.rate * SCHEDULE.floor)


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    module.bias.requires_grad_(False)
    before = module.bias.clone()
    fit(module, lambda m: line(module, m), dataclasses.replace(SCHEDULE, steps=3), tmp_path / "l")
    assert torch.equal(module.bias, before)


def test_average_moves_towards_the_module() -> None:
    module = nn.BatchNorm1d(2)
    average = {k: torch.zeros_like(v) for k, v in module.state_dict().items()}
    blend(average, module, 0.75)
    assert torch.allclose(average["weight"], torch.full((2,), 0.25))


def test_batches_cover_all() -> None:
    assert [(s.start, s.stop) for s in in_batches(5, 2)] == [(0, 2), (2, 4), (4, 5)]
