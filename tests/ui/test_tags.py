from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.ui.reading import Tag
from lib_lbw.ui.tags import chosen_tag, lora_names, preset_of, tag_choices, with_lora, with_preset
from lib_lbw.weights.grammar import find_directives

PLAIN = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]))


def tags_of(prompt: str) -> list[Tag]:
    return [Tag(found.text, found.start, found.end, found.directive) for found in find_directives(prompt)]


def test_choices_are_the_tags_of_the_prompt_then_what_could_be_added() -> None:
    tags = tags_of("<lora:b:1> <lora:b:0.5>")
    assert tag_choices(tags, ["c", "a", "b"]) == [("b", "0"), ("b", "1"), ("+ a", "+a"), ("+ c", "+c")]


def test_a_choice_that_is_gone_falls_back_to_the_first_tag() -> None:
    tags = tags_of("<lora:a:1> <lora:b:1>")
    assert [chosen_tag(tags, choice) for choice in ("1", "7", None, "+x", "junk")] == [1, 0, 0, 0, 0]
    assert chosen_tag([], "0") is None


def test_adding_a_lora_puts_a_plain_tag_at_the_end() -> None:
    assert with_lora("a girl, ", "+hat") == "a girl, <lora:hat:1>"
    assert with_lora("", "+hat") == "<lora:hat:1>"
    assert with_lora("a girl", "0") is None


@given(PLAIN, PLAIN, st.sampled_from(["ALL", "OUTALL", "ALL0.5"]))
def test_a_preset_changes_its_tag_and_nothing_else(before: str, after: str, preset: str) -> None:
    prompt = f"{before}<lora:a:1:lbw=NONE:stop=10><lora:a:1>{after}"
    tag = tags_of(prompt)[0]
    changed = with_preset(prompt, tag, preset)
    assert changed == f"{before}<lora:a:1:lbw={preset}:stop=10><lora:a:1>{after}"
    assert preset_of(tags_of(changed)[0]) == preset


def test_weights_that_are_more_than_a_preset_have_no_preset() -> None:
    assert preset_of(tags_of("<lora:a:1:lbw=ALL,OUT01@0.5>")[0]) is None
    assert preset_of(tags_of("<lora:a:1>")[0]) is None


def test_a_tag_that_cannot_be_read_is_left_alone() -> None:
    prompt = "<lora:a:1:lbw=>"
    assert with_preset(prompt, tags_of(prompt)[0], "ALL") == prompt


def test_names_of_a_prompt_come_once_each() -> None:
    assert lora_names("<lora:a:1> <lyco:b:1> <lora:a:0.5>") == ["a", "b"]
