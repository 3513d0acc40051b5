"""Languages of the interface: a dictionary from English template to template.

A sentence is an English template with named fields; the fields stay data and are filled in after the translation, so
the templates of `LbwError` and of notices go through the same dictionary as the labels. What a locale does not hold is
shown in English.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from lib_lbw.errors import filled

Translate = Callable[[str], str]

#: Language code to the name that its speakers use.
LANGUAGES: Mapping[str, str] = {"en": "English", "ja": "日本語"}
DEFAULT_LANGUAGE = "en"
#: A question that errors add to their sentence, so the two are translated apart.
_QUESTION = "; did you mean {nearest}?"
LOCALES = Path(__file__).with_name("locales")


def english(template: str) -> str:
    """Return `template` itself: the translation into English."""
    return template


@cache
def dictionary(language: str) -> Mapping[str, str]:
    """Return the templates of `language`; empty for English and for a language that is not shipped."""
    path = LOCALES / f"{language}.json"
    if language not in LANGUAGES or not path.is_file():
        return {}
    entries: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def translator(language: str) -> Translate:
    """Return the function from English template to template of `language`."""
    entries = dictionary(language)

    def translate(template: str) -> str:
        sentence, asked, _ = template.partition(_QUESTION)
        if template in entries or not asked:
            return entries.get(template, template)
        return entries.get(sentence, sentence) + entries.get(_QUESTION, _QUESTION)

    return translate


def say(translate: Translate, template: str, /, **fields: object) -> str:
    """Return the sentence of `template` in the language of `translate`, its fields filled in."""
    return filled(translate(template), fields)


def language_of(accept_language: str) -> str:
    """Return the first shipped language in a browser's `Accept-Language` header, by its quality values (RFC 9110)."""
    wishes: list[tuple[float, int, str]] = []
    for order, item in enumerate(accept_language.split(",")):
        tag, _, quality = item.partition(";q=")
        wishes.append((-_quality(quality), order, tag.strip().lower().split("-")[0]))
    known = [language for quality, _, language in sorted(wishes) if language in LANGUAGES and quality < 0]
    return known[0] if known else DEFAULT_LANGUAGE


def _quality(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0
