"""Runs pip as it is configured on this computer, and watches it."""

import os
import queue
import subprocess
import threading
from collections.abc import Iterable, Iterator

from lib_lbw.start.faults import PIP_FAILED, STOPPED, StartError, from_output, last_line
from lib_lbw.start.home import Home
from lib_lbw.start.progress import Progress


def pip_install(home: Home, requirements: Iterable[str]) -> None:
    """Install `requirements` into `.venv` at the versions of constraints.txt; show what pip is at, keep its output.

    Raises:
        StartError: pip failed or was stopped.
    """
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "-c", str(home.constraints)]
    progress, output = Progress(home.venv), []
    with subprocess.Popen(
        [str(home.python), "-m", "pip", "install", *options, *requirements],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in lines_or_ticks(process):
                progress.show(line)
                output.append(line)
        except KeyboardInterrupt:
            process.terminate()
            raise StartError(STOPPED) from None
        finally:
            progress.clear()
    text = "".join(output)
    home.log.write_text(text, "utf-8")
    if process.returncode:
        if not progress.installing:
            home.unfinished.unlink()  # nothing was changed yet: what was installed before still works
        raise from_output(text, home.root, otherwise=StartError(PIP_FAILED, error=last_line(text), log=home.log))


def lines_or_ticks(process: "subprocess.Popen[str]", every: float = 1.0) -> Iterator[str]:
    """Yield the lines that `process` writes, and "" whenever it wrote nothing for `every` seconds."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=every)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            return
        yield line
