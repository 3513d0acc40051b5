"""The selectable script over a processing loop with real pictures: grids, parameters, interrupts."""

import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lib_lbw.analysis.generator import Request
from lib_lbw.errors import LbwError
from lib_lbw.webui.drawing import Drawing, prepared
from tests.webui_script.fake_webui import FakeWebui, Job

PROMPT = "a <lora:karaokeroom:1:XYZ> b"
LEGACY = ["XYZ:" + ",".join("1" * 17), True, 2, "", "", "", "", "", "", "0,1", "BASE,OUT11", 1, "white", 1, False]


def analysed(webui: FakeWebui, arguments: list[Any], job: Job | None = None) -> tuple[Any, Job]:
    asked = job or Job(PROMPT, 3)
    return webui.script.BlockAnalysis().run(asked, *arguments), asked


def results_folder(webui: FakeWebui) -> Path:
    (folder,) = (webui.data / "lora-block-weight" / "analysis").iterdir()
    return folder


def test_the_call_of_the_documentation_draws_grids_pictures_and_maps(loaded: FakeWebui) -> None:
    made, job = analysed(loaded, LEGACY)
    assert len(loaded.drawn) == 4  # no LoRA, all on, two blocks
    assert made.index_of_first_image == 2
    assert len(made.images) == len(made.infotexts) == 2 + 4 + 3
    assert all(isinstance(image, Image.Image) for image in made.images)
    assert made.infotexts[0].startswith(PROMPT)
    assert len({image.getpixel((3, 3)) for image in made.images[2:]}) > 3
    assert len(loaded.saved) == 2
    assert (results_folder(loaded) / "report.html").is_file()
    assert any("Strongest effect" in comment for comment in job.comments)


def test_pictures_hold_numbers_and_tell_them(loaded: FakeWebui) -> None:
    analysed(loaded, LEGACY)
    assert all("XYZ" not in prompt for prompt in loaded.drawn)
    assert [prompt for prompt in loaded.drawn if "lbw=0" in prompt.replace("lbw=0,", "")]


def test_an_unticked_accordion_does_not_switch_an_analysis_off(loaded: FakeWebui) -> None:
    made, _ = analysed(loaded, LEGACY, Job(PROMPT, 3, script_args=("", False)))
    none, full = made.images[2].getpixel((0, 0)), made.images[4].getpixel((0, 0))
    assert none != full


def test_a_plot_over_seeds_and_values(loaded: FakeWebui) -> None:
    plot = ["", True, 1, "values", "0,0.5", "Block ID", "BASE,OUT11", "seed", "1,2", "", "", "", "", "", ""]
    made, _ = analysed(loaded, plot)
    assert made.images[0].size[0] > 2 * 16
    assert len(loaded.drawn) == 2 * (2 * 2) + 4


def test_several_seeds_are_drawn_for_minus_one(loaded: FakeWebui) -> None:
    made, _ = analysed(loaded, [*LEGACY[:11], 3, *LEGACY[12:]], Job(PROMPT, -1))
    assert len(loaded.drawn) == 12
    assert "Seed: 77" in made.info


def test_an_interrupt_keeps_what_is_whole(loaded: FakeWebui) -> None:
    def stop_in_the_third() -> None:
        loaded.state.interrupted = len(loaded.drawn) == 3

    loaded.after_picture = stop_in_the_third
    made, job = analysed(loaded, LEGACY)
    assert len(loaded.drawn) == 3
    assert made.images[2:]
    assert len(list((results_folder(loaded) / "cells").iterdir())) == 2
    assert any("2 of 4 pictures" in comment for comment in job.comments)


def test_an_interrupt_before_the_first_leaves_no_pictures(loaded: FakeWebui) -> None:
    loaded.state.interrupted = True
    made, _ = analysed(loaded, LEGACY)
    assert (made.images, made.index_of_first_image, loaded.saved) == ([], 0, [])


def test_stopping_after_the_picture_keeps_it(loaded: FakeWebui) -> None:
    loaded.after_picture = lambda: setattr(loaded.state, "stopping_generation", len(loaded.drawn) == 2)
    analysed(loaded, LEGACY)
    assert len(list((results_folder(loaded) / "cells").iterdir())) == 2


def test_a_skipped_picture_is_missing_and_the_rest_is_there(loaded: FakeWebui) -> None:
    loaded.after_picture = lambda: setattr(loaded.state, "skipped", len(loaded.drawn) == 3)
    analysed(loaded, LEGACY)
    assert len(loaded.drawn) == 4
    assert len(list((results_folder(loaded) / "cells").iterdir())) == 3


