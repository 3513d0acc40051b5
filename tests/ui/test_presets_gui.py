"""The preset editor as a user meets it: the app on the embedded model, a real browser, the file on the disk."""

import json
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
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lib_lbw.demo import demo_lora_path

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 60_000  # milliseconds: other work may share the machine
HOSTILE = ("<img src=x onerror=alert(1)>", '"><script>alert(2)<script>', "${7*7}", "{{7*7}}")

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
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


def test_a_preset_is_made_dragged_typed_undone_and_kept(panel: Panel) -> None:
    panel.press("New")
    panel.page.keyboard.type("mine")
    panel.page.keyboard.press("Enter")
    expect(panel.note).to_have_text("New preset is called mine now")
    panel.drag("IN05", -0.5)
    expect(panel.text).to_have_value("1,1,1,1,1,1,0.5" + ",1" * 19)
    panel.page.keyboard.type("1.25")  # the bar that was dragged has the focus
    panel.page.keyboard.press("Enter")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("1.25")
    expect(panel.block("IN05")).to_have_class(re.compile("lbw-high"))
    panel.saved(r"^mine:1,1,1,1,1,1,1\.25,1")
    panel.page.keyboard.press("Control+z")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("0.5")
    panel.page.keyboard.press("Control+Shift+z")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("1.25")
    panel.press("Undo")
    panel.saved(r"^mine:1,1,1,1,1,1,0\.5,1")
    panel.reload()
    panel.choose("mine")
    expect(panel.block("IN05").locator(".lbw-number")).to_have_text("0.5")


def test_blocks_are_selected_together_and_moved_by_keys(panel: Panel) -> None:
    panel.choose("ALL")
    panel.block("IN04").click()
    panel.block("IN06").click(modifiers=["Shift"])
    panel.block("OUT03").click(modifiers=["Control"])
    expect(panel.root.locator(".lbw-picked")).to_have_count(4)
    panel.page.keyboard.press("ArrowDown")
    for name in ("IN04", "IN05", "IN06", "OUT03"):
        expect(panel.block(name)).to_have_attribute("aria-valuenow", "0.95")
    panel.block("MID").dblclick()
    expect(panel.block("MID")).to_have_attribute("aria-valuenow", "0")
    panel.block("MID").hover()
    panel.page.mouse.wheel(0, -100)
    expect(panel.block("MID")).to_have_attribute("aria-valuenow", "0.05")
    panel.page.keyboard.press("ArrowRight")
    panel.page.keyboard.press("Home")
    panel.page.keyboard.press("PageDown")
    expect(panel.block("OUT00")).to_have_attribute("aria-valuenow", "-0.25")
    expect(panel.block("OUT00")).to_have_class(re.compile("lbw-low"))
    panel.saved(r"^ALL:.*0\.95,0\.95,0\.95")
    assert panel.file.read_text("utf-8").count("ALL:") == 6, "a shipped preset becomes one's own with all its lengths"


def test_text_and_bars_are_one_and_a_fault_is_told_where_it_is(panel: Panel) -> None:
    panel.press("New")
    panel.text.fill("OUTALL,MID@0.5")
    expect(panel.block("MID").locator(".lbw-number")).to_have_text("0.5")
    expect(panel.block("IN04").locator(".lbw-number")).to_have_text("0")
    panel.drag("IN04", 0.3)
    expect(panel.text).to_have_value("OUTALL,MID@0.5,IN04@0.3")
    panel.text.fill("OUTALL,OUT99@1")
    expect(panel.root.locator("mark")).to_have_text("OUT99")
    expect(panel.root.locator(".lbw-side .lbw-fault").first).to_contain_text("OUT09?")
    panel.unfold("All presets as text")
    area = panel.root.get_by_label("All presets as text", exact=True)
    area.fill("# mine\nA:1\nnonsense\nA:1,2\n")
    expect(panel.root.locator(".lbw-faults button").first).to_contain_text("line 3")
    expect(panel.root.locator(".lbw-numbers b")).to_have_text("3")
    panel.root.locator(".lbw-faults button").click()
    assert area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") == "nonsense"
    area.fill("# mine\nA:1\nB:OUTALL\n")
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_count(2)
    panel.saved("^B:OUTALL$")
    panel.unfold("Elemental presets as text")
    elements = panel.root.get_by_label("Elemental presets as text", exact=True)
    elements.fill("RULE:IN05:attn:1\n\nWRONG:nothing\n")
    expect(panel.root.locator("[data-elements] .lbw-faults button")).to_contain_text("line 3")


