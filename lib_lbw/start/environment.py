"""Makes `.venv` what it should be: of this Python, with pip, and filled with the right versions."""

import os
import shutil
import subprocess
import sys
import time

from lib_lbw.errors import LbwError
from lib_lbw.start.faults import (
    CPU_ONLY,
    MAKING,
    NO_VENV,
    READY,
    RENEWING,
    UPDATING,
    StartError,
    from_os_error,
    from_output,
    last_line,
    spoken,
)
from lib_lbw.start.home import VERSION, Home
from lib_lbw.start.install import pip_install

CUDA_INDEX = "https://download.pytorch.org/whl/cu130"


def install(home: Home, groups: tuple[str, ...]) -> None:
    """Install the requirements of `groups`, then stamp them.

    Raises:
        StartError: the installation failed; the sentence says why and what to do.
    """
    begun = time.monotonic()
    try:
        prepare(home)
        pip_install(home, [name for group in groups for name in home.requirements(group)])
        for group in groups:
            home.stamp(group).write_text(home.target(group), "utf-8")
        home.unfinished.unlink()
    except OSError as error:
        raise from_os_error(error, home.root) from error
    say(READY, seconds=time.monotonic() - begun)


def prepare(home: Home) -> None:
    """Leave a `.venv` of this Python with pip in it, marked unfinished; one that is broken or half done goes first."""
    found = probe(home)
    if home.venv.exists() and (home.unfinished.exists() or not found.startswith(VERSION)):
        say(RENEWING, folder=home.venv)
        shutil.rmtree(home.venv)
        found = ""
    else:
        say(UPDATING if found else MAKING, folder=home.venv)
    home.venv.mkdir(exist_ok=True)
    home.unfinished.touch()
    if not found.endswith("pip"):
        _make(home)
    if os.name == "nt" and shutil.which("nvidia-smi") and "PIP_EXTRA_INDEX_URL" not in os.environ:
        say(CPU_ONLY, index=CUDA_INDEX)


def _make(home: Home) -> None:
    python = getattr(sys, "_base_executable", sys.executable)  # this may be the interpreter of the .venv just removed
    command = [python, "-m", "venv", str(home.venv)]
    made = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if made.returncode:
        output = made.stdout + made.stderr
        raise from_output(output, home.root, otherwise=StartError(NO_VENV, error=last_line(output)))


def probe(home: Home) -> str:
    """Return what the interpreter of `.venv` says of itself: "3.11 pip", "3.11 " without pip, "" if it does not run."""
    question = (
        "import sys, importlib.util as u; print('%d.%d' % sys.version_info[:2], 'pip' if u.find_spec('pip') else '')"
    )
    command = [str(home.python), "-c", question]
    try:
        answer = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip("\r\n") if answer.returncode == 0 else ""


def say(template: str, **fields: object) -> None:
    """Write one message to stderr, in the user's language."""
    sys.stderr.write(spoken(LbwError(template, **fields)) + "\n")
