"""How soon the preset editor shows what one does, with 1,000 presets of 61 blocks each, in Chromium on a real page.

    python benchmarks/editor.py [ROUNDS]

Each figure is the time from the moment at which the browser got a real click, key or turn of the wheel to the end of
the painting of the first frame that shows its effect. The presets are saved and the questions of the panel answered
meanwhile. In every round a click on an empty page is timed beside it, in the same browser: what is more than that is
the editor's.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from random import Random

from playwright.sync_api import Page, sync_playwright

PRESETS, BLOCKS, REPEATS, PORT = 1000, 61, 10, 7893
LIMIT = 50.0  # milliseconds
ROOT = Path(__file__).parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
EMPTY = "<button style='width:300px;height:300px' onclick='this.textContent = Math.random()'>0</button>"

#: Note for every event of a kind how long it takes until `shown` tells something else and a frame with it is painted.
WATCH = """([kind, shown]) => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => { const channel = new MessageChannel();
        channel.port1.onmessage = done; channel.port2.postMessage(0); })); // behind the frame's painting
    const look = new Function("return " + shown);
    window.times = [];
    window.watching?.abort();
    window.watching = new AbortController();
    window.addEventListener(kind, async (event) => {
        if (!event.isTrusted) return; // the panel's own
        const before = look();
        do await frame(); while (look() === before && performance.now() - event.timeStamp < 5000);
        window.times.push(performance.now() - event.timeStamp);
    }, { capture: true, signal: window.watching.signal });
}"""

BAR = "document.querySelector('[data-block=S07]').getAttribute('aria-valuenow')"
ROWS = "[...document.querySelectorAll('.lbw-item')].map((row) => row.textContent).join()"


def presets() -> str:
    chance = Random(1)
    return "".join(
        f"p{number}:" + ",".join(str(round(chance.random(), 2)) for _ in range(BLOCKS)) + "\n"
        for number in range(PRESETS)
    )


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
        else:
            return
    raise SystemExit("the page did not start")


def centre(page: Page, selector: str, nth: int = 0) -> tuple[float, float]:
    box = page.locator(selector).nth(nth).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def open_editor(page: Page) -> None:
    begun = time.perf_counter()
    page.goto(f"http://127.0.0.1:{PORT}")
    page.locator(".lbw-item[aria-selected=true]").wait_for()
    print(f"page, {PRESETS} presets read and shown: {time.perf_counter() - begun:.1f} s")
    page.get_by_label("Model").select_option("family:flux")
    page.locator("[data-block=S07]").wait_for()
    page.wait_for_timeout(1500)


def acts(page: Page, empty: Page) -> dict[str, tuple[Page, str, str, Callable[[int], None]]]:
    """What is done: its page, the kind of event, what tells the effect, and the deed."""
    rows = [centre(page, ".lbw-item:not(.lbw-shipped)", 3 + at) for at in range(8)]
    bar = centre(page, "[data-block=S07]")
    search = centre(page, ".lbw-list input")

    def nudge(at: int) -> None:
        if not at:
            page.mouse.click(*bar)
        page.keyboard.press("ArrowUp" if at % 2 else "ArrowDown")

    def letter(at: int) -> None:
        if not at:
            page.mouse.click(*search)
        page.keyboard.press("Backspace" if at % 2 else str(1 + at % 9))

    def wheel(at: int) -> None:
        page.mouse.move(*rows[0])
        page.mouse.wheel(0, 400 if at < REPEATS - 1 else -400 * REPEATS)

    text = "document.body.textContent"
    return {
        "an empty page: click -> its button": (empty, "click", text, lambda _: empty.mouse.click(99, 99)),
        "click on a preset -> its bars": (page, "click", BAR, lambda at: page.mouse.click(*rows[at % 8])),
        "key on a bar -> the bar": (page, "keydown", BAR, nudge),
        "double-click on a bar -> the bar": (page, "dblclick", BAR, lambda _: page.mouse.dblclick(*bar)),
        "a letter in the search -> the rows": (page, "keydown", ROWS, letter),
        "turn of the wheel -> the rows": (page, "wheel", ROWS, wheel),
    }  # fmt: skip


def measure(page: Page, empty: Page, rounds: int) -> None:
    for each in (page, empty):
        each.set_default_timeout(120_000)
    empty.set_content(EMPTY)
    open_editor(page)
    chance, told = Random(2), acts(page, empty)
    times: dict[str, list[float]] = {text: [] for text in told}
    loads = []
    for _ in range(rounds):
        for text, (where, kind, shown, act) in told.items():
            where.bring_to_front()
            where.wait_for_timeout(300)
            where.evaluate(WATCH, [kind, shown])
            for at in range(REPEATS):
                act(at)
                where.wait_for_timeout(chance.uniform(150, 700))  # whatever goes on meanwhile is met at any moment
            times[text] += where.evaluate("window.times")
        loads.append(os.getloadavg()[0])
    print(f"{'':37}{'median':>8}{'95 %':>8}{'worst':>8}{'late':>6}   ms; {LIMIT:.0f} is late")
    for text, all_times in times.items():
        worse = statistics.quantiles(all_times, n=20)[-1]
        late = sum(each >= LIMIT for each in all_times)
        print(f"{text:37}{statistics.median(all_times):8.1f}{worse:8.1f}{max(all_times):8.1f}{late:3}/{len(all_times)}")
    print(f"load {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = Path(folder, "presets")
        place.mkdir()
        (place / "presets.txt").write_text(presets(), "utf-8")
        command = [sys.executable, str(ROOT / "tests" / "ui" / "small_page.py"), folder, str(PORT)]
        with subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
        ) as server:
            try:
                wait_for(f"http://127.0.0.1:{PORT}")
                browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
                size = {"width": 1280, "height": 1000}
                measure(browser.new_page(viewport=size), browser.new_page(viewport=size), rounds)
                browser.close()
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
