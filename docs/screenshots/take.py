"""Takes the pictures of this folder: `python docs/screenshots/take.py [NAME...]` those of the app, all or by name.

The app is started on the embedded model with a data folder of its own, and used by Debian's Chromium through
Playwright. Those of a running WebUI: `python docs/screenshots/take.py --webui http://127.0.0.1:7860 a1111 LORA`.
"""

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--font-render-hinting=none",
]
PORT = 7899
PATIENCE = 300_000  # milliseconds
ROOM = "a girl, long red hair, blue dress, neon karaoke room, flat style <lora:karaokeroom:1>"
TUNED = "a girl, long red hair, neon karaoke room <lora:karaokeroom:1:1:lbw=ALL,OUT11@0.5,OUT07-OUT09@0>"


def save(name: str, shot: bytes) -> None:
    """Keep a screenshot with 256 colours: a fifth of its size, and no eye sees it."""
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        HERE / f"{name}.png", optimize=True
    )


@contextmanager
def app() -> Iterator[str]:
    """Serve the app from this checkout; the address."""
    url = f"http://127.0.0.1:{PORT}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_DATA_HOME": folder}
        command = [sys.executable, "-m", "lib_lbw", "app", "--no-browser", "--port", str(PORT)]
        with subprocess.Popen(command, cwd=HERE.parents[1], env=environment) as process:
            try:
                while not answers(url):
                    time.sleep(0.5)
                yield url
            finally:
                process.terminate()


def answers(url: str) -> bool:
    """Tell whether somebody answers there."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
    return True


@contextmanager
def page_of(
    browser: Browser, url: str, width: int = 1280, height: int = 900, theme: str = "light", language: str = "en-US"
) -> Iterator[Page]:
    """Open a page of its own."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale=language)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}/?__theme={theme}", wait_until="commit")
    yield page
    context.close()


def tab(page: Page, name: str) -> None:
    """Open a tab of the app."""
    expect(page.locator("#lbw-diagram svg")).to_be_visible()
    page.get_by_role("tab", name=name, exact=True).click()


def shot(page: Page, name: str, *, whole: bool = True, height: float | None = None) -> None:
    """Take the page when it has come to rest: what is seen of it, the whole, or so many pixels from its top."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)
    clip = None if height is None else {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height}
    save(name, page.screenshot(full_page=whole, clip=clip))


# ---- the app


def generate(browser: Browser, url: str, name: str, language: str = "en-US", width: int = 1280) -> None:
    """Two pictures and the diagram."""
    with page_of(browser, url, width=width, height=780, language=language) as page:
        tab(page, "生成" if language == "ja-JP" else "Generate")
        page.locator("#lbw-prompt textarea").fill(TUNED)
        page.locator("#lbw-generate").click()
        for picture in ("#lbw-plain", "#lbw-weighted"):
            expect(page.locator(picture).locator("img")).to_be_visible()
        shot(page, name)


def analyze(browser: Browser, url: str, name: str, language: str = "en-US") -> None:
    """The results of an analysis of two seeds, with two blocks marked. The analysis is made once."""
    with page_of(browser, url, height=1000, language=language) as page:
        tab(page, "分析" if language == "ja-JP" else "Analyze")
        if not analyze.__dict__.get("made"):
            page.locator("#lbw-prompt textarea").fill(ROOM)
            expect(page.get_by_label("LoRA", exact=True).first).to_have_value(re.compile("karaokeroom"))
            page.get_by_label("Seeds").fill("1,2")
            page.locator("#lbw-analyze").click()
            expect(page.locator("#lbw-analyze-stop")).to_be_enabled()
            expect(page.locator("#lbw-analyze")).to_be_enabled()
            analyze.__dict__["made"] = True
        panel = page.locator('[data-lbw="results"]')
        look(panel)
        bottom = panel.evaluate("each => each.getBoundingClientRect().bottom + scrollY")
        shot(page, name, height=bottom + 12)


def look(panel: Locator) -> None:
    """Compare the second strongest block's pictures, mark two blocks, and give them a weight."""
    picture = panel.locator(".lbw-stage img").first
    expect(picture).to_have_attribute("src", re.compile("^data:image/"))
    for number in (0, 1):
        panel.locator(".lbw-tick input").nth(number).check()
    panel.locator(".lbw-name-of-row").nth(1).click()
    panel.locator(".lbw-weight input").fill("0.3")
    panel.locator(".lbw-scroll").evaluate("region => { region.style.maxHeight = '330px'; }")
    expect(panel.locator(".lbw-recipe")).to_have_text(re.compile("^lbw="))
    for thumb in panel.locator(".lbw-thumb").all()[:10]:
        thumb.scroll_into_view_if_needed()
    panel.locator(".lbw-scroll").evaluate("region => { region.scrollTop = 0; }")


def presets(browser: Browser, url: str, name: str, language: str = "en-US") -> None:
    """The preset editor with a preset of three bars below 1 and one above, beside another to compare with."""
    with page_of(browser, url, height=900, language=language) as page:
        tab(page, "Presets")
        panel = page.locator('[data-lbw="presets"]')
        fill_editor(panel)
        shot(page, name)


