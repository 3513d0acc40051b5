import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.analysis import text as words
from lib_lbw.analysis.text import SMALLEST, font_for, line_height, width, wrap

labels = st.text(alphabet="abIN0159 -_,;:/.@|層階ア試験", max_size=40)


@settings(max_examples=150, deadline=None)
@given(labels, st.integers(20, 300), st.integers(SMALLEST, 30))
def test_lines_fit_and_nothing_but_spaces_is_lost(label, limit, size):
    font = font_for(label, size)
    lines = wrap(label, font, limit)
    assert "".join("".join(lines).split()) == "".join(label.split())
    for line in lines:
        assert width(line, font) <= limit or len(line) == 1


def test_lines_break_after_joining_signs_before_they_break_inside_words():
    font = font_for("x", 14)
    limit = max(width("IN01-IN08,", font), width("IN05-OUT05", font))
    assert wrap("IN01-IN08,IN05-OUT05", font, limit) == ["IN01-IN08,", "IN05-OUT05"]
    assert wrap("a b\nc", font, 200) == ["a b", "c"]


def test_a_font_without_wide_letters_is_not_used_for_them(monkeypatch):
    if words._wide_font() is None:
        pytest.skip("this system has no font with Japanese letters")
    assert font_for("ブロック", 20).getname() != font_for("block", 20).getname()
    monkeypatch.setattr(words, "_wide_font", lambda: None)
    assert font_for("ブロック", 20).getname() == font_for("block", 20).getname()


def test_a_line_is_as_high_as_its_letters():
    font = font_for("Åg", 20)
    assert line_height(font) >= font.getbbox("Åg")[3] - font.getbbox("Åg")[1]
