"""Completion of preset names in a real browser, with a stand-in for the extension that offers and inserts them."""

import json
from collections.abc import Iterator

import pytest

from lib_lbw.ui.scripts import source
from tests.ui.running_app import CHROMIUM, Page, browser, playwright

__all__ = ["browser"]
pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]
NAMES = ["MY_FACE", "ALL", "FACE", "My soft"]
HOST = "window.gradioApp = () => document; window.begun = []; window.onUiLoaded = (work) => begun.push(work);"

#: What the extension does: words in small letters, cut at commas and blanks; a blank behind what it takes for a LoRA.
COMPLETION = """
var tagword = "";
const TAC_CFG = {};
const PARSERS = [];
const QUEUE_SANITIZE = [(type, text) => (type === ResultType.lora ? `<lora:${text}:1>` : null)];
const ResultType = Object.freeze({ extra: 1, lora: 2 });
class BaseTagParser { constructor(trigger) { this.triggerCondition = trigger; } }
class AutocompleteResult { constructor(text, type) { this.text = text; this.type = type; } }
const area = () => document.querySelector("textarea");
async function offer(word) {
    tagword = word.toLowerCase();
    const parser = PARSERS.at(-1);
    return parser.triggerCondition() ? (await parser.parse(area(), area().value)).map((each) => each.text) : null;
}
function take(text) {
    const [box, put] = [area(), QUEUE_SANITIZE.map((each) => each(ResultType.lora, text)).find(Boolean) + " "];
    const from = Math.max(0, box.selectionStart - tagword.length);
    const at = from + box.value.slice(from, box.selectionStart + tagword.length).toLowerCase().indexOf(tagword);
    box.value = box.value.slice(0, at) + put + box.value.slice(at + tagword.length);
    box.selectionStart = box.selectionEnd = at + put.length;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    return [box.value.slice(0, box.selectionStart), box.value.slice(box.selectionStart)];
}
"""


@pytest.fixture
def page(browser: "playwright.Browser") -> Iterator[Page]:
    """A page with a prompt box and the stand-in."""
    context = browser.new_context()
    opened = context.new_page()
    opened.set_content("<textarea></textarea>")
    for script in (HOST, COMPLETION, source()):
        opened.add_script_tag(content=script)
    opened.evaluate(f"lbw.bridge.ask = async () => ({json.dumps({'names': NAMES, 'words': {}})})")
    opened.evaluate("begun.forEach((work) => work())")
    yield opened
    context.close()


def write(page: Page, text: str) -> None:
    """Put a text into the box, the caret where `|` stands."""
    before, _, after = text.partition("|")
    page.locator("textarea").fill(before + after)
    page.evaluate("at => area().setSelectionRange(at, at)", len(before))


@pytest.mark.parametrize(
    ("text", "word", "offered"),
    [
        ("<lora:Ab:1:lbw=|", "<lora:Ab:1:lbw=", ["<lora:Ab:1:lbw=" + name for name in NAMES]),
        ("x, <lora:Ab:1:lbw=fa|", "<lora:Ab:1:lbw=fa", ["<lora:Ab:1:lbw=FACE", "<lora:Ab:1:lbw=MY_FACE"]),
        ("<lora:Ab:1:lbw=ALL,fa|", "fa", ["FACE", "MY_FACE"]),
        ("<lora:Ab:1:lbw=fa|>", "<lora:Ab:1:lbw=fa>", ["<lora:Ab:1:lbw=FACE>", "<lora:Ab:1:lbw=MY_FACE>"]),
        ("<lora:Ab:1:lbw=fa|:start=2>", "<lora:Ab:1:lbw=fa:start=2>",
         ["<lora:Ab:1:lbw=FACE:start=2>", "<lora:Ab:1:lbw=MY_FACE:start=2>"]),
        ("<lora:Ab:1:lbw=my so|", "so", ["soft"]),
        ("<lora:Ab:1:lbw=FACE|>", "<lora:Ab:1:lbw=FACE>", ["<lora:Ab:1:lbw=MY_FACE>"]),
        ("<lora:Ab:1|", "<lora:Ab:1", None),
        ("face|", "face", None),
        ("<lora:Ab:1:lbw=ALL:st|", "<lora:Ab:1:lbw=ALL:st", None),
        ("<lora:Ab:1:lbw=ALL> fa|", "fa", None),
    ],
)  # fmt: skip
def test_presets_are_offered_inside_a_tag(page: Page, text: str, word: str, offered: list[str] | None) -> None:
    write(page, text)
    assert page.evaluate("word => offer(word)", word) == offered


@pytest.mark.parametrize(
    ("text", "word", "taken"),
    [
        ("a <lora:Ab:1:lbw=fa|", "<lora:Ab:1:lbw=fa", ["a <lora:Ab:1:lbw=FACE", ""]),
        ("a <lora:Ab:1:lbw=fa|>, b", "<lora:Ab:1:lbw=fa>", ["a <lora:Ab:1:lbw=FACE", ">, b"]),
        ("<lora:Ab:1:lbw=All,fa|> b", "fa", ["<lora:Ab:1:lbw=All,FACE", "> b"]),
        ("<lora:Ab:1:lbw=My so|>", "so", ["<lora:Ab:1:lbw=My soft", ">"]),
    ],
)
def test_a_name_goes_in_and_nothing_else_changes(page: Page, text: str, word: str, taken: list[str]) -> None:
    write(page, text)
    first = page.evaluate("word => offer(word)", word)[0]
    assert page.evaluate("text => take(text)", first) == taken


def test_completion_of_loras_stays_that_of_the_extension(page: Page) -> None:
    write(page, "some|")
    page.evaluate("tagword = 'some'")
    assert page.evaluate("take('some_lora')") == ["<lora:some_lora:1> ", ""]
