import pytest

from lib_lbw.ui.i18n import english, translator
from lib_lbw.ui.prompt_view import add_lora, prompt_view, set_preset
from lib_lbw.ui.workbench import Workbench

TWO = "a girl <lora:inkstyle:1:lbw=OUTALL> <lora:goldhair:0.5:lbw=ALL>"


def test_the_first_tag_is_drawn_until_another_is_chosen(bench: Workbench) -> None:
    first = prompt_view(bench, TWO, 0, None, english)
    second = prompt_view(bench, TWO, 0, "1", english)
    assert (first.choice, first.preset) == ("0", "OUTALL")
    assert (second.choice, second.preset) == ("1", "ALL")
    assert "<strong>inkstyle</strong>" in first.figure
    assert "<strong>goldhair</strong>" in second.figure
    assert "× 0.5" in second.figure


def test_a_prompt_without_lora_offers_all_of_them(bench: Workbench) -> None:
    view = prompt_view(bench, "a girl", 0, None, english)
    assert view.choice is None
    assert {value for _, value in view.choices} == {f"+{name}" for name in bench.session.host.loras}
    assert "No LoRA in the prompt" in view.figure


def test_blocks_that_the_file_does_not_hold_are_hatched(bench: Workbench) -> None:
    absent = set(bench.session.host.family.blocks) - set(bench.present("inkstyle") or ())
    figure = prompt_view(bench, "<lora:inkstyle:1>", 0, None, english).figure
    assert absent
    assert figure.count("lbw-absent") == len(absent)


def test_a_faulty_tag_shows_its_fault_and_an_empty_diagram(bench: Workbench) -> None:
    view = prompt_view(bench, "<lora:inkstyle:1:lbw=TYPO>", 0, None, english)
    assert "lbw-error" in view.messages
    assert 'class="lbw-bar"' not in view.figure


def test_words_come_in_the_language_of_the_page(bench: Workbench) -> None:
    assert "0 から 1" in prompt_view(bench, TWO, 0, None, translator("ja")).figure


def test_a_pick_from_the_list_adds_a_lora_and_chooses_it(bench: Workbench) -> None:
    prompt, choice = add_lora(bench.session, TWO, "+headsize")
    assert prompt == TWO + " <lora:headsize:1>"
    assert prompt_view(bench, prompt, 0, choice, english).choice == "2"
    assert add_lora(bench.session, TWO, "1") == (TWO, "1")


def test_a_preset_goes_to_the_chosen_tag(bench: Workbench) -> None:
    assert set_preset(bench.session, TWO, "1", "NONE") == TWO.replace("lbw=ALL>", "lbw=NONE>")
    assert set_preset(bench.session, TWO, "1", None) == TWO


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)", "${alert(1)}", '"><svg onload=alert(1)'])
def test_hostile_prompts_stay_text(bench: Workbench, name: str) -> None:
    view = prompt_view(bench, f"<lora:{name}:1:lbw={name}>", 0, None, english)
    assert "<img" not in view.messages + view.figure
    assert "onload=alert(1)>" not in view.messages
    assert "${" not in view.messages
