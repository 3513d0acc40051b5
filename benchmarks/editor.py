"""How soon the preset editor shows what one does, with 1,000 presets of 61 blocks each, in Chromium on a real page.

    python benchmarks/editor.py

Each figure is the time from the event to the frame that shows its effect, median and worst of the repeats.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from random import Random

from playwright.sync_api import Page, sync_playwright

PRESETS, BLOCKS, REPEATS, PORT = 1000, 61, 25, 7893
ROOT = Path(__file__).parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]

#: Do something, wait for the frame after the first one that shows it, and return the milliseconds in between.
TIMED = """async ({ act, repeats }) => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => { const channel = new MessageChannel();
        channel.port1.onmessage = done; channel.port2.postMessage(0); })); // behind the frame's painting
    const rows = () => [...document.querySelectorAll(".lbw-item:not(.lbw-shipped)")];
    const bar = () => document.querySelector("[data-block=S07]");
    const key = (name) => bar().dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
    const search = document.querySelector(".lbw-list input");
    const acts = {
        choose: (at) => rows()[3 + (at % 8)].click(),
        nudge: (at) => key(at % 2 ? "ArrowUp" : "ArrowDown"),
        flip: () => bar().dispatchEvent(new MouseEvent("dblclick", { bubbles: true })),
        search: (at) => { search.value = "p" + (1 + at % 9); search.dispatchEvent(new Event("input")); },
        scroll: (at) => { document.querySelector(".lbw-items").scrollTop = 400 * (at + 1); },
    };
    const shown = { choose: () => bar().getAttribute("aria-valuenow"), nudge: () => bar().getAttribute("aria-valuenow"),
        flip: () => bar().getAttribute("aria-valuenow"), search: () => rows().map((row) => row.textContent).join(),
        scroll: () => rows().map((row) => row.textContent).join() }[act];
    const times = [];
    for (let at = 0; at < repeats; at++) {
        const [before, begun] = [shown(), performance.now()];
        acts[act](at);
        while (shown() === before && performance.now() - begun < 2000) await frame();
        await frame();
        times.push(performance.now() - begun);
        await new Promise((done) => setTimeout(done, 400)); // saving and asking go on meanwhile
    }
    return times;
}"""


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


def measure(page: Page) -> None:
    page.set_default_timeout(120_000)
    begun = time.perf_counter()
    page.goto(f"http://127.0.0.1:{PORT}")
    page.locator(".lbw-item[aria-selected=true]").wait_for()
    print(f"page, {PRESETS} presets read and shown: {time.perf_counter() - begun:.1f} s")
    page.get_by_label("Model").select_option("family:flux")
    page.locator("[data-block=S07]").wait_for()
    page.wait_for_timeout(1500)
    words = {
        "choose": "click on a preset -> its bars",
        "nudge": "key on a bar -> the bar",
        "flip": "double-click on a bar -> the bar",
        "scroll": "scrolling -> the rows",
        "search": "a letter in the search -> the rows",
    }
    print(f"{'':38}{'median':>9}{'worst':>9}   ms, {REPEATS} times, load {os.getloadavg()[0]:.0f}")
    for act, text in words.items():
        times = page.evaluate(TIMED, {"act": act, "repeats": REPEATS})
        print(f"{text:38}{statistics.median(times):9.1f}{max(times):9.1f}")
    rows = page.locator(".lbw-item").count()
    print(f"rows in the page: {rows}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        (Path(folder) / "presets.txt").write_text(presets(), "utf-8")
        command = [sys.executable, str(ROOT / "tests" / "ui" / "small_page.py"), folder, str(PORT)]
        with subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
        ) as server:
            try:
                wait_for(f"http://127.0.0.1:{PORT}")
                browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
                measure(browser.new_page(viewport={"width": 1280, "height": 1000}))
                browser.close()
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
