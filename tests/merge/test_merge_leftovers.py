"""What killed merges leave goes with the next one into the folder, and nothing of a merge that still runs."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib_lbw.lora.file import LoraFile
from lib_lbw.merge import leftovers
from lib_lbw.merge.leftovers import remove_leftovers, unfinished_name
from lib_lbw.merge.recipe import Recipe, Source
from tests.merge.merging import LAYERS, Made, merged

MERGING = """
import sys, time
from pathlib import Path
from lib_lbw.lora import atomic
from lib_lbw.merge import output
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.run import run_merge

def wait(*_, **__):
    print("there", flush=True)
    time.sleep(600)

folder, moment = Path(sys.argv[1]), sys.argv[2]
if moment == "writing":
    atomic.os.fsync = wait
else:
    output.put_in_place = wait
run_merge(plan_merge(Recipe("merge", (Source(folder / "a.safetensors"),), folder / f"{moment}.safetensors")))
"""


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Made(dict.fromkeys(LAYERS, "lora")).write(tmp_path, "a")
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """Two merges, one at its first byte and one before its last, that never go on."""
    begun = {}
    for moment in ("writing", "naming"):
        words = [sys.executable, "-c", MERGING, str(folder), moment]
        begun[moment] = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    for process in begun.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
    yield begun
    for process in begun.values():
        process.kill()
        process.communicate()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing is killed like that here")
def test_the_next_merge_takes_away_what_a_killed_one_left(
    folder: Path, running: dict[str, "subprocess.Popen[str]"]
) -> None:
    before = hidden(folder)
    assert sorted(name.partition(".part-")[0] for name in before) == ["..writing.safetensors", ".naming.safetensors"]
    merged(Recipe("merge", (Source(folder / "a.safetensors"),), folder / "b.safetensors"))
    assert sorted(hidden(folder)) == sorted(before)  # both still run
    os.kill(running["writing"].pid, signal.SIGKILL)
    running["writing"].wait()
    merged(Recipe("merge", (Source(folder / "a.safetensors"),), folder / "c.safetensors"))
    assert [name.partition(".part-")[0] for name in hidden(folder)] == [".naming.safetensors"]
    os.kill(running["naming"].pid, signal.SIGKILL)
    running["naming"].wait()
    merged(Recipe("merge", (Source(folder / "a.safetensors"),), folder / "d.safetensors"))
    assert hidden(folder) == []
    assert sorted(path.stem for path in folder.iterdir()) == ["a", "b", "c", "d"]
    assert all(LoraFile(path).modules for path in folder.iterdir())


def gone() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_only_files_of_ours_are_taken_away(tmp_path: Path) -> None:
    ours = unfinished_name(tmp_path / "a.safetensors").name.removesuffix(str(os.getpid()))
    dead = gone()
    kept = [
        f"{ours}{os.getpid()}", f"{ours}1", f"{ours}{os.getppid()}.tmp-{os.getppid()}", f"{ours}x", f"x{ours}{dead}",
        f".a.safetensors.part-00000000-{dead}", f".a.safetensors.part-{dead}", f".a.safetensors.tmp-{dead}",
        f"{ours}{dead}.safetensors", "a.safetensors", f"{ours}99999999999999999999",
    ]  # fmt: skip
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / f"{ours}{dead}").touch()
    (tmp_path / f".{ours}{dead}.tmp-{dead}").touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(kept)


def test_another_container_on_the_same_folder_is_another_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def name() -> str:
        leftovers._machine.cache_clear()
        return unfinished_name(tmp_path / "a").name

    try:
        own = name()
        assert name() == own
        monkeypatch.setattr(os, "readlink", lambda _: "pid:[1]")
        assert name() != own
        monkeypatch.undo()
        monkeypatch.setattr("platform.node", lambda: "elsewhere")
        assert name() != own
    finally:
        leftovers._machine.cache_clear()


@pytest.mark.parametrize(("handle", "error", "stays"), [(7, 0, True), (0, 5, True), (0, 87, False)])
def test_windows_is_asked_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, handle: int, error: int, stays: bool
) -> None:
    closed: list[int] = []
    kernel = SimpleNamespace(OpenProcess=lambda *_: handle, CloseHandle=closed.append)
    file = unfinished_name(tmp_path / "a")
    file.touch()

    def never(*_: Any) -> None:
        raise AssertionError("this would end the process")

    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: error, raising=False)
    monkeypatch.setattr(os, "kill", never)
    monkeypatch.setattr(leftovers, "os", SimpleNamespace(**{**vars(os), "name": "nt"}))
    remove_leftovers(tmp_path)
    assert (file.exists(), closed) == (stays, [handle] if handle else [])
