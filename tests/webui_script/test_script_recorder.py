"""The parameters name the LoRAs of the prompt, also where the refiner puts others in their place."""

from types import SimpleNamespace
from typing import Any

import pytest

from lib_lbw.blocks.family import family
from lib_lbw.hosts.infotext import KEY
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.tags import split_items
from lib_lbw.webui.recording import HIRES_KEY, Recorder
from lib_lbw.weights.resolve import resolve

Job = SimpleNamespace


@pytest.fixture
def activate() -> Any:
    """What the gate does for a prompt: its tags, resolved."""
    recorder = Recorder()

    def made(job: Job, name: str, weights: str, *, steps: bool = True) -> str:
        tag = split_items((name, "1", f"lbw={weights}"))
        assert tag.directive is not None
        recorder.record(job, [(tag, Entry(name, resolve(tag.directive, family("sd1")), family("sd1")))])
        if steps:
            recorder.on_step()
        return str(job.extra_generation_params[HIRES_KEY if job.is_hr_pass else KEY])

    return made


def job(**more: Any) -> Job:
    return Job(extra_generation_params={}, extra_network_data={"lora": []}, is_hr_pass=False, **more)


@pytest.mark.parametrize("again", [1, 2])
def test_the_refiner_changes_nothing_that_was_recorded(activate: Any, again: int) -> None:
    picture = job()
    before = activate(picture, "high", "OUTALL")
    assert "high" in before
    for _ in range(again):
        assert activate(picture, "low", "INALL", steps=False) == before


def test_every_picture_is_recorded_anew(activate: Any) -> None:
    picture = job()
    first = activate(picture, "high", "OUTALL")
    picture.extra_network_data = {"lora": []}  # the next of a batch, or of a loop
    second = activate(picture, "high", "INALL")
    assert second != first
    assert activate(job(), "other", "INALL").startswith("<lora:other")
    assert activate(picture, "high", "OUTALL") == first, "put back after what was drawn inside"


def test_before_the_first_step_the_last_activation_counts(activate: Any) -> None:
    """A1111 activates the tags of the second pass first, and then the first pass's again."""
    picture = job()
    activate(picture, "second", "OUTALL", steps=False)
    assert "first" in activate(picture, "first", "OUTALL")


def test_a_second_pass_is_told_of_apart(activate: Any) -> None:
    picture = job()
    activate(picture, "first", "OUTALL")
    picture.is_hr_pass = True
    picture.hr_extra_network_data = {"lora": []}
    assert "second" in activate(picture, "second", "OUTALL")
