"""`scripts/evaluate.py`: what it makes of scores, without a clip."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "evaluate.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("evaluate_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = {
    "ours": {"a": {"mouth_r": 0.6, "m_lmd": 1.0}, "b": {"mouth_r": 0.4, "m_lmd": 2.0}},
    "other": {"a": {"mouth_r": 0.7, "m_lmd": 0.5, "csim": 0.9}, "b": {"mouth_r": 0.1}},
}


def test_interval_holds_the_mean_and_narrows(script):
    rng = np.random.default_rng(1)
    few, many = rng.normal(0.5, 0.1, 8).tolist(), rng.normal(0.5, 0.1, 800).tolist()
    low, high = script.interval(few)
    assert low < np.mean(few) < high
    assert 0.05 < high - low < 0.25
    low, high = script.interval(many)
    assert high - low < 0.03
    assert script.interval([0.3]) == (0.3, 0.3)


def test_summary_counts_what_each_score_has(script):
    found = script.summary(ROWS["other"])
    assert found["mouth_r"] == {"mean": 0.4, "interval": [0.1, 0.7], "n": 2}
    assert found["csim"]["n"] == 1


def test_wins_heed_the_direction(script):
    found = script.wins(ROWS, "ours")
    assert set(found) == {"other"}
    assert found["other"]["mouth_r"]["better"] == 1
    assert found["other"]["mouth_r"]["n"] == 2
    assert found["other"]["mouth_r"]["difference"] == pytest.approx(-0.1)
    assert found["other"]["m_lmd"] == {
        "better": 1, "n": 1, "difference": -0.5, "interval": [-0.5, -0.5],
    }  # fmt: skip
    assert "csim" not in found["other"]  # ours has none to pair with


def test_table_says_units_counts_and_what_is_absent(script):
    result = {
        "methods": {name: script.summary(rows) for name, rows in ROWS.items()},
        "mouth_frechet": {"ours": {"distance": 3.2, "n": 300, "floor": 0.4}},
    }
    text = script.table(result)
    row = next(line for line in text.splitlines() if line.startswith("| m_lmd ↓ % of eyes"))
    assert "1.5 [1, 2] n 2" in row
    assert "| csim ↑ cosine | – | 0.9 [0.9, 0.9] n 1 |" in text
    assert "3.2 (floor 0.4) n 300 | –" in text
    assert "| FVD | absent | absent |" in text


def test_folders_are_paired_by_name(script, tmp_path, capsys):
    for folder, names in (("ours", "abc"), ("real", "bcd")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.mp4").touch()
    assert script.method_of(f"x={tmp_path / 'ours'}") == ("x", tmp_path / "ours")
    names = script.shared_names({"x": tmp_path / "ours"}, tmp_path / "real", None)
    assert names == ["b", "c"]
    assert "left out, not everywhere: a" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="is no NAME=FOLDER"):
        script.method_of("nothing")
    with pytest.raises(SystemExit, match=r"no NAME\.mp4"):
        script.shared_names({"x": tmp_path / "ours"}, tmp_path / "real", ["a"])
