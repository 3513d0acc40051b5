"""The axes of the WebUI's own plot: what they write into the prompts, in whatever order they stand."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.analysis.bench import Bench
from lib_lbw.blocks.family import family
from lib_lbw.errors import LbwError
from lib_lbw.webui.axes import BLOCK_OFF, BLOCK_WEIGHT, PRESET, WEIGHTS, add_axes, split_values
from lib_lbw.weights.grammar import find_directives
from lib_lbw.weights.presets import PresetBook
from lib_lbw.weights.resolve import resolve
from tests.webui_script.fake_webui import AxisOption, FakeWebui, Job, copied

SD1 = family("sd1")


@pytest.fixture
def plot(webui: FakeWebui) -> dict[str, Any]:
    add_axes(webui.plot, lambda lora, job: Bench(SD1), PresetBook.shipped)
    return {option.label: option for option in webui.plot.axis_options}


def numbers(prompt: str) -> dict[str, float]:
    (found,) = find_directives(prompt)
    assert found.directive is not None
    return dict(resolve(found.directive, SD1).weights)


@pytest.mark.parametrize(
    ("axis", "value", "before", "after"),
    [
        (PRESET, "OUTALL", "a <lora:x:1> b", "a <lora:x:1:lbw=OUTALL> b"),
        (PRESET, "OUTALL", "a <lora:x:1:MIDD> b", "a <lora:x:1:lbw=OUTALL> b"),
        (PRESET, "OUTALL", "<lora:y:1> <lora:x:0.5:lbw=XYZ>", "<lora:y:1> <lora:x:0.5:lbw=OUTALL>"),
        (PRESET, "ALL", "<lora:y:1@0,0.5@1> <lora:x:1:lbw=XYZ>", "<lora:y:1@0,0.5@1> <lora:x:1:lbw=ALL>"),
        (WEIGHTS, "ALL,IN04@0", "<lora:x:1:lbw=XYZ>", "<lora:x:1:lbw=ALL,IN04@0>"),
        (BLOCK_OFF, "NOT BASE", "<lora:x:1>", "<lora:x:1:lbw=1,NOT BASE@0>"),
        (BLOCK_OFF, "IN04-MID", "<lora:x:1:lbw=OUTALL>", "<lora:x:1:lbw=OUTALL,IN04-MID@0>"),
        (BLOCK_WEIGHT, "OUT03@0.5", "<lyco:x:1:0.3:start=2>", "<lyco:x:1:0.3:lbw=1,OUT03@0.5:start=2>"),
    ],
)
def test_one_axis(plot: dict[str, Any], axis: str, value: str, before: str, after: str) -> None:
    job = Job(before, hr_prompt="h " + before)
    cell = copied(job)
    plot[axis].confirm(job, [value])
    plot[axis].apply(cell, value, [value])
    assert (cell.prompt, cell.hr_prompt) == (after, "h " + after)
    assert job.prompt == before


@given(st.booleans(), st.sampled_from(["ALL", "OUTALL", "1,1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0.5"]))
def test_two_axes_in_either_order(weights_first: bool, weights: str) -> None:
    plot = SimpleNamespace(AxisOption=AxisOption, axis_options=[])
    add_axes(plot, lambda lora, job: Bench(SD1), PresetBook.shipped)
    by_label = {option.label: option for option in plot.axis_options}
    cell = Job("<lora:x:1:lbw=XYZ>")
    steps = [(WEIGHTS, weights), (BLOCK_OFF, "IN01")]
    for label, value in steps if weights_first else reversed(steps):
        by_label[label].apply(cell, value, [value])
    expected = {**numbers(f"<lora:x:1:lbw={weights}>"), "IN01": 0.0}
    assert numbers(cell.prompt) == expected


def test_cells_do_not_disturb_one_another(plot: dict[str, Any]) -> None:
    job = Job("<lora:x:1>")
    first, second = copied(job), copied(job)
    plot[BLOCK_OFF].apply(first, "IN01", [])
    plot[BLOCK_OFF].apply(second, "IN02", [])
    assert second.prompt == "<lora:x:1:lbw=1,IN02@0>"


@pytest.mark.parametrize(
    ("axis", "value", "prompt"),
    [
        (BLOCK_WEIGHT, "OUT03", "<lora:x:1>"),
        (BLOCK_WEIGHT, "1,0", "<lora:x:1>"),
        (WEIGHTS, "IN01@", "<lora:x:1>"),
        (PRESET, "OUTAL", "<lora:x:1>"),
        (WEIGHTS, "1,0,1", "<lora:x:1>"),
        (BLOCK_OFF, "IN99", "<lora:x:1>"),
        (PRESET, "ALL", "no tag"),
        (PRESET, "ALL", "<lora:x:1> <lora:y:1>"),
    ],
)
def test_what_cannot_be_is_said_before_the_first_picture(
    plot: dict[str, Any], axis: str, value: str, prompt: str
) -> None:
    with pytest.raises(LbwError):
        plot[axis].confirm(Job(prompt), [value])


def test_axes_are_added_once_with_choices(webui: FakeWebui, plot: dict[str, Any]) -> None:
    add_axes(webui.plot, lambda lora, job: Bench(SD1), PresetBook.shipped)
    assert [option.label for option in webui.plot.axis_options] == [PRESET, WEIGHTS, BLOCK_OFF, BLOCK_WEIGHT]
    assert "OUTALL" in plot[PRESET].choices()
    assert "MID" in plot[BLOCK_OFF].choices()
    assert split_values("ALL,IN04@0; 1,0 ;\n MIDD") == ["ALL,IN04@0", "1,0", "MIDD"]


def test_a_plot_of_the_webui_draws_what_the_axis_says(loaded: FakeWebui) -> None:
    by_label = {option.label: option for option in loaded.plot.axis_options}
    cell = Job("<lora:karaokeroom:1>")
    by_label[PRESET].apply(cell, "NONE", ["NONE"])
    assert loaded.process(cell).images[0] == loaded.process(Job("")).images[0]


class OldAxisOption(AxisOption):
    """That of A1111 1.6, which takes no function that splits the values."""

    def __init__(self, label: str, type: Any, apply: Any, confirm: Any = None, choices: Any = None):
        super().__init__(label, type, apply, confirm, choices)


def test_an_older_plot_gets_the_axes_too() -> None:
    plot = SimpleNamespace(AxisOption=OldAxisOption, axis_options=[])
    add_axes(plot, lambda lora, job: Bench(SD1), PresetBook.shipped)
    assert [option.label for option in plot.axis_options] == [PRESET, WEIGHTS, BLOCK_OFF, BLOCK_WEIGHT]
