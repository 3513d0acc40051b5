"""LoRAs that the host drops in the middle of a picture are told of, once, and nothing else is."""

from types import SimpleNamespace

from lib_lbw.webui.dropping import DROPPED, Dropping

EMPTY_PROMPT = SimpleNamespace(all_prompts=None)


def picture() -> SimpleNamespace:
    return SimpleNamespace(all_prompts=["a house"])


def test_a_picture_that_goes_on_without_its_loras_is_told_of_once() -> None:
    dropping, job = Dropping(), picture()
    dropping.activated(job, True)
    assert dropping.on_step() is None
    dropping.activated(EMPTY_PROMPT, False)
    assert str(dropping.on_step()) == DROPPED
    assert dropping.on_step() is None


def test_loras_that_are_brought_back_are_not_dropped() -> None:
    dropping, job = Dropping(), picture()
    dropping.activated(job, True)
    dropping.activated(EMPTY_PROMPT, False)
    dropping.activated(job, True)  # the second pass of hires
    assert dropping.on_step() is None


def test_without_loras_and_between_pictures_there_is_nothing_to_drop() -> None:
    dropping, job = Dropping(), picture()
    dropping.activated(job, False)
    dropping.activated(EMPTY_PROMPT, False)
    assert dropping.on_step() is None
    dropping.activated(job, True)
    dropping.activated(EMPTY_PROMPT, False)  # a checkpoint loaded for the next picture
    dropping.activated(picture(), False)
    assert dropping.on_step() is None


def test_a_job_inside_a_job_is_no_drop() -> None:
    dropping, inner = Dropping(), picture()
    dropping.activated(picture(), True)
    dropping.activated(inner, False)
    assert dropping.on_step() is None
