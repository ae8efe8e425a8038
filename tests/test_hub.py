"""Checkpoints are found in the order that the registry promises."""

import json
from pathlib import Path

import pytest

from talkgen import hub
from talkgen.errors import CheckpointError


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALKGEN_CACHE", str(tmp_path))
    folder = tmp_path / "checkpoints" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def test_path_before_name(cached: Path) -> None:
    assert hub.resolve(cached) == cached
    assert hub.resolve("mine") == cached


def test_shipped_before_cache(cached: Path) -> None:
    own = cached.parent / "head"
    own.mkdir()
    (own / "config.json").write_text("{}")
    assert hub.resolve("head") != own


@pytest.mark.parametrize("name", ["absent", "", "../mine", "no/such/folder"])
def test_missing_says_where_it_looked(cached: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        hub.resolve(name)


def test_every_shipped_file_is_registered_and_whole() -> None:
    entries = hub.registry()
    folder = next(f for f in hub.search_folders() if (f / "registry.json").is_file())
    shipped = {p.parent.name for p in folder.glob("*/config.json")}
    assert shipped == set(entries)
    for name, entry in entries.items():
        assert set(entry["files"]) >= {"config.json", "model.safetensors"}
        assert hub.verify(name) == []
        assert (folder / name / "README.md").is_file()


def test_damage_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoints" / "net"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    entry = {"net": {"files": {"config.json": "0" * 64, "model.safetensors": "0" * 64}}}
    (folder.parent / "registry.json").write_text(json.dumps(entry))
    monkeypatch.setattr(hub, "search_folders", lambda: iter([folder.parent]))
    problems = hub.verify("net")
    assert len(problems) == 2
    assert "differs" in problems[0]
    assert "missing" in problems[1]


def test_perception_stays_small() -> None:
    """What reads faces comes along with the package: 14 MB are its budget."""
    names = ("detector", "landmarks", "identity", "matte")
    assert sum(hub.registry()[name]["bytes"] for name in names) <= 14e6
