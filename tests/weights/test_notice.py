"""Sentences with a number: one module, two modules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import LbwError, filled
from lib_lbw.weights.notice import Notice

TEMPLATE = "{lora}: {count:module has|modules have} no rank"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 modules have"), (1, "1 module has"), (2, "2 modules have"), (21, "21 modules have")]
)
def test_a_number_takes_the_word_that_goes_with_it(count: int, words: str) -> None:
    assert str(LbwError(TEMPLATE, lora="a", count=count)) == f"a: {words} no rank"
    assert str(Notice.of(TEMPLATE, lora="a", count=count)) == f"a: {words} no rank"


def test_a_translation_may_do_without() -> None:
    error = LbwError(TEMPLATE, lora="a", count=1)
    assert error.localized(lambda _: "{lora}：{count} 個") == "a：1 個"


@given(st.text(), st.floats(), st.integers())
def test_everything_else_is_as_format_has_it(text: str, number: float, count: int) -> None:
    template = "{{}} {text!r} {number:.3g} {count:>7} {text}|{count}"
    fields = {"text": text, "number": number, "count": count}
    assert filled(template, fields) == template.format(**fields)
