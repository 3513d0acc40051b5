import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import (
    AllTerm,
    Area,
    Bound,
    Directive,
    PresetTerm,
    Schedule,
    Target,
    TargetTerm,
    Terms,
    Value,
    Vector,
    Weights,
)
from lib_lbw.weights.grammar import (
    find_directives,
    format_directive,
    format_weights,
    parse_directive,
    parse_weights,
    without_directives,
)
from tests.weights.strategies import directives, weights

PIECES = ["lora", ":", "=", ",", "@", "-", "+", ".", " ", "NOT", "IN01", "OUT3", "attn1", "R", "X", "ALL", "0.5", "1"]
PIECES += ["-3", "1e9", "1e999", "__", "#", "{", "lbw", "w", "lbwe", "step", "start", "stop", "te", "unet", "dyn", "x"]
PIECES += ["９", "²", "あ", "\n", "\t", "9" * 5000]


@given(directives)
def test_parse_is_the_inverse_of_format(directive: Directive) -> None:
    assert parse_directive(format_directive(directive)) == directive


@given(weights)
def test_parse_weights_is_the_inverse_of_format_weights(made: Weights) -> None:
    assert parse_weights(format_weights(made)) == made


@given(directives, st.text(max_size=9).filter(lambda text: "<" not in text))
def test_format_is_a_normal_form_and_the_place_is_found(directive: Directive, before: str) -> None:
    text = format_directive(directive)
    [found] = find_directives(before + text + " rest")
    assert found.directive == directive
    assert format_directive(found.directive) == text
    assert (before + text)[found.start : found.end] == found.text == text


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=12).map("".join))
@example("a:1:lbw=" + ",".join("R" * 17))
@example("a:1:dyn=" + "9" * 5000)
def test_any_text_parses_or_raises_a_directive_error_that_points_at_its_text(inside: str) -> None:
    prompt = f"ab <lora:{inside}> cd"
    for found in find_directives(prompt):
        if found.error is None:
            assert found.directive is not None
            assert parse_directive(format_directive(found.directive)) == found.directive
        else:
            error = found.error
            assert found.start <= error.position <= found.end
            assert prompt[error.position :].startswith(error.text)
            assert str(error)


@given(st.text(max_size=30))
def test_text_that_is_no_tag_raises_a_directive_error(text: str) -> None:
    with pytest.raises(DirectiveError):
        parse_directive(text)


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("<lora:a>", Directive("a")),
        ("<lora:a:0.8>", Directive("a", te=0.8)),
        ("<lora:a:0.8:0.5>", Directive("a", te=0.8, unet=0.5)),
        ("<lora:a:0.8:0.5:4>", Directive("a", te=0.8, unet=0.5, dyn=4)),
        ("<lora:a:1:te=0.8:unet=0.5:dyn=4>", Directive("a", te=0.8, unet=0.5, dyn=4)),
        ("<lora:a:te=0.8>", Directive("a", te=0.8)),
        ("<lyco:a:-1>", Directive("a", te=-1.0, tag="lyco")),
        ("<lora:my lora v1.2 花:1>", Directive("my lora v1.2 花")),
        ("<lora:a:1:lbw=ALL>", Directive("a", weights=Terms((PresetTerm("ALL"),)))),
        ("<lora:a:1:w=ALL>", Directive("a", weights=Terms((PresetTerm("ALL"),)))),
        ("<lora:a:1:lbw=XYZ>", Directive("a", weights=Terms((PresetTerm("XYZ"),)))),
        ("<lora:a:1:lbw=0.5>", Directive("a", weights=Terms((AllTerm(Value("number", 0.5)),)))),
        ("<lora:a:1:ALL>", Directive("a", weights=Terms((PresetTerm("ALL"),)))),
        ("<lora:a:1:0.5:ALL>", Directive("a", unet=0.5, weights=Terms((PresetTerm("ALL"),)))),
        ("<lora:a:1:lbwe=ATTN:x=0.5>", Directive("a", elements="ATTN", x=0.5)),
        ("<lora:a:1:stop=10>", Directive("a", schedule=Schedule(None, Bound(10, False)))),
        ("<lora:a:1:start=0.4>", Directive("a", schedule=Schedule(Bound(0.4, True), None))),
        ("<lora:a:1:step=5-10>", Directive("a", schedule=Schedule(Bound(5, False), Bound(10, False)))),
        ("<lora:a:1:step=0.1-1.0>", Directive("a", schedule=Schedule(Bound(0.1, True), Bound(1, True)))),
        ("<lora:a:1:hr=0.5: note = te=1 >", Directive("a", extra=(("hr", "0.5"), (" note ", " te=1 ")))),
    ],
)
def test_what_a_tag_says(text: str, directive: Directive) -> None:
    assert parse_directive(text) == directive


