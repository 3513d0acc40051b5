"""The panels under other generations of gradio: LBW_GRADIO_PYTHONS lists interpreters that have them, like a path."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import lib_lbw
from lib_lbw.analysis.study import BlockStudy
from lib_lbw.lora.file import LoraFile
from lib_lbw.ui import scripts
from tests.ui.stored_runs import analysed

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
PATIENCE = 120_000  # milliseconds
PAGE = Path(__file__).with_name("small_page.py")
PYTHONS = [sys.executable, *(each for each in os.environ.get("LBW_GRADIO_PYTHONS", "").split(os.pathsep) if each)]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]
expect = playwright.expect


@pytest.fixture(params=PYTHONS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the small page under one of the interpreters; it has two analyses to begin with."""
    for name, lora in (("20260101-100000-karaokeroom", "karaokeroom"), ("20260102-100000-inkstyle", "inkstyle")):
        analysed(tmp_path / "analysis", name, lora, BlockStudy(f"<lora:{lora}:1>", blocks="IN04,MID,OUT05", seeds=(1,)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    root = str(Path(lib_lbw.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}
    command = [request.param, str(PAGE), str(tmp_path), str(port)]
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


@pytest.fixture
def page(served: str) -> Iterator["playwright.Page"]:
    """The page in a browser; nothing on it may throw."""
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        opened = chromium.new_page(viewport={"width": 1280, "height": 1000})
        opened.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        surprises: list[str] = []
        opened.on("pageerror", lambda error: surprises.append(str(error)))
        opened.goto(served)
        opened.locator(".lbw-panel").first.wait_for(state="attached")
        if not opened.evaluate("Boolean(window.lbw)"):  # gradio 3: a WebUI puts the scripts into its page by itself
            opened.add_script_tag(content=scripts.source())
        yield opened
        if folder := os.environ.get("LBW_SCREENSHOTS"):
            name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split("[")[0]
            opened.screenshot(path=Path(folder) / f"{name}_{served.rsplit(':', 1)[-1]}.png", full_page=True)
        chromium.close()
    assert surprises == []


def prompt_of(page: "playwright.Page") -> "playwright.Locator":
    return page.locator("#txt2img_prompt textarea")


def opened_tab(page: "playwright.Page", title: str, panel: str) -> "playwright.Locator":
    """The panel behind a tab, as every gradio draws its tabs."""
    page.locator(".tab-nav button, button[role=tab]").filter(has_text=title).first.click()
    root = page.locator(f".lbw-panel[data-lbw={panel}]")
    expect(root).to_be_visible()
    return root


def drag(page: "playwright.Page", place: "playwright.Locator", start: float, end: float) -> None:
    """Press the pointer at a share of the width of a place, and let it go at another."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 8, steps=4)
    page.mouse.up()


def test_the_editor_works(page: "playwright.Page", tmp_path: Path) -> None:
    file = tmp_path / "presets" / "presets.txt"
    root = page.locator(".lbw-panel[data-lbw=presets]")
    text = root.get_by_label("Weights as text")
    expect(root.locator(".lbw-item[aria-selected=true]")).to_be_visible()
    root.get_by_role("button", name="New", exact=True).click()
    page.keyboard.type("mine")
    page.keyboard.press("Enter")
    expect(root.locator(".lbw-said")).to_have_text("New preset is called mine now")
    drag(page, root.locator("[data-block=IN05] .lbw-frame"), 0.5, 0)
    expect(text).to_have_value("1,1,1,1,1,1,0.5" + ",1" * 19)
    expect(root.locator(".lbw-state")).to_have_text("Saved")
    assert re.search(r"^mine:1,1,1,1,1,1,0\.5,1", file.read_text("utf-8"), re.M)
    text.fill("OUTALL,OUT99@1")
    expect(root.locator("mark")).to_have_text("OUT99")
    root.get_by_role("button", name="Undo").click()
    expect(root.locator("[data-block=IN05] .lbw-number")).to_have_text("0.5")
    root.get_by_role("button", name="Use in the prompt").click()
    expect(prompt_of(page)).to_have_value("a girl <lora:inkstyle:1:lbw=mine>")
    file.write_text(file.read_text("utf-8") + "outside:0.5\n", "utf-8")
    page.evaluate("() => new Promise((done) => setTimeout(done, 3100))")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(root.locator(".lbw-item", has_text="outside")).to_be_visible()


def test_two_loras_are_merged_and_the_result_goes_into_the_prompt(page: "playwright.Page", tmp_path: Path) -> None:
    prompt_of(page).fill("a girl <lora:inkstyle:0.8:lbw=OUTALL> <lora:karaokeroom:-0.5>")
    root = opened_tab(page, "Merge", "merge")
    root.get_by_role("button", name="Take those of the prompt").click()
    first = root.locator(".lbw-merge-row").first
    expect(first.get_by_label("File")).to_have_value("inkstyle")
    first.get_by_role("button", name="Open the bars").click()
    bar = first.locator("[data-block=OUT05]")
    drag(page, bar.locator(".lbw-frame"), 0.98, 0.5)
    expect(first.get_by_label("Block weights", exact=True)).to_have_value(re.compile(r"^OUTALL,OUT05@0\.\d+$"))
    bar.press("Home")
    expect(first.get_by_label("Block weights", exact=True)).to_have_value("OUTALL,OUT05@0")
    expect(root.locator(".lbw-aside .lbw-facts")).to_contain_text("Stable Diffusion 1.x")
    root.get_by_label("Name of the result").fill("both")
    start = root.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled()
    start.click()
    expect(root.locator(".lbw-outcome h3")).to_contain_text("both")
    made = LoraFile(tmp_path / "loras" / "both.safetensors")
    assert made.family.id == "sd1"
    assert "OUT05" in made.blocks  # of the other LoRA
    root.locator(".lbw-outcome").get_by_role("button", name="Use in the prompt").click()
    expect(prompt_of(page)).to_have_value("a girl <lora:both:1>")


def test_an_analysis_is_looked_at_and_made_use_of(page: "playwright.Page", tmp_path: Path) -> None:
    root = opened_tab(page, "Analyses", "results")
    expect(root.locator(".lbw-one h3")).to_contain_text("inkstyle")
    if root.locator("details.lbw-history[open]").count() == 0:
        root.locator(".lbw-history > summary").click()
    root.locator(".lbw-run").nth(1).click()
    expect(root.locator(".lbw-one h3")).to_contain_text("karaokeroom")
    picture = root.locator(".lbw-stage img").first
    expect(picture).to_have_attribute("src", re.compile("^data:image/"))
    expect(root.locator(".lbw-thumb").first).to_have_attribute("src", re.compile("^data:image/"))
    handle = root.get_by_role("slider", name="How much of the left picture")
    handle.press("ArrowLeft")
    expect(handle).to_have_attribute("aria-valuenow", "48")
    drag(page, root.locator(".lbw-stage"), 0.5, 0.8)
    expect(handle).to_have_attribute("aria-valuenow", re.compile("^(79|80)$"))
    root.locator("[data-block=MID]").click()
    expect(root.locator(".lbw-compare h4")).to_have_text("MID")
    root.get_by_role("button", name="Lower MID").click()
    box = root.get_by_role("checkbox", name="Lower OUT05")
    box.check()
    assert box.evaluate("box => box.getBoundingClientRect().width") >= 16
    root.get_by_label("Weight of the marked blocks").fill("0.25")
    expect(root.locator(".lbw-recipe")).to_have_text(re.compile(r"^lbw=1,.*0\.25,.*0\.25,1"))
    root.get_by_label("Name of the preset").fill("calmer")
    root.get_by_role("button", name="Save as a preset").click()
    expect(root.locator(".lbw-lower")).to_contain_text("Saved as calmer")
    assert re.search(r"^calmer:1,.*0\.25", (tmp_path / "presets" / "presets.txt").read_text("utf-8"), re.M)
    root.get_by_role("button", name="Use in the prompt").click()
    expect(prompt_of(page)).to_have_value(re.compile(r"<lora:karaokeroom:1:lbw=1,.*0\.25"))
    root.get_by_role("button", name="Send to merge").click()
    row = opened_tab(page, "Merge", "merge").locator(".lbw-merge-row").first
    expect(row.get_by_label("File")).to_have_value("karaokeroom")
    expect(row.get_by_label("Block weights", exact=True)).to_have_value(re.compile(r"0\.25"))
