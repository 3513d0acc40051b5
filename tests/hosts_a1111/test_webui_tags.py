"""What the host gets of a tag, and what is ours."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import DirectiveError
from lib_lbw.hosts.webui.tags import directive_of, host_part, rewritten, split_items
from lib_lbw.weights.grammar import find_directives, format_weights, parse_directive, parse_weights


def split(text: str) -> tuple[str, str, str]:
    """Return the host's items, our weights and the error of a tag, as text."""
    kind, _, inside = text.strip("<>").partition(":")
    tag = split_items(inside.split(":"), kind)
    assert tag.text == text
    weights = tag.directive.weights if tag.directive else None
    return ":".join(tag.host_items), format_weights(weights) if weights else "", str(tag.error or "")


@pytest.mark.parametrize(
    ("text", "host", "weights"),
    [
        ("<lora:a>", "a", ""),
        ("<lora:a:1>", "a:1", ""),
        ("<lora:a:1:0.5:16>", "a:1:0.5:16", ""),
        ("<lora:a:te=1:unet=0.5:dyn=8>", "a:te=1:unet=0.5:dyn=8", ""),
        ("<lora:a:1:lbw=MIDD>", "a:1", "MIDD"),
        ("<lyco:a:1:w=1,0.5>", "a:1", "1,0.5"),
        ("<lora:a:1:MIDD>", "a:1", "MIDD"),
        ("<lora:a:1:1,0,0.5>", "a:1", "1,0,0.5"),
        ("<lora:a:1:0.5:OUTALL>", "a:1:0.5", "OUTALL"),
        ("<lora:a:1:lbw=ALL,OUT01@0.8:unet=0.4:foo=bar>", "a:1:unet=0.4:foo=bar", "ALL,OUT01@0.8"),
        ("<lora:a:1@0,0.5@0.5>", "a:1@0,0.5@0.5", ""),
        ("<lora:a:0@0,1@0.5:hr=0.4:lbw=MID@0>", "a:0@0,1@0.5:hr=0.4", "MID@0"),
        ("<lora:a:te=0.5@0;1@1:unet=1~0,0:lbw=ALL>", "a:te=0.5@0;1@1:unet=1~0,0", "ALL"),
        ("<lora:a:[1@0,0@0.5]:lbw=ALL>", "a:[1@0,0@0.5]", "ALL"),
        ("<lora:a:1:1:3@0.5,OUT01@1>", "a:1:1", "3@0.5,OUT01@1"),
        ("<lora:a:1:note=te=1:lbw=ALL>", "a:1", "ALL"),
        ("<lora: a b :1:lbw=ALL>", " a b :1", "ALL"),
    ],
)
def test_each_gets_what_it_understands(text: str, host: str, weights: str) -> None:
    assert split(text) == (host, weights, "")


@pytest.mark.parametrize(
    ("text", "host", "part"),
    [
        ("<lora:a:1:lbw=IN01=0>", "a:1", "'='"),
        ("<lora:a:1:lbw=>", "a:1", "empty"),
        ("<lora:a:foo>", "a", "'foo'"),
        ("<lora:a:1:te=abc:lbw=ALL>", "a:1", "'abc'"),
        ("<lora:a:1:1:4.5>", "a:1:1", "'4.5'"),
        ("<lora:a:1:start=5:stop=2>", "a:1", "5-2"),
        ("<lora:a:1:lbw=ALL:lbw=NONE>", "a:1", "'NONE'"),
        ("<lora:a::1>", "a", "empty"),
    ],
)
def test_what_nobody_understands_is_told_and_kept_from_the_host(text: str, host: str, part: str) -> None:
    got, weights, error = split(text)
    assert (got, weights) == (host, "")
    assert error
    assert part in error


def test_positions_count_from_the_start_of_the_tag_as_written() -> None:
    tag = split_items(["name", "0@0,1@0.5", "te=1@0", "lbw=ALL,IN01@oops"])
    assert tag.error is not None
    assert tag.text[tag.error.position :].startswith(tag.error.text)


def test_a_schedule_or_an_elemental_preset_alone_is_a_directive() -> None:
    for item in ("start=3", "lbwe=ATTNDEEPON"):
        assert split_items(["a", "1", item]).directive == parse_directive(f"<lora:a:1:{item}>")
    assert split_items(["a", "1", "x=2"]).directive is None


