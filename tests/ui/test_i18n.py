import pytest

from lib_lbw.ui.i18n import LANGUAGES, dictionary, language_of, say, translator


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("de,fr;q=0.9,ja;q=0.5,en;q=0.4", "ja"),
        ("en;q=0.2,ja;q=0.7", "ja"),
        ("ja;q=0,de", "en"),
        ("*;q=nonsense", "en"),
    ],
)
def test_language_of_the_browser(header: str, language: str) -> None:
    assert language_of(header) == language


def test_unknown_templates_and_languages_stay_english() -> None:
    assert translator("ja")("no such template {name}") == "no such template {name}"
    assert dictionary("../errors") == {}
    assert say(translator("xx"), "{count} images", count=3) == "3 images"


def test_a_question_for_the_nearest_is_translated_apart_from_its_sentence() -> None:
    translate = translator("ja")
    known = "{text!r} is not a tag of the form <lora:NAME:1>"
    assert translate(known + "; did you mean {nearest}?").startswith(translate(known))


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_every_language_has_a_dictionary(language: str) -> None:
    assert dictionary(language)