def numbers(*values: float) -> Vector:
    return Vector(tuple(Value("number", value) for value in values))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,0,0.5,-0.25", numbers(1, 0, 0.5, -0.25)),
        (" 1 , 0 ,.5,\t-.25", numbers(1, 0, 0.5, -0.25)),
        ("R,U,X", Vector((Value("R"), Value("U"), Value("X")))),
        ("X+0.1,X - 0.5", Vector((Value("X", 0.1), Value("X", -0.5)))),
        (
            "ALL,OUT01@0.8",
            Terms((PresetTerm("ALL"), TargetTerm(Target((Area("OUT01"),)), Value("number", 0.8)))),
        ),
        (
            "0,OUT00-OUT01@1",
            Terms((AllTerm(Value("number", 0)), TargetTerm(Target((Area("OUT00", "OUT01"),)), Value("number", 1)))),
        ),
        ("NOT BASE@0.5", Terms((TargetTerm(Target((Area("BASE"),), True), Value("number", 0.5)),))),
        (
            "IN01  OUT01.attn2 attn1@R",
            Terms((TargetTerm(Target((Area("IN01"), Area("OUT01", None, "attn2"), Area("attn1"))), Value("R")),)),
        ),
        ("IN07-IN08.3@X", Terms((TargetTerm(Target((Area("IN07", "IN08", "3"),)), Value("X")),))),
        ("X-RAY", Terms((PresetTerm("X-RAY"),))),
        ("my preset 2", Terms((PresetTerm("my preset 2"),))),
    ],
)
def test_what_weights_say(text: str, expected: Weights) -> None:
    assert parse_weights(text) == expected


def test_the_legacy_form_takes_a_vector() -> None:
    assert parse_directive("<lora:a:1:1,0,0.5>").weights == numbers(1, 0, 0.5)


@pytest.mark.parametrize(
    ("tag", "at_fault"),
    [
        ("<lora::1>", ":1"),
        ("<lora:a:ALL>", "ALL"),
        ("<lora:a:1:>", ""),
        ("<lora:a:1:1:1:1>", "1"),
        ("<lora:a:1:ALL:1>", "1"),
        ("<lora:a:te=x1>", "x1"),
        ("<lora:a:1:dyn=1.5>", "1.5"),
        ("<lora:a:2000000>", "2000000"),
        ("<lora:a:1:lbw=>", ""),
        ("<lora:a:1:lbw=1,,0>", ",,"),
        ("<lora:a:1:lbw=1,0,>", ","),
        ("<lora:a:1:lbw=IN01@>", ""),
        ("<lora:a:1:lbw=@1>", ""),
        ("<lora:a:1:lbw=IN01@1@2>", "1@2"),
        ("<lora:a:1:lbw=IN01-@1>", "IN01-"),
        ("<lora:a:1:lbw=IN01.@1>", "IN01."),
        ("<lora:a:1:lbw=IN01=1>", "="),
        ("<lora:a:1:lbw=A__B>", "__"),
        ("<lora:a:1:lbw={A|B}>", "{"),
        ("<lora:a:1:lbw=ALL:w=NONE>", "NONE"),
        ("<lora:a:1:ALL:lbw=NONE>", "ALL"),
        ("<lora:a:1:step=10-5>", "10-5"),
        ("<lora:a:1:step=5-5>", "5-5"),
        ("<lora:a:1:step=5>", "5"),
        ("<lora:a:1:start=-1>", "-1"),
        ("<lora:a:1:step=-1-5>", "-1"),
        ("<lora:a:1:step=1--5>", "-5"),
        ("<lora:a:1:stop=1.5>", "1.5"),
        ("<lora:a:1:stop=ten>", "ten"),
        ("<lora:a:1:step=1-5:stop=3>", "1-5"),
        ("<lora:a:1:start=5:stop=3>", "5"),
        ("<lora:a:1:x=R>", "R"),
        ("<lora:a:1:lbwe=>", ""),
    ],
)
def test_what_is_wrong_and_where(tag: str, at_fault: str) -> None:
    prompt = f"one, {tag}"
    [found] = find_directives(prompt)
    assert found.error is not None
    assert found.error.text == at_fault
    assert prompt[found.error.position :].startswith(at_fault)


