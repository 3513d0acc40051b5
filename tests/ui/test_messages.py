import html
import re

from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import DirectiveError, LoraFileError
from lib_lbw.hosts.session import Session
from lib_lbw.ui.i18n import english, translator
from lib_lbw.ui.messages import error_message, excerpt, notice_message, tag_messages
from lib_lbw.ui.reading import read_prompt
from lib_lbw.weights.notice import Notice

HOSTILE = "<img src=x onerror=alert(1)>"


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@given(st.text(), st.data())
def test_the_excerpt_marks_exactly_the_fault(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    marked = re.search(r"<mark>(.*?)</mark>", excerpt(text, start, end - start), re.DOTALL)
    assert marked is not None
    assert html.unescape(marked[1]).replace("\u200b", "") == html.unescape(html.escape(text[start:end])).replace(
        "\u200b", ""
    )


def test_an_error_in_the_prompt_shows_sentence_place_and_nearest(session: Session) -> None:
    prompt = "a girl <lora:inkstyle:1:lbw=ALLL>"
    markup = tag_messages(read_prompt(session, prompt, 0), prompt, english)
    assert "<mark>ALLL</mark>" in markup
    assert "did you mean ALL?" in text_of(markup)


def test_the_same_error_in_japanese_keeps_its_data(session: Session) -> None:
    prompt = "a girl <lora:inkstyle:1:lbw=ALLL>"
    markup = tag_messages(read_prompt(session, prompt, 0), prompt, translator("ja"))
    assert "もしかして" in markup
    assert "ALLL" in text_of(markup)


def test_a_notice_is_shown_beside_sound_tags(session: Session) -> None:
    prompt = "<lora:inkstyle:1:lbw=1,1,1,1,1,1,1,1,1,1,1,0.5>"
    markup = tag_messages(read_prompt(session, prompt, 0), prompt, english)
    assert "lbw-notice" in markup
    assert "lbw-error" not in markup


def test_all_well_says_nothing(session: Session) -> None:
    prompt = "a girl <lora:inkstyle:1>"
    assert tag_messages(read_prompt(session, prompt, 0), prompt, english) == ""


def test_hostile_text_stays_text_everywhere(session: Session) -> None:
    prompt = f"{HOSTILE} <lora:a'\"&${{x}}:1> <lora:inkstyle:1:lbw=&quot;> <lora:inkstyle:1:lbw='onload='>"
    shown = [
        tag_messages(read_prompt(session, prompt, 0), prompt, english),
        error_message(DirectiveError("no {text}", text=HOSTILE, position=0), english, HOSTILE),
        error_message(LoraFileError("{path} is none", path=HOSTILE), english),
        notice_message(Notice.of("{blocks} silenced", blocks=HOSTILE), english),
    ]
    assert all("<img" not in markup and "${" not in markup for markup in shown)
    assert all(HOSTILE in text_of(markup) for markup in shown[1:])
