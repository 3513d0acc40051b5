import html
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.ui.markup import element, escape

HOSTILE = "<img src=x onerror=alert(1)>${alert(1)}{{7*7}}`\"'&"


@given(st.text())
def test_escaped_text_shows_exactly_the_text(text: str) -> None:
    assert html.unescape(escape(text)) == html.unescape(html.escape(text))
    assert not set(escape(text)) & set("<>\"'$`{}")


def test_hostile_text_stays_text_in_content_and_attribute() -> None:
    node = ElementTree.fromstring(element("p", escape(HOSTILE), title=HOSTILE))
    assert node.text == HOSTILE
    assert node.get("title") == HOSTILE
    assert len(node) == 0


def test_attributes_are_named_as_written_with_hyphens_and_none_is_left_out() -> None:
    assert element("a", class_="lbw-x", data_block="IN01", rx=None) == '<a class="lbw-x" data-block="IN01"></a>'
