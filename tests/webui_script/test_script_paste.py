"""Parameters pasted back: what worked there works here, and what works here is left as the user wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import family
from lib_lbw.errors import DirectiveError
from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.hosts.webui.tags import split_items
from lib_lbw.webui.paste import restored
from lib_lbw.webui.recording import recorded
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import find_directives, format_directive, parse_directive
from lib_lbw.weights.presets import PresetBook
from lib_lbw.weights.resolve import resolve
from tests.webui_script.fake_webui import FakeWebui, Job
from tests.webui_script.strategies import our_directives

SD1 = family("sd1")
NUMBERS = "<lora:a:1:1:lbw=1,0,0,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1,1,1,0,0,0,0,0.25>"


def here(directive: Directive) -> Directive | None:
    """Understand a directive in a place that has the shipped presets, and not the LoRA `gone`."""
    return None if directive.name == "gone" else resolve(directive, SD1, seed=7).resolved()


@pytest.mark.parametrize(
    ("prompt", "record", "pasted"),
    [
        ("x <lora:a:1:1:lbw=NOTHERE> y", NUMBERS, f"x {NUMBERS} y"),
        ("x <lora:a:1:1:lbw=OUTALL> y", NUMBERS, f"x {NUMBERS} y"),  # a preset of that name, but another one
        ("x <lora:a:1:1:lbw=ALL> y", "<lora:a:1:1>", "x <lora:a:1:1:lbw=ALL> y"),
        ("x <lora:a:1:1:lbw=MINE> y", "<lora:a:1:1:lbw=1>", "x <lora:a:1:1:lbw=1> y"),
        ("<lora:b:1> <lora:a:1:lbw=N>", "<lora:a:1:lbw=0.5>", "<lora:b:1> <lora:a:1:lbw=0.5>"),
        ("<lora:a:1> <lora:a:1:lbw=N>", "<lora:a:1:lbw=0.5>", "<lora:a:1> <lora:a:1:lbw=0.5>"),
        ("<lora:a:1:N>", "<lora:a:1:lbw=0.5>", "<lora:a:1:lbw=0.5>"),
        ("<lora:gone:1:lbw=N>", "<lora:gone:1:lbw=0.5>", "<lora:gone:1:lbw=0.5>"),
        ("<lora:a:1:lbw=N><lora:a:1:lbw=M>", "<lora:a:1:lbw=0>, <lora:a:1:lbw=2>", "<lora:a:1:lbw=0><lora:a:1:lbw=2>"),
        ("<lora:a:1:lbw=N>", "", "<lora:a:1:lbw=N>"),
        ("<lora:a:1:lbw=N>", "<lora:b:1:lbw=0>", "<lora:a:1:lbw=N>"),
    ],
)  # fmt: skip
def test_pasted(prompt: str, record: str, pasted: str) -> None:
    assert restored(prompt, record, here) == pasted


@given(st.lists(our_directives, min_size=1, max_size=3), st.integers(0, 3))
def test_a_picture_of_one_place_means_the_same_in_a_place_without_presets(
    directives: list[Directive], seed: int
) -> None:
    """Record a prompt where all presets are, paste it where none are: the numbers are the same."""
    try:
        drawn = [resolve(each, SD1, seed=seed) for each in directives]
    except DirectiveError:
        return
    tags = [split_items(format_directive(each)[6:-1].split(":")) for each in directives]
    record = ", ".join(recorded(tag, Entry(tag.name, each, SD1)) for tag, each in zip(tags, drawn, strict=True))
    prompt = "a " + " b ".join(map(format_directive, directives)) + " c"
    none = PresetBook.parse("")

    def there(directive: Directive) -> Directive:
        return resolve(directive, SD1, presets=none, seed=seed).resolved()

    pasted = restored(prompt, record, there)
    found = [parse_directive(each.text) for each in find_directives(pasted)]
    assert [there(each) for each in found] == [each.resolved() for each in drawn]
    assert restored(pasted, record, there) == pasted


def test_the_webui_hands_over_what_it_read(loaded: FakeWebui) -> None:
    record = "<lora:karaokeroom:1:1:lbw=0.5>"
    parameters = {"Prompt": "a <lora:karaokeroom:1:1:lbw=LOST>", "Seed": "5", "LBW": record}
    loaded.callbacks["infotext_pasted"][0]("", parameters)
    assert parameters["Prompt"] == f"a {record}"
    parameters = {"Prompt": "a", "Hires prompt": "<lora:karaokeroom:1:1:lbw=LOST>", "LBW": "", "LBW hires": record}
    loaded.callbacks["infotext_pasted"][0]("", parameters)
    assert parameters["Hires prompt"] == record


def test_and_our_own_parameters_come_back_unchanged(loaded: FakeWebui) -> None:
    job = Job("<lora:karaokeroom:1:1:lbw=ALL,OUT11@R>", 12)
    loaded.process(job)
    parameters = {"Prompt": job.prompt, "Seed": "12", "LBW": job.extra_generation_params["LBW"]}
    loaded.callbacks["infotext_pasted"][0]("", parameters)
    assert parameters["Prompt"] == job.prompt
    parameters["Seed"] = "13"
    loaded.callbacks["infotext_pasted"][0]("", parameters)
    assert parameters["Prompt"] == job.extra_generation_params["LBW"]
