"""The app as the command line starts it on the embedded model, and a real browser's page of it, for tests to use."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 180_000  # milliseconds: other work may share the machine

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
MARKS = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]

expect = playwright.expect
Page = playwright.Page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        assert process.poll() is None, "the app ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    pytest.fail("the app did not start")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's data folder of the app under test."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def app(data: Path) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "XDG_DATA_HOME": str(data), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lib_lbw", "app", "--no-browser", "--port", str(port)]
    with (
        (data / "log.txt").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def watched(browser: "playwright.Browser", app: str, height: int) -> Iterator[Page]:
    """An English page of the app, on which no script of what a user types may run and which asks nobody but the app."""
    context = browser.new_context(viewport={"width": 1280, "height": height}, locale="en-US")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    surprises: list[str] = []
    opened.on("dialog", lambda dialog: (surprises.append(dialog.message), dialog.dismiss()))
    opened.on("pageerror", lambda error: surprises.append(str(error)))
    opened.on("request", lambda request: surprises.append(request.url) if outside(request.url, app) else None)
    opened.goto(app)
    yield opened
    context.close()
    assert surprises == []


@pytest.fixture
def page(app: str, browser: "playwright.Browser") -> Iterator[Page]:
    """A fresh page that shows the weights of its prompt."""
    with watched(browser, app, 900) as opened:
        expect(opened.locator("#lbw-diagram svg")).to_be_visible()
        yield opened


def outside(url: str, app: str) -> bool:
    return not url.startswith((app, "data:", "blob:"))


def set_steps(page: Page, steps: int) -> None:
    page.get_by_role("button", name="Picture settings").click()
    field = page.locator("#lbw-steps input[type=number]")
    for _ in range(20):  # a field that is still unfolding takes its first value once more, over what was typed
        field.fill(str(steps))
        field.blur()
        page.wait_for_timeout(300)
        if field.input_value() == str(steps):
            break
    expect(field).to_have_value(str(steps))
