"""A program folder with its own `.venv`, and a stand-in for `pip` that PYTHONPATH puts before the real one."""

import json
import os
import shutil
import venv
from pathlib import Path

import pytest

from lib_lbw.start.home import Home

ROOT = Path(__file__).resolve().parents[2]

STAND_IN = """
import json, os, pathlib, sys, time
folder = pathlib.Path(__file__).parent
plan = json.loads((folder / "plan.json").read_text("utf-8"))
with (folder / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
print(plan["output"], flush=True)
time.sleep(plan["sleep"])
sys.exit(plan["status"])
"""


class StandIn:
    """A package whose `python -m` prints what it is told to, and remembers its arguments."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        (self.folder / "__init__.py").touch()
        (self.folder / "__main__.py").write_text(STAND_IN)
        self.will()

    def will(self, output: str = "", status: int = 0, sleep: float = 0.0) -> None:
        plan = {"output": output, "status": status, "sleep": sleep}
        (self.folder / "plan.json").write_text(json.dumps(plan), "utf-8")

    def calls(self) -> list[list[str]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A program folder without `.venv`, in an English locale."""
    monkeypatch.setenv("LC_ALL", "C")
    folder = tmp_path / "program"
    folder.mkdir()
    for name in ("pyproject.toml", "constraints.txt", "lbw.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "lib_lbw/start", folder / "lib_lbw/start")
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "lib_lbw" / name, folder / "lib_lbw")
    (folder / "lib_lbw/__main__.py").write_text("import sys\nprint('ran', *sys.argv[1:])\n")
    return Home(folder)


@pytest.fixture
def made(home: Home) -> Home:
    """The same with a `.venv` that has no pip of its own."""
    venv.create(home.venv, symlinks=os.name != "nt")
    return home


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stand-ins"))
    return StandIn(tmp_path / "stand-ins", "pip")