def test_a_good_tag_beside_a_bad_one_is_still_found() -> None:
    bad, good = find_directives("<lora:a:x> and <lora:b:0.5>")
    assert bad.directive is None
    assert good.directive == Directive("b", te=0.5)


def test_other_tags_and_text_are_left_alone() -> None:
    prompt = "a <hypernet:x:1> (b:1.2), <lora:a:1:lbw=ALL>c<lyco:b> <d"
    assert [found.text for found in find_directives(prompt)] == ["<lora:a:1:lbw=ALL>", "<lyco:b>"]
    assert without_directives(prompt) == "a <hypernet:x:1> (b:1.2), c <d"


@pytest.mark.parametrize(("number", "text"), [(0.5, "0.5"), (1.0, "1"), (-0.25, "-0.25"), (1e-7, "0.0000001")])
def test_numbers_print_as_short_as_they_can(number: float, text: str) -> None:
    assert format_directive(Directive("a", te=number)) == f"<lora:a:{text}>"


@pytest.mark.parametrize("name", ["", " a", "a:b", "a<b", "a>"])
def test_a_directive_no_tag_can_say_cannot_be_made(name: str) -> None:
    with pytest.raises(DirectiveError):
        Directive(name)


def test_places_are_counted_from_the_first_letter() -> None:
    vector = parse_weights("  1 , 0 ", 5)
    assert isinstance(vector, Vector)
    assert (vector.at, vector.written) == (7, "1 , 0")
    terms = parse_weights(" ALL , NOT IN01 OUT99@1", 5)
    assert isinstance(terms, Terms)
    preset, target = terms.terms
    assert isinstance(preset, PresetTerm)
    assert isinstance(target, TargetTerm)
    assert (preset.at, [area.at for area in target.target.areas]) == (6, [16, 21])


@pytest.mark.parametrize(
    "text", ["<LORA:a:1>", "<Lyco:a:1:lbw=ALL>", "< lora:a:1>", "<lora :a:1>", "<lora:a:1", "<lora:"]
)
def test_what_was_meant_as_a_tag_is_never_left_to_the_text_encoder(text: str) -> None:
    meant, right = find_directives(f"a {text}<lora:b:0.5>")
    assert meant.directive is None
    assert "is not a tag of the form" in str(meant.error)
    assert (meant.text, meant.start) == (text, 2)
    assert right.directive == Directive("b", te=0.5)
    assert without_directives(f"a {text}") == "a "


@pytest.mark.parametrize(("text", "nearest"), [("0,8", "0.8"), ("-1,25", "-1.25"), ("1,2,3", None), ("a,5", None)])
def test_a_decimal_comma_gets_the_point(text: str, nearest: str | None) -> None:
    with pytest.raises(DirectiveError) as caught:
        parse_directive(f"<lora:a:{text}>")
    assert caught.value.nearest == nearest