def fill_editor(panel: Locator) -> None:
    """Make a preset called softer room."""
    panel.get_by_role("button", name="New", exact=True).click()
    panel.page.keyboard.type("softer room")
    panel.page.keyboard.press("Enter")
    panel.get_by_label("Weights as text").fill("ALL,OUT11@0.5,OUT07-OUT09@0,IN04@-0.3,OUT05@1.3")
    expect(panel.locator("[data-block=OUT05] .lbw-number")).to_have_text("1.3")
    expect(panel.locator(".lbw-state")).to_have_text("Saved")
    panel.locator("[data-block=OUT05]").hover()


def merge(browser: Browser, url: str, name: str) -> None:
    """Two LoRAs of the prompt, one with its bars open, and the result."""
    with page_of(browser, url, height=900) as page:
        page.locator("#lbw-prompt textarea").fill(f"{TUNED} <lora:inkstyle:-0.4:lbw=OUTALL>")
        tab(page, "Merge")
        fill_merge(page.locator('[data-lbw="merge"]'), "room_without_ink")
        shot(page, name)


def fill_merge(panel: Locator, name: str) -> None:
    """Merge the LoRAs of the prompt."""
    panel.get_by_role("button", name="Take those of the prompt").click()
    panel.get_by_label("Name of the result").fill(name)
    panel.locator(".lbw-merge-row").first.get_by_role("button", name="Open the bars").click()
    start = panel.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled()
    start.click()
    expect(panel.locator(".lbw-outcome h3")).to_be_visible()


def phone(browser: Browser, url: str, name: str) -> None:
    """Results, the preset editor and the merge at 390 pixels in the dark, side by side."""
    shots = []
    for title, panel in (("Analyze", "results"), ("Presets", "presets"), ("Merge", "merge")):
        with page_of(browser, url, width=390, height=900, theme="dark") as page:
            tab(page, title)
            place = page.locator(f'[data-lbw="{panel}"]')
            expect(place.locator("[data-block], .lbw-merge-row").first).to_be_visible()
            place.evaluate("each => window.scrollBy(0, each.getBoundingClientRect().top - 60)")
            page.wait_for_timeout(1500)
            shots.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    whole = Image.new("RGB", (sum(each.width for each in shots) + 20 * (len(shots) - 1), 900), "#888")
    for number, each in enumerate(shots):
        whole.paste(each, (number * 410, 0))
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    save(name, buffer.getvalue())


APP: dict[str, Callable[[Browser, str], None]] = {
    "generate": lambda browser, url: generate(browser, url, "generate"),
    "analyze": lambda browser, url: analyze(browser, url, "analyze"),
    "analyze_ja": lambda browser, url: analyze(browser, url, "analyze_ja", "ja-JP"),
    "presets": lambda browser, url: presets(browser, url, "presets"),
    "merge": lambda browser, url: merge(browser, url, "merge"),
    "mobile": lambda browser, url: phone(browser, url, "mobile"),
}


# ---- a WebUI


def webui(browser: Browser, url: str, prefix: str, lora: str, theme: str) -> None:
    """The prompt with its bars, the accordion, and the tab with presets, merge and analyses."""
    with page_of(browser, url, height=1000, theme=theme) as page:
        expect(page.locator("#txt2img_generate")).to_be_visible()
        page.wait_for_timeout(4000)
        box = page.locator("#txt2img_prompt textarea")
        box.fill(f"a girl, long red hair <lora:{lora}:1:lbw=ALL,OUT03-OUT05@0.5,IN04@0>")
        accordion = page.locator(".label-wrap").filter(has_text="LoRA Block Weight").first
        accordion.click()
        box.click()
        box.evaluate("box => { const at = box.value.indexOf('<lora') + 8; box.setSelectionRange(at, at); }")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".lbw-popover .lbw-bars svg")).to_be_visible()
        shot(page, f"{prefix}_prompt", whole=False)
        page.keyboard.press("Escape")
        page.mouse.click(2, 2)
        accordion.scroll_into_view_if_needed()
        page.wait_for_timeout(800)
        save(f"{prefix}_accordion", accordion.locator("xpath=..").screenshot())
        page.evaluate("window.scrollTo(0, 0)")
        page.locator("#tabs > .tab-nav button").filter(has_text="LoRA Block Weight").click()
        inner = page.locator("#lbw-tabs .tab-nav button")
        fill_editor(page.locator('[data-lbw="presets"]'))
        shot(page, f"{prefix}_presets", whole=False)
        inner.filter(has_text="Merge").click()
        fill_merge(page.locator('[data-lbw="merge"]'), f"{prefix}_merged")
        page.evaluate("window.scrollTo(0, 0)")
        shot(page, f"{prefix}_merge", whole=False)
        inner.filter(has_text="Analyses").click()
        look(page.locator('[data-lbw="results"]'))
        page.evaluate("window.scrollTo(0, 0)")
        shot(page, f"{prefix}_analyses")


def main() -> None:
    """Take what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(APP)}")
    parser.add_argument("--webui", nargs=3, metavar=("URL", "PREFIX", "LORA"))
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="of the WebUI")
    arguments = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if arguments.webui:
            webui(browser, *arguments.webui, arguments.theme)
            return
        with app() as url:
            for name in arguments.names or APP:
                APP[name](browser, url)


if __name__ == "__main__":
    main()
