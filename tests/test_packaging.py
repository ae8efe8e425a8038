"""The three ways to install: a bare checkout, an editable install, a built wheel."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHECK = """
import sys, pathlib, talkgen
assert "torch" not in sys.modules
from talkgen import hub
import talkgen.pipelines.talk, talkgen.apps
assert "torch" not in sys.modules
names = set(hub.registry())
assert {"head", "detector", "landmarks", "motion"} <= names, names
for name in names:
    assert not hub.verify(name), hub.verify(name)
print(pathlib.Path(talkgen.__file__).parent)
print(hub.resolve("head"))
"""


def ask(python: Path | str, cwd: Path, *, isolated: bool = True, **environment: str) -> list[Path]:
    """Run the check; return where the package and its checkpoints were found."""
    flags = ["-P"] if isolated else []  # -P: the current folder is no place to import from
    run = [str(python), *flags]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment
    result = subprocess.run(
        [*run, "-c", CHECK], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    listing = subprocess.run(
        [*run, "-m", "talkgen", "models"],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listing.returncode == 0, listing.stderr
    assert "head" in listing.stdout
    return [Path(line) for line in result.stdout.split("\n") if line]


def own_environment(folder: Path) -> Path:
    """Return the Python of a new environment that sees this one's other packages, not talkgen."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    (site / "heavy.pth").write_text(_site_without_talkgen(folder / "others") + "\n")
    return folder / "bin" / "python"


def _site_without_talkgen(mirror: Path) -> str:
    """Return a folder of links to every installed package but talkgen."""
    mirror.mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if "talkgen" not in item.name and item.suffix != ".pth":
            (mirror / item.name).symlink_to(item)
    return str(mirror)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "talkgen"
    subprocess.run(["git", "-C", ROOT, "rev-parse"], check=True)
    files = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, files):  # what a clone would hold, with this tree's contents
        if (ROOT / name).is_file() and not name.startswith(("tests/", "results/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", source / "dist", source],
        check=True, capture_output=True,
    )  # fmt: skip
    return next((source / "dist").glob("*.whl"))


def test_wheel(wheel: Path, tmp_path: Path) -> None:
    python = own_environment(tmp_path / "env")
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)  # what an installer does with a wheel of plain Python
        tops = {name.split("/")[0] for name in file.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"talkgen"}
    package, head = ask(python, tmp_path)
    assert package == site / "talkgen"
    assert head == site / "talkgen" / "checkpoints" / "head"


def test_wheel_holds_every_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        packed = set(file.namelist())
    for top, prefix in (("talkgen", ""), ("pipelines", "talkgen/"), ("apps", "talkgen/")):
        for path in (ROOT / top).rglob("*.py"):
            assert prefix + path.relative_to(ROOT).as_posix() in packed


def test_checkout(tmp_path: Path) -> None:
    python = own_environment(tmp_path / "env")
    package, head = ask(python, ROOT, isolated=False)
    assert package == ROOT / "talkgen"
    assert head == ROOT / "checkpoints" / "head"
    package, _ = ask(python, tmp_path, PYTHONPATH=str(ROOT))
    assert package == ROOT / "talkgen"


def test_editable(tmp_path: Path) -> None:
    """An editable install finds everything in the checkout, from any folder."""
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for name in ("talkgen", "pipelines", "apps", "checkpoints", "examples", "pyproject.toml",
                 "README.md", "LICENSE"):  # fmt: skip
        (source / name).symlink_to(ROOT / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-q",
         "--disable-pip-version-check", "--no-index", "-t", site, "-e", source],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    python = own_environment(tmp_path / "env")
    target = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    for item in site.iterdir():
        item.rename(target / item.name)
    package, head = ask(python, tmp_path)
    assert package.resolve() == ROOT / "talkgen"
    assert head.resolve() == ROOT / "checkpoints" / "head"


def test_every_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
        "packages"
    ])  # fmt: skip
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "talkgen").rglob("__init__.py")
    }
    assert found <= listed
