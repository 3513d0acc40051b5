"""What the scripts do in a WebUI, in a page that has the WebUI's functions and those of its completion extension."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lib_lbw.ui.scripts import source
from tests.ui.test_gui import CHROMIUM, Page, browser, playwright

__all__ = ["browser"]
pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]

PRESETS = {
    "lines": [{"name": "MY_FACE"}, {"name": "BAD", "fault": "x"}],
    "shipped": [{"name": "ALL"}, {"name": "FACE"}],
}
#: The host removes a tag only where a number and nothing else stands behind the name, as the real one does.
HOST = """
window.opts = { extra_networks_add_text_separator: " ", localization: "None" };
window.gradioApp = () => document;
window.begun = [];
window.onUiLoaded = (work) => begun.push(work);
window.tryToRemoveExtraNetworkFromPrompt = function (box, text, negative) {
    const before = box.value;
    box.value = before.replace(/ ?<lora:a:[0-9.]+>/, "");
    return box.value !== before;
};
"""
COMPLETION = """
var tagword = "";
const PARSERS = [];
const QUEUE_SANITIZE = [(type, text) => (type === ResultType.lora ? `<lora:${text}:1>` : null)];
const ResultType = Object.freeze({ extra: 1, lora: 2 });
class BaseTagParser { constructor(trigger) { this.triggerCondition = trigger; } }
class AutocompleteResult { constructor(text, type) { this.text = text; this.type = type; } }
"""


@pytest.fixture(scope="module")
def opened(browser: "playwright.Browser") -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def begin(page: Page, *more: str) -> None:
    """Load the scripts as the WebUI does, and let it say that its page is there."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto("about:blank")
    page.set_content("<textarea></textarea>")
    for script in (HOST, *more, source()):
        page.add_script_tag(content=script)
    page.evaluate(f"lbw.bridge.ask = async () => ({json.dumps(PRESETS)})")
    page.evaluate("begun.forEach((work) => work())")
    assert faults == []


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("a girl <lora:a:1:lbw=OUTALL>", "a girl"),
        ("a girl <lora:a:0.5:0.3:lbw=OUTALL:step=3-> smile, at night", "a girl at night"),
        ("<lora:a:1:lbw=0,1> <lora:b:1:lbw=0,1>", " <lora:b:1:lbw=0,1>"),
        ("x <lora:b:1:lbw=ALL> <lora:a:1>", "x <lora:b:1:lbw=ALL>"),  # without weights it is the host's work
        ("x <lora:ab:1:lbw=ALL>", None),
        ("x", None),
    ],
)
def test_a_card_clicked_again_takes_its_weighed_tag_out(opened: Page, prompt: str, left: str | None) -> None:
    begin(opened)
    found: dict[str, Any] = opened.evaluate(
        """(prompt) => {
            const box = document.querySelector("textarea");
            box.value = prompt;
            return { removed: tryToRemoveExtraNetworkFromPrompt(box, "<lora:a:1> smile,", false), left: box.value };
        }""",
        prompt,
    )
    assert found == {"removed": left is not None, "left": prompt if left is None else left}


def test_a_card_with_weights_of_its_own_takes_a_plain_tag_out_too(opened: Page) -> None:
    begin(opened)
    left = opened.evaluate(
        """() => {
            const box = document.querySelector("textarea");
            box.value = "x <lora:a:0.7>";
            tryToRemoveExtraNetworkFromPrompt(box, "<lora:a:1:lbw=OUTALL>", false);
            return box.value;
        }"""
    )
    assert left == "x"


def test_the_cards_are_patched_once(opened: Page) -> None:
    begin(opened)
    first = "window.first = tryToRemoveExtraNetworkFromPrompt; begun.forEach((work) => work());"
    assert opened.evaluate(f"() => {{ {first} return window.first === tryToRemoveExtraNetworkFromPrompt; }}")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("<lora:a:1:lbw=", ["<lora:a:1:lbw=MY_FACE", "<lora:a:1:lbw=ALL", "<lora:a:1:lbw=FACE"]),
        ("<lora:a:1:lbw=fa", ["<lora:a:1:lbw=FACE", "<lora:a:1:lbw=MY_FACE"]),
        ("<lora:a:1:lbw=ALL,fa", ["<lora:a:1:lbw=ALL,FACE", "<lora:a:1:lbw=ALL,MY_FACE"]),
        ("<lora:a:1", None),
        ("fa", None),
        ("<lora:a:1:lbw=ALL:st", None),
    ],
)
def test_presets_are_completed_inside_a_tag(opened: Page, typed: str, offered: list[str] | None) -> None:
    begin(opened, COMPLETION)
    found = opened.evaluate(
        """async (typed) => {
            tagword = typed;
            const parser = PARSERS.at(-1);
            return parser.triggerCondition() ? await parser.parse() : null;
        }""",
        typed,
    )
    assert (found and [each["text"] for each in found]) == offered


def test_a_completion_goes_into_the_prompt_as_it_is(opened: Page) -> None:
    begin(opened, COMPLETION)
    first = "(text) => QUEUE_SANITIZE.map((each) => each(ResultType.lora, text)).find(Boolean)"
    assert opened.evaluate(first, "<lora:a:1:lbw=MY_FACE") == "<lora:a:1:lbw=MY_FACE"
    assert opened.evaluate(first, "some_lora") == "<lora:some_lora:1>"


def test_without_the_completion_extension_nothing_is_missing(opened: Page) -> None:
    begin(opened)
    assert opened.evaluate("typeof PARSERS") == "undefined"
