"""Fixtures that several folders of tests share."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # as the commands do, before NumPy loads
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture(scope="session")
def voice_like():
    """A maker of (N,) sounds: a buzz of 120 Hz that comes and goes, over faint noise."""

    def make(seconds: float, rate: int = 16000, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        t = np.arange(int(seconds * rate)) / rate
        buzz = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 25))
        swell = np.clip(np.sin(2 * np.pi * 1.3 * t), 0, 1)
        return (0.1 * buzz * swell + 1e-4 * rng.normal(size=t.size)).astype(np.float32)

    return make
