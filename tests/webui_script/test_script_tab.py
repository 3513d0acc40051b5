"""The tab: one bridge, three panels, merges that go to the WebUI's folders, and earlier analyses."""

import asyncio
import json
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lib_lbw.webui.resolver import Resolver
from lib_lbw.webui.tab import ui_tabs
from tests.webui_script.fake_webui import FakeWebui, Job


@pytest.fixture
def refreshed(webui: FakeWebui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the WebUI was asked to read anew; it has one checkpoint and folders for models."""
    asked: list[str] = []
    listed = {"some title [abc]": SimpleNamespace(filename=str(tmp_path / "models" / "base.safetensors"))}
    models = ModuleType("modules.sd_models")
    models.__dict__["checkpoints_list"] = listed
    monkeypatch.setitem(sys.modules, "modules.sd_models", models)
    monkeypatch.setattr(sys.modules["modules"], "sd_models", models, raising=False)
    monkeypatch.setattr(sys.modules["modules.paths_internal"], "models_path", str(tmp_path / "models"), raising=False)
    webui.cmd_opts.lora_dir = str(tmp_path / "Lora")
    monkeypatch.setattr(webui.networks, "list_available_networks", lambda: asked.append("loras"), raising=False)
    return asked


@pytest.fixture
def page(refreshed: list[str], resolver: Resolver, tmp_path: Path) -> Any:
    """The page, built inside a running loop: outside of one, gradio opens loops that it never closes."""

    async def build() -> list[Any]:
        return ui_tabs(resolver.desk, tmp_path / "analysis")

    ((page, title, name),) = asyncio.run(build())
    assert (title, name) == ("LoRA Block Weight", "lbw")
    return page


def ask(page: Any, method: str, **values: Any) -> Any:
    """Ask through the bridge of the page, as its scripts do."""
    send = next(each for each in page.fns.values() if each.fn is not None and each.fn.__name__ == "ask")
    answer = json.loads(send.fn(json.dumps({"id": 1, "method": method, "values": values})))
    return answer.get("result") or answer["error"]["message"]


def test_the_page_has_one_bridge_and_every_panel_and_nothing_of_it_is_stored(page: Any) -> None:
    components = list(page.blocks.values())
    ids = [each.elem_id for each in components]
    assert [ids.count(f"lbw-{name}") for name in ("ask", "answer", "send")] == [1, 1, 1]
    html = "".join(str(getattr(each, "value", "")) for each in components)
    assert [html.count(f'data-lbw="{name}"') for name in ("presets", "merge", "results")] == [1, 1, 1]
    assert all(each.do_not_save_to_config for each in components)


def test_a_merge_goes_into_the_folder_of_loras_and_the_webui_finds_it(
    page: Any, refreshed: list[str], tmp_path: Path
) -> None:
    assert ask(page, "merge.options")["checkpoints"] == ["base"]
    state = ask(page, "merge.start", operation="bake", rows=[{"name": "inkstyle", "weights": "OUTALL"}], output="new")
    while isinstance(state, dict) and state["running"]:
        threading.Event().wait(0.02)
        state = ask(page, "merge.state")
    assert state["result"]["name"] == "new"
    assert (tmp_path / "Lora" / "new.safetensors").is_file()
    assert refreshed == ["loras"]


def test_a_lora_with_an_alias_is_listed_once(page: Any, webui: FakeWebui) -> None:
    webui.networks.available_network_aliases["Ink Style"] = webui.networks.available_networks["inkstyle"]
    webui.loras["Ink Style"] = webui.loras["inkstyle"]
    assert ask(page, "merge.options")["loras"].count("inkstyle") == 1
    assert "Ink Style" not in ask(page, "merge.options")["loras"]


def test_the_analyses_of_the_selectable_script_are_listed(loaded: FakeWebui, refreshed: list[str]) -> None:
    plot = ["XYZ:" + ",".join("1" * 17), True, 2, *[""] * 6, "0,1", "BASE,OUT11", 1, "white", 1, False]
    loaded.script.BlockAnalysis().run(Job("a <lora:karaokeroom:1:XYZ> b", 3), *plot)

    async def build() -> Any:
        return loaded.callbacks["ui_tabs"][0]()[0][0]

    (run,) = ask(asyncio.run(build()), "results.list")["runs"]
    assert "karaokeroom" in run["name"]