def test_groups_comments_and_order_are_kept(panel: Panel) -> None:
    panel.file.parent.mkdir(parents=True)
    panel.file.write_text("# Faces\n# a note\nA:1\n\nB:0.5\n", "utf-8", newline="\r\n")
    panel.reload()
    expect(panel.root.locator(".lbw-heading b").first).to_have_text("Faces")
    panel.choose("B")
    panel.root.locator(".lbw-items").focus()
    panel.page.keyboard.press("Alt+ArrowUp")
    panel.page.keyboard.press("Alt+ArrowUp")
    panel.saved("B:0.5")
    assert panel.file.read_bytes() == b"# Faces\r\n# a note\r\nB:0.5\r\nA:1\r\n\r\n"
    source, target = (panel.root.locator(".lbw-item").nth(place).bounding_box() for place in (1, 0))
    assert source is not None
    assert target is not None
    panel.page.mouse.move(source["x"] + 20, source["y"] + 15)
    panel.page.mouse.down()
    panel.page.mouse.move(target["x"] + 20, target["y"] + 3, steps=4)
    panel.page.mouse.up()
    panel.saved("A:1")
    panel.press("New group")
    panel.page.keyboard.type("more")
    panel.page.keyboard.press("Enter")
    panel.saved("^# more")
    assert panel.file.read_text("utf-8").split() == ["#", "Faces", "#", "a", "note", "A:1", "#", "more", "B:0.5"]
    panel.root.locator(".lbw-heading", has_text="more").click()
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_text(re.compile("^A"))
    panel.root.get_by_label("Search presets").fill("outa")
    expect(panel.root.locator(".lbw-item")).to_have_text("OUTALL")


def test_presets_come_in_and_go_out(panel: Panel, tmp_path: Path) -> None:
    panel.unfold("Import and export")
    box = panel.root.get_by_label("Text to import")
    box.fill("FACE2:1,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0\nFACE2:OUTALL\nbroken\n")
    panel.press("Import")
    expect(panel.note).to_contain_text("2 presets imported. line 3")
    expect(panel.name).to_have_value("FACE2")
    box.fill("nothing at all")
    panel.press("Import")
    expect(panel.note).to_have_text("no presets are found in this text")
    info = PngInfo()
    info.add_text("parameters", "x <lora:顔:1:lbw=OUTALL,MID@0.5>\nSteps: 20")  # beyond Latin-1: an iTXt chunk
    Image.new("L", (8, 8)).save(tmp_path / "a.png", pnginfo=info)
    packed = PngInfo()
    packed.add_text("parameters", "x <lora:packed:1:lbw=0,MID@1>", zip=True)
    Image.new("L", (8, 8)).save(tmp_path / "b.png", pnginfo=packed)
    (tmp_path / "c.txt").write_bytes("古い:0.25\n".encode("cp932"))
    (tmp_path / "elements.txt").write_text("MINE:IN05:attn:1\n", "utf-8")
    panel.root.locator("input[type=file]").set_input_files([*sorted(tmp_path.iterdir())])
    panel.saved("^古い:0.25$")
    panel.saved("^顔:OUTALL,MID@0.5$")
    panel.saved("^packed:0,MID@1$")
    dropped = PngInfo()
    dropped.add_text("parameters", "<lora:dropped:1:lbw=0,OUT05@1>")
    stream = BytesIO()
    Image.new("L", (8, 8)).save(stream, "PNG", pnginfo=dropped)
    panel.root.locator(".lbw-dropbox").evaluate(
        """(box, bytes) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "d.png"));
            box.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
        }""",
        list(stream.getvalue()),
    )
    panel.saved("^dropped:0,OUT05@1$")
    with panel.page.expect_download() as download:
        panel.press("Export all")
    assert Path(download.value.path()).read_text("utf-8") == panel.file.read_text("utf-8")
    assert (panel.file.parent / "elements.txt").read_text("utf-8") == "MINE:IN05:attn:1\n"


