"""Analyses of pictures that are drawn from another picture, or in two passes: every cell is a whole such picture."""

import sys
from typing import Any

import pytest
from PIL import Image

from tests.webui_script.fake_webui import FakeWebui, Job, Processed, copied

PROMPT = "a <lora:karaokeroom:1:lbw=XYZ> b"
BLOCKS = ["", True, 2, *[""] * 6, "0,1", "BASE,OUT11", 2, "black", 20, False, "", "", ""]
PLOT = ["", True, 1, "values", "0,0.5", "Block ID", "BASE,OUT11", "seed", "3,4", *[""] * 8]


def analysed(webui: FakeWebui, job: Job, arguments: list[Any], process: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys.modules["modules.processing"], "process_images", process)
    return webui.script.BlockAnalysis().run(job, *arguments)


def in_two_passes(webui: FakeWebui) -> Any:
    """Draw the first pass, and a second one twice as large with a prompt of its own, or the same where it has none."""

    def process(p: Job) -> Processed:
        webui.process(p)
        p.hr_prompt = p.hr_prompt or p.prompt  # the host writes it into the job
        second = copied(p)
        second.prompt, second.width, second.height = p.hr_prompt, p.width * 2, p.height * 2
        return webui.process(second)

    return process


@pytest.mark.parametrize("arguments", [BLOCKS, PLOT])
@pytest.mark.parametrize("hires", ["", "h <lora:karaokeroom:1> <lora:inkstyle:0.5>"])
def test_both_passes_of_a_cell_have_its_weights(
    loaded: FakeWebui, monkeypatch: pytest.MonkeyPatch, arguments: list[Any], hires: str
) -> None:
    job = Job(PROMPT, 3, hr_prompt=hires, enable_hr=True)
    made = analysed(loaded, job, arguments, in_two_passes(loaded), monkeypatch)
    passes = list(zip(loaded.drawn[::2], loaded.drawn[1::2], strict=True))
    assert len({first for first, _ in passes}) >= 4
    for first, second in passes:
        tag = first[first.index("<") : first.index(">") + 1]
        assert second == (hires.replace("<lora:karaokeroom:1>", tag) if hires else first)
    assert (job.prompt, job.hr_prompt) == (PROMPT, hires)
    cells = cells_of(loaded)
    assert {cell.size for cell in cells} == {(32, 32)}
    shown = made.images[made.index_of_first_image :]
    assert {cell.tobytes() for cell in cells} < {image.tobytes() for image in shown}, "the pictures, and maps"


class FromPicture(Job):
    """What matters of the host's job for img2img: it keeps what it makes of its picture to itself."""

    def __init__(self, prompt: str, picture: Image.Image, mask: Image.Image | None) -> None:
        super().__init__(prompt, 3, init_images=[picture], image_mask=mask, init_latent=None, overlay_images=None)


def from_picture(webui: FakeWebui) -> Any:
    """Draw half of the job's picture and half of what the prompt says, the latter only where the mask is white."""

    def process(p: FromPicture) -> Processed:
        assert p.init_latent is None, "another picture was begun with this job"
        (p.init_latent,) = p.init_images
        p.overlay_images = [p.init_latent]
        made = webui.process(p)
        drawn = Image.blend(p.init_latent, made.images[0], 0.5)
        made.images = [Image.composite(drawn, p.init_latent, p.image_mask) if p.image_mask else drawn]
        return made

    return process


@pytest.mark.parametrize("arguments", [BLOCKS, PLOT])
@pytest.mark.parametrize("masked", [False, True])
def test_every_cell_begins_with_the_picture_of_the_job(
    loaded: FakeWebui, monkeypatch: pytest.MonkeyPatch, arguments: list[Any], masked: bool
) -> None:
    source = Image.new("RGB", (16, 16), (200, 10, 90))
    mask = Image.new("L", (16, 16), 0)
    mask.paste(255, (0, 0, 8, 16))
    job = FromPicture(PROMPT, source, mask if masked else None)
    process = from_picture(loaded)
    made = analysed(loaded, job, arguments, process, monkeypatch)
    assert (job.init_latent, job.overlay_images, job.init_images) == (None, None, [source])
    cells = {cell.tobytes() for cell in cells_of(loaded)}
    assert cells < {image.tobytes() for image in made.images}, "the pictures, and maps"
    alone = process(FromPicture("a  b", source, job.image_mask)).images[0]
    half = process(FromPicture("a <lora:karaokeroom:1:lbw=1,BASE@0> b", source, job.image_mask)).images[0]
    assert {alone.tobytes(), half.tobytes()} <= cells
    assert {cell.getpixel((15, 8)) == (200, 10, 90) for cell in cells_of(loaded)} == {masked}


def cells_of(webui: FakeWebui) -> list[Image.Image]:
    """The pictures that the analysis keeps, without the maps of their differences."""
    (folder,) = (webui.data / "lora-block-weight" / "analysis").iterdir()
    return [Image.open(file).convert("RGB") for file in sorted((folder / "cells").iterdir())]
