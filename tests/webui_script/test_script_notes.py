"""What there is to say of one picture among many reaches the page and the API's reply."""

import sys
from copy import copy
from types import SimpleNamespace
from typing import Any

import pytest

from tests.webui_script.fake_webui import FakeWebui, Job, Processed, copied

GOOD, BAD = "<lora:karaokeroom:1:lbw=OUTALL>", "<lora:karaokeroom:1:lbw=OUTAL>"
SENTENCE = "'OUTAL' is neither a preset nor a number; did you mean OUTALL?"


def plotted(webui: FakeWebui, job: Job, *prompts: str) -> Any:
    """Draw prompts as the WebUI's plot does: go on after a failure, and return the first result with all pictures."""

    def script(p: Job, *texts: str) -> Processed:
        cells: list[Processed] = []
        for text in texts:
            cell = copied(p)
            cell.prompt = text
            try:
                cells.append(webui.process(cell))
            except Exception as error:  # the WebUI swallows all; here a bad directive alone may end a cell
                if type(error).__name__ != "DirectiveError":
                    raise
                cells.append(Processed(p, []))
        result = copy(cells[0])
        result.images = [image for cell in cells for image in cell.images]
        result.extra_generation_params = p.extra_generation_params
        return result

    return sys.modules["modules.scripts"].ScriptRunner().run(job, script, *prompts)


@pytest.mark.parametrize("prompts", [(GOOD, BAD, GOOD), (BAD, GOOD), (BAD,), (GOOD, BAD, BAD)])
def test_a_picture_of_a_plot_that_failed_is_told_of(loaded: FakeWebui, prompts: tuple[str, ...]) -> None:
    result = plotted(loaded, Job(""), *prompts)
    assert len(result.images) == prompts.count(GOOD)
    assert result.comments.splitlines() == [SENTENCE]
    assert result.extra_generation_params["LBW notes"] == SENTENCE


def test_what_is_ignored_in_a_later_picture_is_told_too(loaded: FakeWebui) -> None:
    loaded.opts.lbw_on_bad_directive = "ignore"
    result = plotted(loaded, Job(""), GOOD, BAD, BAD, GOOD)
    assert len(result.images) == 4
    assert result.comments.splitlines()[0] == SENTENCE
    assert len(result.comments.splitlines()) == 2
    assert SENTENCE in result.extra_generation_params["LBW notes"]


def test_a_plot_without_faults_and_a_job_without_a_script_stay_as_they_are(loaded: FakeWebui) -> None:
    result = plotted(loaded, Job(""), GOOD, GOOD)
    assert result.comments == ""
    assert "LBW notes" not in result.extra_generation_params
    assert sys.modules["modules.scripts"].ScriptRunner().run(Job(GOOD), None) is None


def test_a_script_that_ends_in_an_error_leaves_nothing_to_the_next(loaded: FakeWebui) -> None:
    runner = sys.modules["modules.scripts"].ScriptRunner()
    with pytest.raises(Exception, match="OUTAL"):
        runner.run(Job(BAD), loaded.process)
    assert plotted(loaded, Job(""), GOOD).comments == ""


def test_what_a_script_of_another_kind_returns_is_left_alone(loaded: FakeWebui) -> None:
    runner = sys.modules["modules.scripts"].ScriptRunner()
    loaded.opts.lbw_on_bad_directive = "ignore"

    def script(p: Job) -> Any:
        loaded.process(p)
        return SimpleNamespace(images=[])

    assert vars(runner.run(Job(BAD), script)) == {"images": []}


def test_a_script_inside_a_script_is_told_of_once(loaded: FakeWebui) -> None:
    runner = sys.modules["modules.scripts"].ScriptRunner()
    result = runner.run(Job(""), lambda p: plotted(loaded, p, GOOD, BAD))
    assert result.comments.splitlines() == [SENTENCE]


def test_the_webui_gets_its_own_back(loaded: FakeWebui) -> None:
    runner = sys.modules["modules.scripts"].ScriptRunner
    assert hasattr(runner.run, "__wrapped__")
    loaded.unload_scripts()
    assert not hasattr(runner.run, "__wrapped__")