@given(st.lists(st.text("01.5:=@,-lbwtesarxIN~;[]ALO ", max_size=10), min_size=1, max_size=5))
def test_no_tag_makes_the_host_stumble(items: list[str]) -> None:
    items = ":".join(items).split(":")
    tag = split_items(items)
    assert tag.host_items[0] == items[0]
    if tag.directive is None and tag.error is None:
        return
    free = 3
    for item in tag.host_items[1:]:
        parts = item.split("=", 2)
        if len(parts) == 2:
            assert parts[0].strip() not in ("lbw", "w", "lbwe", "start", "stop", "step", "x")
            continue
        free -= 1
        if "@" not in item and "~" not in item and not item.strip().startswith("["):
            float(item)


def test_the_prompts_own_value_stays_as_it_is() -> None:
    def make(items: list[str]) -> SimpleNamespace:
        return SimpleNamespace(items=items)

    class Params:
        def __init__(self, items: list[str]) -> None:
            self.items = items

    tags = [Params(["a", "1", "lbw=ALL"]), Params(["b", "1"])]
    hypernets = [make(["h", "1"])]
    data = {"lora": tags, "hypernet": hypernets}
    part = host_part(data)
    assert [tag.items for tag in part["lora"]] == [["a", "1"], ["b", "1"]]
    assert part["lora"][1] is tags[1]
    assert part["hypernet"] is hypernets
    assert data["lora"] is tags
    assert tags[0].items == ["a", "1", "lbw=ALL"]
    plain = {"lora": [tags[1]]}
    assert host_part(plain) is plain
    assert host_part({}) == {}
    assert host_part(None) is None


@pytest.mark.parametrize(
    ("text", "written", "plain"),
    [
        ("<lora:a:1@0,0.5@1>", "<lora:a:1@0,0.5@1:lbw=MID>", "<lora:a:1@0,0.5@1>"),
        ("<lora:a:1@0, 0.5@1:lbw=ALL>", "<lora:a:1@0, 0.5@1:lbw=MID>", "<lora:a:1@0, 0.5@1>"),
        ("<lyco:a:0@0,1@0.5:hr=0.4:w=0:start=3>", "<lyco:a:0@0,1@0.5:hr=0.4:lbw=MID:start=3>", None),
        ("<lora:a:te=1@0;0@1:w=0:lbwe=FACE:unet=1~0,0>", "<lora:a:te=1@0;0@1:lbw=MID:unet=1~0,0>", None),
        ("<lora:a:[1@0,0@0.5]:OUTALL>", "<lora:a:[1@0,0@0.5]:lbw=MID>", "<lora:a:[1@0,0@0.5]>"),
        ("<lora:a:1@0,0.5@1:1:x=0.5>", "<lora:a:1@0,0.5@1:1:x=0.5:lbw=MID>", "<lora:a:1@0,0.5@1:1:x=0.5>"),
        ("<lora:a:1.0:0.50:lbw=ALL>", "<lora:a:1:0.5:lbw=MID>", "<lora:a:1:0.5>"),
    ],
)
def test_multipliers_of_other_extensions_outlive_new_weights(text: str, written: str, plain: str | None) -> None:
    (found,) = find_directives(text)
    assert rewritten(found, parse_weights("MID"), None) == written
    assert plain is None or rewritten(found, None, None) == plain
    (again,) = find_directives(rewritten(found, parse_weights("MID"), "FACE"))
    assert (str(directive_of(again).weights), directive_of(again).elements) == ("MID", "FACE")


@pytest.mark.parametrize(
    ("prompt", "part"),
    [
        ("a <lora:a:1@0,0.5@1:lbw=ALL,IN01@oops>", "oops"),
        ("a <lora:a:1@0,0.5@1:te=abc>", "abc"),
        ("<LORA:a:1>", "<LORA:a:1>"),
    ],
)
def test_a_tag_nobody_understands_tells_its_place_in_the_prompt(prompt: str, part: str) -> None:
    (found,) = find_directives(prompt)
    with pytest.raises(DirectiveError) as told:
        directive_of(found)
    assert part in told.value.text
    assert prompt[told.value.position :].startswith(told.value.text)


def test_no_name_of_elements_breaks_out_of_its_tag() -> None:
    (found,) = find_directives("<lora:a:1@0,0.5@1>")
    with pytest.raises(DirectiveError):
        rewritten(found, None, "X>:<lora:b:1")
