"""What the scripts do in a WebUI, in a page that has the WebUI's functions and those of its completion extension."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lib_lbw.ui.scripts import source
from tests.ui.running_app import CHROMIUM, Page, browser, playwright

__all__ = ["browser"]
pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]

PRESETS = {
    "lines": [{"name": "MY_FACE"}, {"name": "BAD", "fault": "x"}],
    "shipped": [{"name": "ALL"}, {"name": "FACE"}],
    "words": {},
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


@pytest.fixture(scope="module")
def opened(browser: "playwright.Browser") -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def begin(page: Page, *more: str, host: str = HOST) -> None:
    """Load the scripts as the WebUI does, and let it say that its page is there."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto("about:blank")
    page.set_content("<textarea></textarea>")
    for script in (host, *more, source()):
        page.add_script_tag(content=script)
    page.evaluate(f"lbw.bridge.ask = async () => ({json.dumps(PRESETS)})")
    page.evaluate("begun.forEach((work) => work())")
    assert faults == []


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("a girl <lora:a:1:lbw=OUTALL>", "a girl"),
        ("a girl <lora:a:0.5:0.3:lbw=OUTALL:step=3-> smile, at night", "a girl at night"),
        ("a girl <lora:a:1:OUTALL>", "a girl"),  # the older way to write it
        ("a girl <lora:a:1:0.5:1,0,0.5> smile, at night", "a girl at night"),
        ("x <lora:a:lbw=OUTALL>", "x"),
        ("x <lora:a:1:0.5>", None),  # two multipliers: the host's own, which it does not take out
        ("x <lora:a:1:te=0.5:dyn=4>", None),
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


def test_without_the_completion_extension_nothing_is_missing(opened: Page) -> None:
    begin(opened)
    assert opened.evaluate("typeof PARSERS") == "undefined"


def test_the_bars_follow_the_prompt_while_they_are_seen(opened: Page) -> None:
    begin(opened)
    opened.evaluate(
        """() => {
            document.body.innerHTML = `<div id="txt2img_prompt"><textarea>a</textarea></div><div id="fold" hidden>
                <input id="lbw-txt2img-active"><button id="lbw-txt2img-show"></button>
                <button id="lbw-txt2img-presets-save"></button></div>`;
            window.drawn = [];
            window.box = document.querySelector("textarea");
            document.querySelector("#lbw-txt2img-show").onclick = () => drawn.push(box.value);
        }"""
    )
    opened.wait_for_timeout(1000)
    assert opened.evaluate("drawn") == [], "folded"
    opened.evaluate("fold.hidden = false")
    opened.wait_for_function("drawn.join() === 'a'")
    opened.evaluate("box.value = 'ab'")  # without an event: the host pastes so
    opened.wait_for_function("drawn.join() === 'a,ab'")
    opened.evaluate("window.typing = setInterval(() => { box.value += 'c'; }, 100)")
    opened.wait_for_timeout(1200)
    assert opened.evaluate("drawn.length") == 2, "not before the prompt rests"
    opened.evaluate("clearInterval(typing)")
    opened.wait_for_function("drawn.length === 3 && drawn[2] === box.value")
    opened.wait_for_timeout(1000)
    assert opened.evaluate("drawn.length") == 3, "and once"
    opened.evaluate("document.querySelector('#lbw-txt2img-presets-save').click()")
    opened.wait_for_function("drawn.length === 4")


def test_a_panel_that_nobody_has_opened_asks_nothing(opened: Page) -> None:
    """All questions of a page stand in one line: the bars at a tag would wait for those of hidden panels."""
    begin(opened)
    opened.evaluate(
        """() => {
            window.asked = [];
            lbw.bridge.ask = (question) => { asked.push(question); return new Promise(() => undefined); };
            const places = ["presets", "merge", "results"].map((name) => `<div data-lbw="${name}"></div>`);
            document.body.innerHTML = `<div id="tab" style="display: none">${places.join("")}</div>`;
        }"""
    )
    opened.wait_for_timeout(500)
    assert opened.evaluate("asked") == []
    opened.evaluate("tab.style.display = 'block'")
    opened.wait_for_function("['families', 'merge.options', 'results.list'].every((each) => asked.includes(each))")


@pytest.mark.parametrize("declared", ["window.opts =", "var opts =", "let opts ="])
def test_the_settings_are_found_however_the_webui_declares_them(opened: Page, declared: str) -> None:
    begin(opened, host=HOST.replace("window.opts =", declared).replace('"None"', '"ja_JP"'))
    opened.wait_for_function("lbw.bridge.language === 'ja'", timeout=3000)
    opened.wait_for_function("lbw.popover !== undefined", timeout=3000)
    separator = opened.evaluate("lbw.settings().extra_networks_add_text_separator")
    assert separator == " "
