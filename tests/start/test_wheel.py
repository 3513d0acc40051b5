"""`pip install .` gives lib_lbw with its data files, nothing else at the top, and the command `lbw`."""

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORED = {".pyc", ".log", ".tmp"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    [path] = builder.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_the_wheel_holds_lib_lbw_whole_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in held} == {"lib_lbw"}
    files = {path for path in (ROOT / "lib_lbw").rglob("*") if path.is_file() and path.suffix not in IGNORED}
    shared = {f"lib_lbw/ui/javascript/{path.name}" for path in (ROOT / "javascript").glob("*.js")}
    shared.add("lib_lbw/ui/panels.css")  # the root's style.css, where a WebUI looks for it
    assert held == {path.relative_to(ROOT).as_posix() for path in files} | shared


def test_the_wheel_gives_the_command(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "lbw = lib_lbw.__main__:main" in wheel.read(entry_points).decode()


def test_the_version_is_said_once_the_same_everywhere() -> None:
    tomllib = pytest.importorskip("tomllib")
    namespace: dict[str, object] = {}
    exec((ROOT / "lib_lbw/__init__.py").read_text("utf-8"), namespace)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == namespace["__version__"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