def test_two_presets_are_compared(panel: Panel) -> None:
    panel.choose("OUTALL")
    panel.root.get_by_label("Compare with").select_option("OUTD")
    expect(panel.root.locator(".lbw-ghost")).to_have_count(5)
    expect(panel.root.locator(".lbw-differs")).to_contain_text("5 blocks differ from OUTD: OUT07 1 | 0, OUT08")
    panel.press("Swap")
    expect(panel.name).to_have_value("OUTD")
    expect(panel.root.get_by_label("Compare with")).to_have_value("OUTALL")
    expect(panel.root.locator(".lbw-ghost")).to_have_count(5)
    panel.drag("OUT11", 1.0)
    expect(panel.root.locator(".lbw-ghost")).to_have_count(4)


def test_a_vector_is_converted_with_a_look_at_what_is_lost(panel: Panel) -> None:
    panel.press("New")
    panel.page.keyboard.type("long")
    panel.page.keyboard.press("Enter")
    panel.text.fill("1,0.3,0.5" + ",1" * 23)
    panel.saved("^long:1,0.3,0.5")
    panel.root.get_by_label("Vector length").select_option("17")
    expect(panel.root.locator(".lbw-preview")).to_contain_text("Lost, for the new layout does not name them: IN00 0.3")
    panel.press("Keep beside it, under the same name")
    expect(panel.root.locator(".lbw-sizes button")).to_have_text(["26", "17"])
    panel.root.locator(".lbw-sizes button").first.click()
    panel.root.get_by_label("Convert to").select_option("sdxl/20")
    expect(panel.root.locator(".lbw-preview")).to_contain_text("Taken from the nearest depth")
    panel.press("Keep beside it, under the same name")
    expect(panel.root.get_by_label("Model")).to_have_value("family:sdxl")
    expect(panel.root.locator(".lbw-sizes button")).to_have_text(["26", "17", "20"])
    expect(panel.block("OUT09")).to_have_count(0)
    panel.saved("^long:1,.*\nlong:1,.*\nlong:1,.*")


def test_a_preset_is_renamed_copied_deleted_and_brought_back(panel: Panel) -> None:
    panel.choose("FACE")
    panel.press("Duplicate")
    expect(panel.name).to_have_value("FACE 2")
    for bad, told in (
        ("a:b", "cannot stand"),
        ("# x", "cannot be a name"),
        ("ALL", "already"),
        ("<b>", "cannot stand"),
    ):
        panel.name.fill(bad)
        panel.name.press("Enter")
        expect(panel.note).to_contain_text(told)
        expect(panel.name).to_have_value("FACE 2")
    panel.name.fill("顔")
    panel.name.press("Enter")
    panel.saved("^顔:1,.*\n顔:1,")
    panel.press("Delete")
    expect(panel.note).to_contain_text("Undo brings it back")
    panel.press("Delete")
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_count(0)
    panel.press("Undo")
    panel.press("Undo")
    expect(panel.root.locator(".lbw-item:not(.lbw-shipped)")).to_have_count(2)
    panel.press("Copy for the prompt")
    expect(panel.note).to_have_text("Copied: :lbw=顔")
    assert panel.page.evaluate("navigator.clipboard.readText()") == ":lbw=顔"
    panel.root.get_by_label("LoRA in the prompt").select_option("tag:0")
    panel.press("Use in the prompt")
    expect(panel.note).to_contain_text("In the prompt: <lora:")
    expect(panel.page.locator("#lbw-prompt textarea")).to_have_value(re.compile("<lora:[^>]*:lbw=顔>"))


def test_changes_from_outside_are_read_merged_or_offered(panel: Panel) -> None:
    panel.file.parent.mkdir(parents=True)
    panel.file.write_text("A:1\n# between\nB:1\n", "utf-8")
    panel.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(panel.note).to_contain_text("changed outside")
    panel.choose("A")
    panel.file.write_text("A:1\n# between\nB:0.5\n", "utf-8")
    panel.text.fill("0.25")
    expect(panel.note).to_contain_text("both changes are kept")
    assert panel.file.read_text("utf-8") == "A:0.25\n# between\nB:0.5\n"
    panel.file.write_text("A:0.75\n# between\nB:0.5\n", "utf-8")
    panel.text.fill("0.3")
    banner = panel.root.locator(".lbw-banner")
    expect(banner).to_contain_text("in the same lines")
    expect(banner.locator("pre")).to_have_text(["A:0.3", "A:0.75"])
    assert "A:0.75" in panel.file.read_text("utf-8"), "nothing is overwritten before the user chose"
    panel.press("Keep mine")
    panel.saved("^A:0.3$")
    expect(banner).to_be_hidden()
    panel.unfold("Earlier versions")
    panel.root.get_by_role("button", name="Restore").last.click()
    expect(panel.note).to_contain_text("Restored")
    panel.saved("^A:1$")
    panel.press("Undo")
    panel.saved("^A:0.3$")


