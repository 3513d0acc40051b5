import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import families
from lib_lbw.weights.directive import Area, Target, Value
from lib_lbw.weights.element_names import ELEMENT_NAMES, element_matches, is_element
from lib_lbw.weights.element_presets import ElementSource
from lib_lbw.weights.presets import ElementBook
from lib_lbw.weights.resolve import ElementRule
from lib_lbw.weights.targets import known_blocks

TO_OUT = ("attentions.1", "transformer_blocks", "13", "attn1", "to_out.0")


def rule(blocks: Target | None, elements: tuple[str, ...], number: float, negated: bool = False) -> ElementSource:
    return ElementSource(blocks, elements, negated, Value("number", number))


RANGE = Target((Area("IN05", "OUT05"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A:IN05-OUT05:attn:1", (rule(RANGE, ("attn",), 1),)),
        ("A:::0.5", (rule(None, (), 0.5),)),
        ("A::attn1 ff:0", (rule(None, ("attn1", "ff"), 0),)),
        ("A:NOT IN01:NOT attn1:0", (rule(Target((Area("IN01"),), True), ("attn1",), 0, True),)),
        ("A:IN01 IN02::0,:ff:1", (rule(Target((Area("IN01"), Area("IN02"))), (), 0), rule(None, ("ff",), 1))),
        ("A::ff:1\n:attn1:0, :attn2:0\r\n# note\n:conv:X", None),
        ("A:\n:ff:1", (rule(None, ("ff",), 1),)),
    ],
)
def test_rules_of_a_preset(text: str, expected: tuple[ElementSource, ...] | None) -> None:
    book = ElementBook.parse("B::proj:0\n\n" + text + "\n\nC::attn:0")
    assert book.faults == ()
    assert book.names() == ("B", "A", "C")
    if expected is None:
        assert [found.elements for found in book.find("A")] == [("ff",), ("attn1",), ("attn2",), ("conv",)]
    else:
        assert book.find("A") == expected


@pytest.mark.parametrize(
    "text", ["A:ff:1", "A:IN01:ff:x", "A:IN01:ff:1:2", ":ff:1", "A:IN01:NOT:1", "A::ff:1,ff:2", "A::ff:1\nnonsense"]
)
def test_a_faulty_line_is_reported_and_takes_its_preset_with_it(text: str) -> None:
    book = ElementBook.parse(f"{text}\n\nC::attn:0")
    assert len(book.faults) == 1
    assert book.find("A") == ()
    assert len(book.find("C")) == 1


@given(st.text(st.sampled_from("AB:,1 #\n\r"), max_size=40))
def test_any_text_is_read_and_kept(text: str) -> None:
    assert ElementBook.parse(text).text() == text


def test_the_shipped_file_has_no_fault() -> None:
    book = ElementBook.shipped()
    assert book.faults == ()
    assert all(book.find(name) for name in book.names())


@pytest.mark.parametrize(
    "element", ["attn", "attn1", "to_out", "out.0", "attn1.to_out.0", "ATTN1_to_out", "13", "13.attn1"]
)
def test_elements_that_are_part_of_the_name(element: str) -> None:
    assert is_element(element)
    assert element_matches(element, TO_OUT)


@pytest.mark.parametrize("element", ["attn2", "3", "1", "0", "3.attn1", "attn1.to_k", "ff"])
def test_elements_that_are_not(element: str) -> None:
    assert is_element(element)
    assert not element_matches(element, TO_OUT)


@pytest.mark.parametrize("element", ["", "a", "atn", "attn9", "to q", "attn..to", "²", "IN01", "é", "a__b"])
def test_words_that_are_no_element(element: str) -> None:
    assert not is_element(element)


@pytest.mark.parametrize("name", ELEMENT_NAMES)
def test_every_listed_name_is_an_element(name: str) -> None:
    assert is_element(name)


def test_no_numbered_block_is_an_element() -> None:
    blocks = {name for family in families() for name in known_blocks(family)}
    assert {name for name in blocks if is_element(name)} == {"IN", "OUT"}


@pytest.mark.parametrize(
    ("rule", "leaf", "expected"),
    [
        (ElementRule(None, ("attn1",), False, 0.0), "IN01", True),
        (ElementRule(None, ("attn1",), True, 0.0), "IN01", False),
        (ElementRule(None, ("attn2",), True, 0.0), "IN01", True),
        (ElementRule(frozenset({"IN01"}), ("attn1",), False, 0.0), "IN02", False),
        (ElementRule(frozenset({"IN01"}), ("attn2",), True, 0.0), "IN02", False),
        (ElementRule(None, ("ff", "attn1"), False, 0.0), "IN01", True),
    ],
)
def test_matching(rule: ElementRule, leaf: str, expected: bool) -> None:
    assert rule.matches(leaf, TO_OUT) is expected
    assert ElementRule.from_json(rule.to_json()) == rule
