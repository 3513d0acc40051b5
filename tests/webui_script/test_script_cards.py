"""Weights that come with a LoRA: the editor of its card keeps them, and a click writes them."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.hosts.webui.wrapping import Patches
from lib_lbw.webui.cards import KEY, extend_cards, keep, weighed

PROMPT = '"<lora:a:" + opts.extra_networks_default_multiplier + ">" + " a > b, \\" + \\">\\""'


class Button:
    """Keeps what was wired to it."""

    def __init__(self) -> None:
        self.wired: list[Any] = []

    def click(self, fn: Any, inputs: list[Any], outputs: list[Any], **keywords: Any) -> None:
        self.wired.append((fn, inputs, outputs))


class BaseEditor:
    """The part of the WebUI's editor that reads and writes the file of a LoRA."""

    def __init__(self, path: Path) -> None:
        self.path, self.edit_name_input = path, "name"
        self.button_edit, self.button_save = Button(), Button()
        self.metadata: dict[str, Any] = json.loads(path.read_text("utf-8"))

    def get_user_metadata(self, name: str) -> dict[str, Any]:
        return self.metadata

    def setup_save_handler(self, button: Button, func: Any, components: list[Any]) -> None:
        button.click(func, ["name", *components], [])


class Editor(BaseEditor):
    def create_extra_default_items_in_left_column(self) -> None:
        self.version = "box"

    def create_editor(self) -> None:
        self.create_extra_default_items_in_left_column()
        self.setup_save_handler(self.button_save, self.save, [self.version])

    def save(self, name: str, version: str) -> None:
        self.metadata["sd version"] = version
        self.path.write_text(json.dumps(self.metadata), "utf-8")


class Page:
    def create_item(self, name: str, index: int = 0) -> dict[str, Any] | None:
        return {"prompt": PROMPT, "user_metadata": {KEY: "OUTALL"}} if name == "a" else None


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, webui: object) -> Patches:
    for name, kind in (("ui_edit_user_metadata", Editor), ("ui_extra_networks_lora", Page)):
        module = ModuleType(name)
        module.__dict__["LoraUserMetadataEditor" if kind is Editor else "ExtraNetworksPageLora"] = kind
        monkeypatch.setitem(sys.modules, name, module)
    patches = Patches()
    extend_cards(patches)
    return patches


def test_the_editor_reads_and_saves_the_weights_and_keeps_the_rest(cards: Patches, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"civitai": {"id": 7}, KEY: "INALL"}), "utf-8")
    try:
        editor = Editor(path)
        editor.create_editor()
        ((read, _, _),) = editor.button_edit.wired
        ((save, inputs, _),) = editor.button_save.wired
        assert read("a") == "INALL"
        assert len(inputs) == 3
        assert inputs[-1].do_not_save_to_config, "the WebUI would keep the weights of one LoRA as a default"
        save("a", "SD1", " OUTALL,MID@0.5 ")
        assert json.loads(path.read_text("utf-8")) == {"civitai": {"id": 7}, "sd version": "SD1", KEY: "OUTALL,MID@0.5"}
        save("a", "SD1", "")
        assert KEY not in json.loads(path.read_text("utf-8"))
    finally:
        cards.undo()


def test_a_card_writes_its_weights_until_the_extension_is_gone(cards: Patches) -> None:
    assert ':lbw=OUTALL>"' in (Page().create_item("a") or {})["prompt"]
    assert Page().create_item("b") is None
    cards.undo()
    assert Page().create_item("a") == {"prompt": PROMPT, "user_metadata": {KEY: "OUTALL"}}


def test_only_the_end_of_the_tag_changes() -> None:
    assert weighed(PROMPT, {KEY: 'x"y'}) == PROMPT.replace('+ ">" +', '+ ":lbw=x\\"y>" +')
    assert weighed(PROMPT, {KEY: "0,OUT05@1"}) == PROMPT.replace('+ ">" +', '+ ":lbw=0,OUT05@1>" +')


@given(st.one_of(st.none(), st.integers(), st.sampled_from(["", " ", "a>b", "</script>", "a:b", "1,,2"])))
def test_what_is_no_weights_changes_no_card(value: object) -> None:
    assert weighed(PROMPT, {KEY: value}) == PROMPT


@given(st.dictionaries(st.text(), st.integers()), st.text())
def test_other_keys_survive(metadata: dict[str, Any], text: str) -> None:
    before = {key: value for key, value in metadata.items() if key != KEY}
    keep(metadata, text)
    assert {key: value for key, value in metadata.items() if key != KEY} == before
    assert metadata.get(KEY, "") == text.strip()
