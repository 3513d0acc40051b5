"""The extension in a WebUI of a few lines."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.door.desk import Desk
from lib_lbw.webui.resolver import Resolver
from tests.webui_script.fake_webui import FakeWebui


@pytest.fixture
def own_modules() -> Iterator[None]:
    """Give other tests their own `lib_lbw` back: the script throws out what it finds and imports it anew."""

    def ours() -> dict[str, Any]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "lib_lbw"}

    before = ours()
    yield
    for name in ours():
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def webui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWebui:
    return FakeWebui(tmp_path / "webui", monkeypatch)


@pytest.fixture
def loaded(own_modules: None, webui: FakeWebui) -> FakeWebui:
    """A WebUI with our script in it, taken out at the end by whoever asks."""
    webui.script = webui.load_script()
    return webui


@pytest.fixture
def resolver(webui: FakeWebui, tmp_path: Path) -> Resolver:
    return Resolver(Desk(PresetStore(tmp_path / "presets"), lambda: webui.loras))