def test_names_and_comments_are_text_and_never_run(panel: Panel) -> None:
    panel.file.parent.mkdir(parents=True)
    lines = [f"# {each}\n{each}\n" for each in HOSTILE]
    panel.file.write_text("".join(lines) + "sound:1\n# </textarea><img src=x onerror=alert(3)>\n", "utf-8")
    panel.reload()
    expect(panel.root.locator(".lbw-heading b")).to_have_text(
        [*HOSTILE, "</textarea><img src=x onerror=alert(3)>", "Shipped"]
    )
    expect(panel.root.locator(".lbw-faulty")).to_have_count(len(HOSTILE))
    panel.unfold("All presets as text")
    expect(panel.root.locator(".lbw-faults button").first).to_contain_text(HOSTILE[0])
    panel.choose("sound")
    for each in HOSTILE:
        panel.text.fill(f"1,{each}")
        expect(panel.root.locator(".lbw-side .lbw-fault").first).not_to_be_empty()
        panel.root.get_by_label("Model").select_option(f"lora:{each}")
        expect(panel.block("MID")).to_be_visible()
    panel.unfold("Import and export")
    panel.root.get_by_label("Text to import").fill(f"<lora:{HOSTILE[0]}:1:lbw=0,MID@1>\n")
    panel.press("Import")
    expect(panel.note).not_to_be_empty()
    assert panel.root.locator("img, script, iframe").count() == 0
    panel.page.wait_for_timeout(300)


def test_what_the_page_reads_by_itself_is_what_python_reads(panel: Panel) -> None:
    wrong = panel.page.evaluate("""async () => {
        const { bridge, weights } = lbw;
        const { shipped } = await bridge.ask("presets.read");
        const wrong = [];
        for (const id of ["sd1", "sdxl", "flux"]) {
            const family = await bridge.ask("family", { family: id });
            const known = new Set();
            for (const { weights: text } of shipped.filter((line) => line.name)) {
                const mine = weights.read(text, family);
                if (!mine || known.has(text)) continue;
                known.add(text);
                const { values } = await bridge.ask("weights.read", { family: id, text });
                if (family.blocks.some((block) => values[block] !== mine[block])) wrong.push([id, text]);
                const changed = weights.write(text, { MID: 0.35, D00: 0.35 }, family);
                const again = changed ? Object.values(weights.read(changed, family)) : [0.35];
                if (!again.includes(0.35)) wrong.push([id, changed]);
            }
            if (known.size < 3) wrong.push([id, "nothing was read"]);
        }
        return wrong;
    }""")
    assert wrong == []


CONTRAST = Path(__file__).with_name("contrast.js")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_every_word_can_be_read_and_nothing_is_cut_off(panel: Panel, app: str, width: int, scheme: str) -> None:
    panel.file.parent.mkdir(parents=True)
    values = ",".join(["1", "-0.5", "1.5", "0", "0.35", "-1.2"] + ["0.6"] * 20)
    panel.file.write_text(f"# group\nmine:{values}\nbroken\nwrong:ALL,OUT99@1\n", "utf-8")
    panel.page.set_viewport_size({"width": width, "height": 900})
    panel.page.goto(f"{app}/?__theme={scheme}")
    panel.open()
    panel.choose("mine")
    panel.root.get_by_label("Compare with").select_option("OUTALL")
    for drawer in (
        "Convert",
        "Import and export",
        "All presets as text",
        "Elemental presets as text",
        "Earlier versions",
    ):
        panel.unfold(drawer)
    panel.block("OUT05").hover()
    expect(panel.root.locator(".lbw-numbers b")).to_be_visible()
    found = panel.root.evaluate(CONTRAST.read_text("utf-8"))
    assert len(found) > 60
    assert {f"{each['text']}: {each['ratio']:.1f}" for each in found if each["ratio"] < 4.5} == set(), json.dumps(
        found[:3]
    )
    assert panel.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    named = panel.root.evaluate("""root => [...root.querySelectorAll("input, select, textarea, button, [role=slider]")]
        .filter((each) => !each.hidden && each.type !== "file")
        .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length))
        .map((each) => each.outerHTML.slice(0, 90))""")
    assert named == []