@pytest.mark.parametrize("arguments", [["", True, 0], ["", False, 2]])
def test_switched_off_it_draws_the_picture(loaded: FakeWebui, arguments: list[Any]) -> None:
    made, _ = analysed(loaded, arguments, Job("a"))
    assert len(made.images) == 1


@pytest.mark.parametrize(
    ("arguments", "prompt", "told"),
    [
        (["", True, 2, *[""] * 7, "OUT33"], PROMPT, "OUT03"),
        (LEGACY, "no tag", "no LoRA"),
        (LEGACY, "<lora:karaok:1>", "karaokeroom"),
        (["", True, 1, "Block ID", "OUT03"], PROMPT, "values"),
    ],
)
def test_what_cannot_be_planned_draws_nothing(loaded: FakeWebui, arguments: list[Any], prompt: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        analysed(loaded, arguments, Job(prompt))
    assert loaded.drawn == []


def test_no_grid_is_saved_where_the_request_says_so(loaded: FakeWebui) -> None:
    analysed(loaded, LEGACY, Job(PROMPT, 3, do_not_save_grid=True))
    assert loaded.saved == []


def test_the_jobs_own_dictionaries_and_prompts_stay() -> None:
    job = Job(PROMPT, 3, hr_prompt="h <lora:karaokeroom:0.2> <lora:other:1>", batch_size=4, n_iter=2)
    made = prepared(job, Request("a <lora:karaokeroom:1:lbw=0.5>", 9))
    made.extra_generation_params["x"] = 1
    assert (job.prompt, job.seed, job.extra_generation_params) == (PROMPT, 3, {})
    assert (made.seed, made.batch_size, made.n_iter, made.do_not_save_grid) == (9, 1, 1, True)
    assert made.hr_prompt == "h <lora:karaokeroom:1:lbw=0.5> <lora:other:1>"


def test_progress_is_told_by_the_webuis_own_means(webui: FakeWebui) -> None:
    jobs: list[str] = []
    webui.after_picture = lambda: jobs.append(webui.state.job)
    drawing = Drawing(Job("a"), webui.process, webui.state)
    steps: list[tuple[int, int]] = []
    drawn: list[int] = []
    requests = [Request("a", 1), Request("b", 2)]
    drawing.generate_many(
        requests, lambda number, image, text: drawn.append(number), lambda *step: steps.append(step), lambda: False
    )
    assert jobs == ["1 out of 2", "2 out of 2"]
    assert (drawn, steps, webui.state.job_count) == ([0, 1], [(2, 4), (4, 4)], 2)
    assert drawing.texts[requests[1]].startswith("b")


def test_errors_of_ours_are_lbw_errors(loaded: FakeWebui) -> None:
    with pytest.raises(sys.modules["lib_lbw.errors"].LbwError):
        analysed(loaded, LEGACY, Job("no tag"))
    assert sys.modules["lib_lbw.errors"].LbwError is not LbwError  # the script has its own load of the package


def test_every_value_of_the_z_axis_has_a_grid_of_its_own(loaded: FakeWebui) -> None:
    plot = [*LEGACY[:2], 1, "values", "0,0.5", "Block ID", "BASE,OUT11", "seed", "1,2,3", *[""] * 6]
    made, _ = analysed(loaded, plot)
    assert made.index_of_first_image == len(loaded.saved) == 6
    assert [seeds_in(grid) for grid in made.images[:3]] == [{1}, {2}, {3}]
    with Image.open(results_folder(loaded) / "grid.png") as stacked:
        assert sum(grid.height for grid in made.images[:3]) == stacked.height


@pytest.mark.parametrize("swap", [False, True])
def test_a_number_of_seeds_gives_that_many_grids(loaded: FakeWebui, swap: bool) -> None:
    made, _ = analysed(loaded, [*LEGACY[:11], 3, *LEGACY[12:14], swap], Job(PROMPT, 3))
    assert made.index_of_first_image == 6
    drawn = [int(text.rpartition("Seed: ")[2].split(",")[0]) % 251 for text in made.infotexts[6:]]
    assert drawn[0] == 3
    assert [seeds_in(grid) for grid in made.images[:3]] == [{seed} for seed in dict.fromkeys(drawn)]
    assert (made.images[0].width > made.images[0].height) == swap


def seeds_in(grid: Image.Image) -> set[int]:
    """The seeds (modulo 251) of the pictures in a grid: their red and green are 255 together, which no grey has."""
    colors = grid.convert("RGB").getcolors(grid.width * grid.height) or []
    return {color[2] for count, color in colors if count >= 256 and color[0] + color[1] == 255}
