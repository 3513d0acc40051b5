import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker

from lib_lbw.start.faults import StartError
from lib_lbw.start.home import Home

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+))?")


def pins(python: str, platform: str) -> list[tuple[str, str]]:
    """The lines of constraints.txt that hold for a Python and a system."""
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    found = [match for line in lines if (match := PIN.fullmatch(line))]
    assert len(found) == len(lines), "every line is one exact version"
    where = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": platform}
    return [(m["name"], m["version"]) for m in found if not m["marker"] or Marker(m["marker"]).evaluate(where)]


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_one_version(python: str, platform: str) -> None:
    held = pins(python, platform)
    assert len({name for name, _ in held}) == len(held)
    wanted = Home(ROOT).requirements("dependencies") + Home(ROOT).requirements("test")
    names = {re.split(r"[<>=!~ \[]", requirement)[0] for requirement in wanted}
    assert names <= {name for name, _ in held}


@pytest.mark.parametrize(("group", "keys"), [("dependencies", ("project",)), ("test", ("dependency-groups",))])
def test_requirements_are_what_toml_says(group: str, keys: tuple[str, ...]) -> None:
    tomllib = pytest.importorskip("tomllib")
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for key in keys:
        table = table[key]
    assert Home(ROOT).requirements(group) == table[group]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_damaged_program_is_named(home: Home, name: str) -> None:
    (home.root / name).unlink()
    with pytest.raises(StartError, match=f"{name} is missing or damaged"):
        home.holds("dependencies")


def test_a_group_that_is_not_there_is_damage(home: Home) -> None:
    with pytest.raises(StartError, match=r"pyproject.toml is missing or damaged"):
        home.requirements("nothing")


def test_old_python_is_told_so(home: Home) -> None:
    """The real interpreter of this test plays an old one: `sys.version_info` is set before lbw.py is read."""
    play = "import sys, runpy; sys.version_info = (3, 9, 1); runpy.run_path('lbw.py', run_name='__main__')"
    for locale, words in (("C", "needs Python 3.10 or newer"), ("ja_JP.UTF-8", "Python 3.10 以降が必要")):
        environment = {"LC_ALL": locale, "PYTHONIOENCODING": "utf-8"}
        told = subprocess.run([sys.executable, "-c", play], cwd=home.root, env=environment, capture_output=True)
        assert told.returncode == 2
        assert words in told.stderr.decode("utf-8")
        assert told.stderr.count(b"\n") == 1


def test_an_old_python_can_read_lbw() -> None:
    """Nothing newer than 3.6 in the file itself: no annotations import, walrus, match or positional-only marks."""
    source = (ROOT / "lbw.py").read_text("utf-8")
    compile(source, "lbw.py", "exec", flags=0x400, _feature_version=6)
