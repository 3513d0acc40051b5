"""The settings page of the app, used by a real browser."""

import re
from pathlib import Path

from tests.ui.running_app import (  # the app and a page of it
    MARKS,
    Page,
    app,
    browser,
    data,
    expect,
    page,
    playwright,
)

__all__ = ["app", "browser", "data", "page"]
pytestmark = MARKS


def open_settings(page: Page) -> None:
    page.get_by_role("tab", name=re.compile("^(Settings|設定)$")).click()
    expect(page.locator(".lbw-settings")).to_be_visible()


def test_what_is_loaded_and_where_things_are_kept_is_shown(page: Page, data: Path) -> None:
    open_settings(page)
    shown = page.locator(".lbw-settings")
    expect(shown).to_contain_text("embedded")
    expect(shown).to_contain_text(re.compile(r"Runs on\s*(cpu|cuda|.+\(cuda)"))
    expect(shown).to_contain_text(str(data / "lora-block-weight" / "presets"))
    expect(page.get_by_label("Prompt", exact=True)).to_be_hidden()


def test_a_wrong_tag_draws_nothing_or_the_plain_lora_as_it_is_set(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill("a girl <lora:inkstyle:1:lbw=OUTAL>")
    for wish, drawn in (("ignore", True), ("stop", False)):
        open_settings(page)
        page.get_by_label("When a tag in the prompt is wrong").select_option(wish)
        expect(page.locator(".lbw-settings [role=status]")).to_have_text("Kept")
        page.get_by_role("tab", name="Generate", exact=True).click()
        page.get_by_role("button", name="Generate", exact=True).click()
        expect(page.locator("#lbw-generate-status")).to_contain_text("OUTAL" if not drawn else "")
        if drawn:
            expect(page.locator("#lbw-weighted img")).to_be_visible()


def test_a_language_is_kept_for_the_next_visit(page: Page) -> None:
    open_settings(page)
    page.get_by_label("Language").last.select_option("ja")
    expect(page.get_by_role("heading", name="動作")).to_be_visible()
    page.reload()
    expect(page.get_by_role("tab", name="設定")).to_be_visible()
    open_settings(page)
    page.get_by_label("言語").last.select_option("")
    expect(page.get_by_role("heading", name="Behaviour")).to_be_visible()
    page.reload()
    expect(page.get_by_role("tab", name="Settings")).to_be_visible()


def test_the_bars_at_a_tag_can_be_turned_off(page: Page) -> None:
    prompt, bars = page.locator("#lbw-prompt textarea"), page.locator(".lbw-popover")
    for wish, comes in (("never", False), ("itself", True)):
        open_settings(page)
        page.get_by_label("Bars at a tag of the prompt").select_option(wish)
        page.get_by_role("tab", name="Generate", exact=True).click()
        prompt.fill("<lora:inkstyle:1>")
        prompt.press("Home")
        for _ in range(8):
            prompt.press("ArrowRight")
        page.wait_for_timeout(1200)
        expect(bars).to_have_count(int(comes))


def test_all_pages_are_in_sight_on_a_phone(app: str, browser: "playwright.Browser") -> None:
    for language, names in (
        ("en", "Generate Analyze Presets Merge Settings"),
        ("ja", "生成 分析 プリセット マージ 設定"),
    ):
        phone = browser.new_page(viewport={"width": 390, "height": 800})
        phone.goto(f"{app}/?lang={language}")
        for name in names.split():
            expect(phone.get_by_role("tab", name=name, exact=True)).to_be_in_viewport()
        assert phone.evaluate("document.documentElement.scrollWidth") == 390
        phone.close()
