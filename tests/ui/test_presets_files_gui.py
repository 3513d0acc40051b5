"""Presets out of files, pictures and pasted text, and a file that somebody else changes, in a real browser."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.ui.preset_panel import MARKS, Panel, app, browser, data, expect, panel, write

__all__ = ["app", "browser", "data", "panel", "write"]
pytestmark = MARKS


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


def test_changes_from_outside_are_read_merged_or_offered(panel: Panel) -> None:
    panel.file.parent.mkdir(parents=True, exist_ok=True)
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


USER_COMMENT, EXIF_IFD = 0x9286, 0x8769


def picture(path: Path, comment: bytes) -> Path:
    """Draw a picture with this UserComment in its EXIF."""
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = comment
    Image.new("RGB", (16, 16)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("ending", ["jpg", "webp"])
@pytest.mark.parametrize(
    "code",
    [
        lambda text: b"UNICODE\0" + text.encode("utf-16-be"),  # as the WebUIs write it
        lambda text: b"UNICODE\0" + text.encode("utf-16-le"),
        lambda text: b"ASCII\0\0\0" + text.encode("utf-8"),
        lambda text: text.encode("utf-8"),
    ],
    ids=["big", "little", "ascii", "bare"],
)
def test_the_parameters_of_a_jpeg_and_a_webp_come_in(
    panel: Panel, tmp_path: Path, ending: str, code: Callable[[str], bytes]
) -> None:
    panel.unfold("Import and export")
    files = panel.root.locator("input[type=file]")
    comment = code("x <lora:顔:1:lbw=OUTALL,MID@0.5>\nSteps: 20, Sampler: Euler")
    files.set_input_files([picture(tmp_path / f"a.{ending}", comment)])
    panel.saved("^顔:OUTALL,MID@0.5$")
    Image.new("RGB", (16, 16)).save(tmp_path / f"empty.{ending}")
    files.set_input_files([tmp_path / f"empty.{ending}"])
    expect(panel.note).to_have_text(f"empty.{ending} holds no parameters")


def test_a_broken_picture_is_told_and_takes_nothing_along(panel: Panel, tmp_path: Path) -> None:
    whole = picture(tmp_path / "whole.jpg", b"UNICODE\0" + "<lora:a:1:lbw=0,MID@1>".encode("utf-16-be")).read_bytes()
    tiff = whole.index(b"Exif") + 6
    panel.unfold("Import and export")
    files = panel.root.locator("input[type=file]")
    broken = {
        "short.jpg": whole[: tiff + 12],
        "far.jpg": whole[: tiff + 4] + b"\x7f\xff\xff\xff" + whole[tiff + 8 :],
        "none.gif": b"GIF89a\0\0",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        files.set_input_files([tmp_path / name])
        expect(panel.note).to_contain_text(name)
    files.set_input_files([tmp_path / "far.jpg", tmp_path / "whole.jpg"])
    panel.saved("^a:0,MID@1$")
