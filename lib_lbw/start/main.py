"""Install what is missing, then run what was asked for with the interpreter of `.venv`."""

import os
import subprocess
import sys
from pathlib import Path

from lib_lbw.start.environment import install
from lib_lbw.start.faults import STOPPED, StartError, spoken
from lib_lbw.start.home import Home

HOME = Home(Path(__file__).resolve().parents[2])
RUNTIME = ("dependencies",)
TEST = ("dependencies", "test")


def main(arguments: list[str], usage: str, home: Home = HOME) -> int:
    """Run `lbw.py` with `arguments`; 2 where the user must mend something first, which stderr then says."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(usage)
        return 0
    testing = arguments[:1] == ["test"]
    try:
        ensure(home, TEST if testing else RUNTIME)
    except StartError as error:
        sys.stderr.write(spoken(error) + "\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(spoken(StartError(STOPPED)) + "\n")
        return 2
    if testing:
        os.chdir(home.root)
        return run(home, ["-m", "pytest", *arguments[1:]])
    named = bool(arguments) and not arguments[0].startswith("-")
    return run(home, ["-m", "lib_lbw", *(arguments if named else ["app", *arguments])])


def ensure(home: Home, groups: tuple[str, ...]) -> None:
    """Install `groups` unless every stamp says that they are there; that look takes a millisecond."""
    if not all(home.holds(group) for group in groups):
        install(home, groups)


def run(home: Home, arguments: list[str]) -> int:
    """Run the interpreter of `.venv` in place of this one and return its exit status."""
    path = os.pathsep.join(filter(None, [str(home.root), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"}
    command = [str(home.python), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(command[0], command, environment)
    process = subprocess.Popen(command, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the child got it too, and ends in its own way
            continue
