"""Faults and notices as HTML: the sentence, and under it the place in the prompt."""

from collections.abc import Iterable, Sequence

from lib_lbw.errors import DirectiveError, LbwError
from lib_lbw.ui.i18n import Translate, say
from lib_lbw.ui.markup import element, escape
from lib_lbw.ui.reading import Tag
from lib_lbw.weights.notice import Notice

_BEFORE, _AFTER = 24, 16


def error_message(error: LbwError, translate: Translate, prompt: str = "") -> str:
    """Return an error as a message box; with the prompt, a directive's error shows where it is."""
    content = element("p", escape(error.localized(translate)))
    if isinstance(error, DirectiveError) and prompt:
        content += excerpt(prompt, error.position, len(error.text))
    return element("div", content, class_="lbw-message lbw-error", role="alert")


def notice_message(notice: Notice, translate: Translate) -> str:
    """Return a notice as a message box."""
    return _notice(notice.localized(translate))


def text_notices(notices: Iterable[str], translate: Translate) -> str:
    """Return notices that are kept as sentences, one message box each."""
    return "".join(_notice(translate(notice)) for notice in notices)


def _notice(text: str) -> str:
    return element("div", element("p", escape(text)), class_="lbw-message lbw-notice")


def plain_message(translate: Translate, template: str, /, **fields: object) -> str:
    """Return a sentence of the interface as a message box."""
    return element("div", element("p", escape(say(translate, template, **fields))), class_="lbw-message lbw-info")


def tag_messages(tags: Sequence[Tag], prompt: str, translate: Translate) -> str:
    """Return what there is to say about the tags of a prompt; empty when all is well."""
    errors = [error_message(tag.error, translate, prompt) for tag in tags if tag.error]
    notices = [notice_message(notice, translate) for tag in tags for notice in tag.notices]
    return "".join((*errors, *notices))


def excerpt(text: str, position: int, length: int) -> str:
    """Return some of `text` around the fault at `position`, marked; a fault without length marks its place."""
    begin, end = max(0, position - _BEFORE), position + max(length, 0)
    before = ("…" if begin else "") + text[begin:position]
    after = text[end : end + _AFTER] + ("…" if end + _AFTER < len(text) else "")
    marked = element("mark", escape(text[position:end]) or "&#8203;")
    return element("code", escape(before) + marked + escape(after), class_="lbw-excerpt")
