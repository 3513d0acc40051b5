"""The preset editor in the app and a page of it, for the tests that use it in a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib_lbw.demo import demo_lora_path

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 60_000  # milliseconds: other work may share the machine
HOSTILE = ("<img src=x onerror=alert(1)>", '"><script>alert(2)<script>', "${7*7}", "{{7*7}}")

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
MARKS = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]
expect = playwright.expect
Page = playwright.Page
Locator = playwright.Locator


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's data folder of the app under test, with LoRAs whose names try to break out of the page."""
    folder = tmp_path_factory.mktemp("data")
    loras = folder / "lora-block-weight" / "loras"
    loras.mkdir(parents=True)
    for name in HOSTILE:
        shutil.copy(demo_lora_path("inkstyle"), loras / f"{name}.safetensors")
    return folder


@pytest.fixture(scope="module")
def app(data: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "XDG_DATA_HOME": str(data), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lib_lbw", "app", "--no-browser", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with (
        (data / "log.txt").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for(url, process)
            yield url
        finally:
            process.terminate()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        assert process.poll() is None, "the app ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
        else:
            return
    pytest.fail("the app did not start")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


class Panel:
    """The editor in a page, and the file it writes."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.file = page, file
        self.root = page.locator(".lbw-panel[data-lbw=presets]")
        self.text = self.root.get_by_label("Weights as text")
        self.name = self.root.get_by_label("Name of the preset")
        self.note = self.root.locator(".lbw-note[aria-live], .lbw-note.lbw-fault").last

    def open(self) -> None:
        self.page.get_by_role("tab", name="Presets", exact=True).click()
        expect(self.root.locator(".lbw-item[aria-selected=true]")).to_be_visible()

    def reload(self) -> None:
        self.page.reload()
        self.open()

    def press(self, label: str) -> None:
        self.root.get_by_role("button", name=label, exact=True).click()

    def unfold(self, label: str) -> None:
        self.root.locator(".lbw-drawers > * > summary, [data-elements] > * > summary").get_by_text(
            label, exact=True
        ).click()

    def choose(self, name: str) -> None:
        self.root.locator(".lbw-item", has_text=re.compile(f"^{re.escape(name)}")).first.click()
        expect(self.name).to_have_value(name)

    def block(self, name: str) -> Locator:
        return self.root.locator(f"[data-block={name}]")

    def drag(self, name: str, share: float) -> None:
        """Drag a bar by this share of its width."""
        box = self.block(name).locator(".lbw-frame").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + share * box["width"], y, steps=3)
        self.page.mouse.up()

    def saved(self, pattern: str) -> None:
        """Wait until the file holds this."""
        end = time.monotonic() + PATIENCE / 1000
        while not (self.file.exists() and re.search(pattern, self.file.read_text("utf-8"), re.M)):
            assert time.monotonic() < end, self.file.read_text("utf-8") if self.file.exists() else "no file"
            self.page.wait_for_timeout(50)
        expect(self.root.locator(".lbw-state")).to_have_text("Saved")


@pytest.fixture
def write(data: Path) -> Path:
    """The presets' file; every test begins without one."""
    folder = data / "lora-block-weight" / "presets"
    shutil.rmtree(folder, ignore_errors=True)
    return folder / "presets.txt"


@pytest.fixture
def panel(app: str, browser: "playwright.Browser", write: Path) -> Iterator[Panel]:
    """A fresh editor, on which no script of a name may run and which asks nobody but its app."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, locale="en-US")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    surprises: list[str] = []
    page.on("dialog", lambda dialog: (surprises.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: surprises.append(str(error)))
    page.on("request", lambda request: surprises.append(request.url) if outside(request.url, app) else None)
    page.goto(app)
    opened = Panel(page, write)
    opened.open()
    yield opened
    context.close()
    assert surprises == []


def outside(url: str, app: str) -> bool:
    return not url.startswith((app, "data:", "blob:"))
