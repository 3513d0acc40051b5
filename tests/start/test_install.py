import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.start import environment
from lib_lbw.start.environment import install
from lib_lbw.start.faults import StartError
from lib_lbw.start.home import Home
from lib_lbw.start.install import lines_or_ticks

RUNTIME = ("dependencies",)
BEGUN = "Installing collected packages: six, torch\n"


def start(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run lbw.py as a person does, from another folder."""
    command = [sys.executable, str(home.root / "lbw.py"), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=home.root.parent, timeout=120)


def test_first_start_installs_and_second_does_not(home: Home, pip: Any) -> None:
    first = start(home, "where", "a key")
    assert (first.returncode, first.stdout) == (0, "ran where a key\n"), first.stderr
    assert "First start" in first.stderr
    [call] = pip.calls()
    assert call[0] == "install"
    assert call[call.index("-c") + 1] == str(home.constraints)
    assert set(home.requirements("dependencies")) <= set(call)
    assert not any("index" in word for word in call), "pip's own configuration decides where packages come from"
    pip.will(status=1)
    second = start(home, "--port", "7")
    assert (second.stdout, second.stderr) == ("ran app --port 7\n", "")
    assert len(pip.calls()) == 1


def test_test_installs_the_test_group_too(made: Home, pip: Any) -> None:
    install(made, ("dependencies", "test"))
    assert set(made.requirements("dependencies") + made.requirements("test")) <= set(pip.calls()[0])
    assert made.holds("dependencies")
    assert made.holds("test")


def test_new_versions_are_installed_into_what_is_there(made: Home, pip: Any, capfd: pytest.CaptureFixture[str]) -> None:
    install(made, RUNTIME)
    (made.venv / "kept").touch()
    made.constraints.write_text(made.constraints.read_text("utf-8") + "einops==0.0.1\n", "utf-8")
    assert not made.holds("dependencies")
    install(made, RUNTIME)
    assert made.holds("dependencies")
    assert (made.venv / "kept").exists()
    assert "up to date" in capfd.readouterr().err


def break_interrupted(home: Home) -> None:
    home.unfinished.touch()


def break_interpreter(home: Home) -> None:
    home.python.unlink()


def break_interpreter_that_crashes(home: Home) -> None:
    (home.venv / "pyvenv.cfg").unlink()
    home.python.unlink()
    home.python.write_text("#!/bin/sh\nexit 1\n")
    home.python.chmod(0o755)


def make_from_spare(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sound `.venv` be made by copying the present one, in a moment."""
    spare = home.root / "spare"
    shutil.copytree(home.venv, spare, symlinks=True)

    def make(_: Home) -> None:
        shutil.copytree(spare, home.venv, symlinks=True, dirs_exist_ok=True)

    monkeypatch.setattr(environment, "_make", make)


@pytest.mark.parametrize("damage", [break_interrupted, break_interpreter, break_interpreter_that_crashes])
def test_a_broken_environment_is_made_anew(made: Home, pip: Any, monkeypatch: Any, damage: Any) -> None:
    install(made, RUNTIME)
    make_from_spare(made, monkeypatch)
    (made.venv / "old").touch()
    damage(made)
    install(made, RUNTIME)
    assert not (made.venv / "old").exists()
    assert not made.unfinished.exists()


def test_an_environment_of_another_python_is_made_anew(made: Home, pip: Any, monkeypatch: Any) -> None:
    make_from_spare(made, monkeypatch)
    (made.venv / "old").touch()
    monkeypatch.setattr(environment, "probe", lambda home: "3.9 pip")
    install(made, RUNTIME)
    assert not (made.venv / "old").exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("ERROR: x (from versions: none)\nERROR: No matching distribution found for torch", "cannot reach"),
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no torch==2.13.0 for this computer"),
        ("ERROR: nobody knows", "ERROR: nobody knows"),
    ],
)
def test_pip_fails_with_one_sentence(made: Home, pip: Any, output: str, sentence: str) -> None:
    pip.will(output, status=1)
    ended = start(made)
    assert ended.returncode == 2
    assert sentence in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert not made.holds("dependencies")


def test_a_failure_before_any_change_keeps_what_was_there(made: Home, pip: Any) -> None:
    install(made, RUNTIME)
    made.constraints.write_text("einops==0.0.1\n", "utf-8")
    pip.will("(from versions: none)", status=1)
    with pytest.raises(StartError):
        install(made, RUNTIME)
    assert not made.unfinished.exists()
    pip.will(BEGUN + "ERROR: [Errno 28]", status=1)
    with pytest.raises(StartError):
        install(made, RUNTIME)
    assert made.unfinished.exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "The virtual environment was not created because ensurepip is not available.",
            "sudo apt install python3-venv",
        ),
        ("Error: [Errno 13] Permission denied: '/opt/lbw/.venv'", "cannot be written to"),
        ("Error: [Errno 28] No space left on device", "disk is full"),
    ],
)
def test_venv_fails_with_one_sentence(home: Home, tmp_path: Path, monkeypatch: Any, output: str, sentence: str) -> None:
    stand_in = tmp_path / "stand-ins/venv"
    stand_in.mkdir(parents=True)
    (stand_in / "__main__.py").write_text(f"import sys\nprint({output!r})\nsys.exit(1)\n")
    (stand_in / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(stand_in.parent))
    ended = start(home)
    assert ended.returncode == 2
    assert sentence in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("number", "sentence"), [(errno.EROFS, "cannot be written to"), (errno.ENOSPC, "disk is full")]
)
def test_a_folder_that_refuses_is_one_sentence(home: Home, monkeypatch: Any, number: int, sentence: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StartError, match=sentence):
        install(home, RUNTIME)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_stops_pip_and_says_so(made: Home, pip: Any) -> None:
    pip.will(BEGUN, sleep=60)
    command = [sys.executable, str(made.root / "lbw.py")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as running:
        assert running.stderr
        while "installing six" not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        told = running.stderr.read()
    assert running.returncode == 2
    assert told == "Installation stopped; the next start begins it again.\n"
    assert made.unfinished.exists()


def test_lines_come_as_they_are_written_and_ticks_between() -> None:
    code = "import time; print('one', flush=True); time.sleep(0.3); print('two')"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        seen = list(lines_or_ticks(process, every=0.05))
    assert [line for line in seen if line] == ["one\n", "two\n"]
    assert "" in seen[seen.index("one\n") : seen.index("two\n")]
