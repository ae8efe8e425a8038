"""The server: its address, its beginning and end, its folder, and what the command says."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from talkgen.apps import server, sweep
from talkgen.apps.command import _environment_auth, _lines, _user
from talkgen.apps.files import Files
from talkgen.apps.settings import Settings
from talkgen.errors import InputError
from tests.apps.small import small

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, tmp: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `talkgen demo` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "talkgen", "demo", *arguments], cwd=ROOT, text=True, check=False,
        capture_output=True, timeout=60, env=os.environ | {"TMPDIR": str(tmp)} | environment,
    )  # fmt: skip


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_an_address_that_cannot_be_had_is_one_line(taken: int, tmp_path: Path) -> None:
    said = run("--port", str(taken), tmp=tmp_path)
    assert said.returncode == 2
    line = said.stderr.strip().split("\n")[-1]
    assert line == (
        f"talkgen: error: port {taken} is in use; choose another with --port, or 0 for any free one"
    )
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="is no address of this machine"):
        server.free_port("192.0.2.7", 0)
    with pytest.raises(InputError, match=r"`host` is 'nowhere.invalid', which is no address"):
        server.free_port("nowhere.invalid", 0)
    assert server.free_port("127.0.0.1", 0) > 0


def test_without_gradio_there_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['gradio'] = None; sys.argv = ['talkgen', 'demo', '--port', '0'];"
        "from talkgen.cli import main; main()"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 2
    expected = "talkgen: error: gradio is not installed; pip install 'talkgen[demo]'\n"
    assert said.stderr == expected


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"host": "http://x"}, "`host` is 'http://x'"),
        ({"port": 70000}, "`port` is 70000"),
        ({"workers": 0}, "`workers` is 0"),
        ({"waiting": 0}, "`waiting` is 0"),
        ({"most_mb": 0}, "`most_mb` is 0"),
        ({"most_seconds": float("nan")}, "`most_seconds` is nan"),
        ({"keep_hours": -1.0}, "`keep_hours` is -1"),
        ({"secret": "short"}, "`secret` has 5 characters, at least 8"),
        ({"auth": (("a", "b"), ("a", "c"))}, "`auth` names 'a' twice"),
        ({"auth": (("a", ""),)}, "`auth` has an empty user or password"),
    ],
)
def test_settings_are_checked(options: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings(**options)
    assert line in str(caught.value)


def test_users_are_read_from_options_file_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _user("ann:pass:word", 1) == ("ann", "pass:word")
    for text in ("ann", "ann:", ":word"):
        with pytest.raises(InputError) as caught:
            _user(text, 2)
        assert "user 2 of --auth is not USER:PASSWORD" in str(caught.value)
    users = tmp_path / "users"
    users.write_text("# who\n\nann:pass word\n bo:x \n")
    assert _lines(users) == ["ann:pass word", "bo:x"]
    users.write_text("#\n")
    for path, line in ((users, "names nobody"), (tmp_path / "gone", "cannot be read")):
        with pytest.raises(InputError, match=line):
            _lines(path)
    monkeypatch.setenv("TALKGEN_DEMO_AUTH", "ann:a bo:b")
    assert _environment_auth() == ["ann:a", "bo:b"]


def test_who_may_come_in_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    from talkgen.apps.command import _announce
    from talkgen.terminal import reported

    for settings, words, quiet in (
        (Settings(), "only this machine can open it", False),
        (Settings(host="0.0.0.0"), "talkgen: warning: 0.0.0.0 lets everybody in", True),
        (Settings(host="::", secret="long enough"), ":: lets other machines in", False),
    ):
        with reported(quiet, False) as say:
            _announce(server.address(settings), settings, say)
        said = capsys.readouterr()
        assert words in said.err
        assert "long enough" not in said.out + said.err
    assert server.address(Settings(host="0.0.0.0", port=80)) == "http://127.0.0.1:80"
    assert server.address(Settings(host="::", port=80)) == "http://[::1]:80"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_leaves_nothing(how: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "log"
    folder = tmp_path / "tmp"
    folder.mkdir()
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "talkgen", "demo", "--port", "0"], cwd=ROOT, stdout=out,
            stderr=subprocess.STDOUT, env=os.environ | {"TMPDIR": str(folder)},
            start_new_session=True,
        )  # fmt: skip
    try:
        while not (found := re.search(r"talkgen is at (\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        assert list(folder.glob("talkgen-demo-*"))
        with httpx.stream("GET", f"{found[1]}/gradio_api/heartbeat/window", timeout=30) as open_one:
            assert open_one.status_code == 200
            os.killpg(process.pid, how)  # as a terminal does: the workers get it too
            assert process.wait(20) == 0
    except httpx.HTTPError:  # the server closed the connection that was open
        assert process.wait(20) == 0
    finally:
        process.kill()
    said = log.read_text()
    assert said.endswith("talkgen: stopped\n")
    assert "Traceback" not in said
    assert not list(folder.glob("talkgen-demo-*"))


def test_it_answers_at_ipv6_too() -> None:
    try:
        server.free_port("::1", 0)
    except InputError:
        pytest.skip("no IPv6 here")
    with small(host="::1") as running:
        assert running.url.startswith("http://[::1]:")
        assert httpx.get(running.url, trust_env=False).status_code == 200


def test_proxies_and_gradios_own_settings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
        "GRADIO_SHARE": "true", "GRADIO_ALLOWED_PATHS": "/etc", "GRADIO_ANALYTICS_ENABLED": "True",
        "GRADIO_MCP_SERVER": "true", "GRADIO_DEBUG": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with small() as running:
        blocks = running.blocks
        assert not blocks.share
        assert not blocks.mcp_server
        assert not blocks.run_history
        assert "/etc" not in blocks.allowed_paths
        assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
        address = f"{running.url}/gradio_api/file=/etc/hostname"
        assert httpx.get(address, trust_env=False).status_code == 404
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "True"


# the folder


def aged(path: Path, hours: float) -> Path:
    """Make a file or folder, not used for some hours, as far as its dates tell."""
    if not path.suffix:
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def test_files_that_nobody_uses_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Files(tmp_path)
    page = aged(tmp_path / "examples" / "a.jpg", 99)
    files.publish()
    old, new = aged(tmp_path / "aa" / "old.wav", 7), aged(tmp_path / "bb" / "new.wav", 1)
    kept = aged(tmp_path / "made" / "alice" / "job" / "out.mp4", 7)
    gone = aged(tmp_path / "made" / "alice" / "over" / "out.mp4", 7)
    piece = aged(tmp_path / "tmpabc.part", 2)
    files.give("alice", old)
    job = SimpleNamespace(folder=kept.parent, state="working")
    swept: list[float] = []
    jobs = SimpleNamespace(of=lambda _: [job], sweep=lambda s: swept.append(s) or 0)
    monkeypatch.setattr(sweep, "_used", lambda state: state.st_mtime)  # ctime cannot be set
    assert sweep.sweep(files, 6 * 3600, jobs) == 3
    assert [p.exists() for p in (page, old, new, kept, gone, piece)] == [
        True, False, True, True, False, False
    ]  # fmt: skip
    assert swept == [6 * 3600]
    assert not files.may("alice", old)


def test_a_file_in_use_is_not_old(tmp_path: Path) -> None:
    files = Files(tmp_path)
    path = aged(tmp_path / "aa" / "old.wav", 7)  # its inode was changed just now
    assert sweep.sweep(files, 6 * 3600) == 0
    assert path.exists()


def test_folders_of_dead_servers_are_removed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweep, "BEGINS_S", 0.0)
    living, lock = sweep.new_root(tmp_path)
    dead, other = sweep.new_root(tmp_path)
    other.close()
    (dead / "file.mp4").write_bytes(b"x")
    bystander = tmp_path / "else"
    bystander.mkdir()
    (tmp_path / "talkgen-demo-link").symlink_to(bystander)
    assert dead.stat().st_mode & 0o077 == 0  # nobody else may look
    assert sweep.remove_abandoned(tmp_path) == [dead]
    assert living.exists()
    assert bystander.exists()
    assert not dead.exists()
    lock.close()


def test_a_young_folder_is_left_to_its_server(tmp_path: Path) -> None:
    young, lock = sweep.new_root(tmp_path)
    lock.close()
    assert sweep.remove_abandoned(tmp_path) == []
    assert young.exists()


def test_two_servers_never_share_a_folder(tmp_path: Path) -> None:
    with (
        small(root=tmp_path / "root"),
        pytest.raises(InputError, match="a server has"),
        small(root=tmp_path / "root"),
    ):
        pass
    assert not (tmp_path / "root").exists()
