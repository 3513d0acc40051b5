"""The panels under other generations of gradio: LBW_GRADIO_PYTHONS lists interpreters that have them, like a path."""

import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import lib_lbw
from lib_lbw.ui import scripts

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
PATIENCE = 120_000  # milliseconds
PAGE = Path(__file__).with_name("small_page.py")
PYTHONS = [each for each in os.environ.get("LBW_GRADIO_PYTHONS", "").split(os.pathsep) if each]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
    pytest.mark.skipif(not PYTHONS, reason="LBW_GRADIO_PYTHONS names no interpreter with another gradio"),
]
expect = playwright.expect


@pytest.fixture(params=PYTHONS or ["none"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the small page under one of the interpreters."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    root = str(Path(lib_lbw.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}
    command = [request.param, str(PAGE), str(tmp_path / "presets"), str(port)]
    log = tmp_path / "log.txt"
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, env=environment, stdout=stream, stderr=stream) as process,
    ):
        try:
            end = time.monotonic() + PATIENCE / 1000
            while not answers(f"http://127.0.0.1:{port}"):
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < end, log.read_text("utf-8")
                time.sleep(0.3)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
    return True


def test_the_editor_works(served: str, tmp_path: Path) -> None:
    file = tmp_path / "presets" / "presets.txt"
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        surprises: list[str] = []
        page.on("pageerror", lambda error: surprises.append(str(error)))
        page.goto(served)
        page.locator(".lbw-panel").wait_for(state="attached")
        if not page.evaluate("Boolean(window.lbw)"):  # gradio 3: a WebUI puts the scripts into its page by itself
            page.add_script_tag(content=scripts.source())
        root = page.locator(".lbw-panel[data-lbw=presets]")
        text = root.get_by_label("Weights as text")
        expect(root.locator(".lbw-item[aria-selected=true]")).to_be_visible()
        root.get_by_role("button", name="New", exact=True).click()
        page.keyboard.type("mine")
        page.keyboard.press("Enter")
        expect(root.locator(".lbw-said")).to_have_text("New preset is called mine now")
        box = root.locator("[data-block=IN05] .lbw-frame").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"], box["y"] + 8, steps=3)
        page.mouse.up()
        expect(text).to_have_value("1,1,1,1,1,1,0.5" + ",1" * 19)
        expect(root.locator(".lbw-state")).to_have_text("Saved")
        assert re.search(r"^mine:1,1,1,1,1,1,0\.5,1", file.read_text("utf-8"), re.M)
        text.fill("OUTALL,OUT99@1")
        expect(root.locator("mark")).to_have_text("OUT99")
        root.get_by_role("button", name="Undo").click()
        expect(root.locator("[data-block=IN05] .lbw-number")).to_have_text("0.5")
        root.get_by_role("button", name="Use in the prompt").click()
        expect(page.locator("#txt2img_prompt textarea")).to_have_value("a girl <lora:inkstyle:1:lbw=mine>")
        file.write_text(file.read_text("utf-8") + "outside:0.5\n", "utf-8")
        page.evaluate("() => new Promise((done) => setTimeout(done, 3100))")
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        expect(root.locator(".lbw-item", has_text="outside")).to_be_visible()
        if folder := os.environ.get("LBW_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"editor_{served.rsplit(':', 1)[-1]}.png", full_page=True)
        chromium.close()
    assert surprises == []
