import os
import sys
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.start import main as start
from lib_lbw.start.faults import NO_NETWORK, StartError
from lib_lbw.start.home import Home
from lib_lbw.start.progress import Progress


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ([], ["-m", "lib_lbw", "app"]),
        (["--no-browser", "--port", "9"], ["-m", "lib_lbw", "app", "--no-browser", "--port", "9"]),
        (["where", "--json", "k"], ["-m", "lib_lbw", "where", "--json", "k"]),
        (["analyze", "--help"], ["-m", "lib_lbw", "analyze", "--help"]),
        (["test", "-x", "tests/cli"], ["-m", "pytest", "-x", "tests/cli"]),
    ],
)
def test_words_choose_what_runs(words: list[str], runs: list[str], home: Home, monkeypatch: Any) -> None:
    ran: list[object] = []
    monkeypatch.setattr(start, "ensure", lambda where, groups: ran.append(groups))
    monkeypatch.setattr(start, "run", lambda where, arguments: ran.append(arguments) or 0)
    monkeypatch.chdir(home.root.parent)
    assert start.main(words, "", home) == 0
    assert ran == [start.TEST if words[:1] == ["test"] else start.RUNTIME, runs]
    assert Path.cwd() == (home.root if words[:1] == ["test"] else home.root.parent)


def test_help_needs_no_installation(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["--help"], "how to\n", home) == 0
    assert capsys.readouterr().out == "how to\n"
    assert not home.venv.exists()


@pytest.mark.parametrize("fault", [StartError(NO_NETWORK), KeyboardInterrupt()])
def test_a_fault_is_one_sentence_and_two(fault: BaseException, home: Home, monkeypatch: Any, capsys: Any) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(start, "ensure", fail)
    assert start.main([], "", home) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_stamped_is_not_installed_again(made: Home, monkeypatch: Any) -> None:
    installed: list[object] = []
    monkeypatch.setattr(start, "install", lambda home, groups: installed.append(groups))
    start.ensure(made, start.TEST)
    assert installed == [start.TEST]
    made.stamp("dependencies").write_text(made.target("dependencies"), "utf-8")
    start.ensure(made, start.RUNTIME)
    assert installed == [start.TEST]
    start.ensure(made, start.TEST)
    assert installed == [start.TEST, start.TEST]


PIP = [
    "Collecting torch==2.13.0 (from -r x)\n",
    "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (888.1 MB)\n",
    "Processing /opt/wheels/six-1.16.0-py2.py3-none-any.whl\n",
    "WARNING: noise\n",
    "Installing collected packages: six, torch\n",
]


def test_progress_names_what_pip_is_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(tmp_path)
    for line in PIP:
        assert not progress.installing
        progress.show(line)
    assert progress.installing
    packages = tmp_path / ("Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages")
    (packages / "six-1.16.0.dist-info").mkdir(parents=True)
    progress.show("")
    progress.show("")
    assert capsys.readouterr().err.splitlines() == [
        "[0:00] reading torch==2.13.0",
        "[0:00] downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (888.1 MB)",
        "[0:00] reading six-1.16.0-py2.py3-none-any.whl",
        "[0:00] installing six (1 of 2)",
        "[0:00] installing torch (2 of 2)",
    ]


def test_progress_rewrites_one_line_on_a_terminal(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress = Progress(tmp_path)
    progress.show(PIP[1])
    progress.show("")
    progress.clear()
    written = capsys.readouterr().err
    assert "\n" not in written
    assert written.count("\r[0:00] downloading torch-2.13.0") == 2
    assert written.endswith(" \r")
