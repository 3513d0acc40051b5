"""The preset editor in the app and a page of it, for the tests that use it in a real browser."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib_lbw.demo import demo_lora_path
from tests.ui.running_app import MARKS, PATIENCE, Page, app, browser, expect, playwright, watched

__all__ = ["MARKS", "app", "browser", "expect"]
HOSTILE = ("<img src=x onerror=alert(1)>", '"><script>alert(2)<script>', "${7*7}", "{{7*7}}")

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
    with watched(browser, app, 1000) as page:
        opened = Panel(page, write)
        opened.open()
        yield opened
