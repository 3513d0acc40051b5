"""What is set in the app is kept, acts, and never keeps the app from starting."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.errors import StoreError
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door
from lib_lbw.ui.prompt_events import opening_language
from lib_lbw.ui.settings.answers import settings_answers
from lib_lbw.ui.settings.kept import Settings, SettingsFile
from lib_lbw.ui.workbench import Workbench

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def door(bench: Workbench) -> Door:
    return Door(Desk(bench.store, lambda: bench.session.host.loras), settings_answers(bench))


def asked(door: Door, method: str, **values: Any) -> Any:
    answer = json.loads(door.ask(json.dumps({"id": 1, "method": f"settings.{method}", "values": values})))
    return answer["result"] if "result" in answer else answer["error"]["message"]


def test_what_is_set_is_kept_and_acts_at_once(door: Door, bench: Workbench) -> None:
    assert (asked(door, "read")["language"], bench.session.on_bad_directive) == ("", "stop")
    assert asked(door, "write", language="ja", on_bad_directive="ignore") == {}
    assert bench.session.on_bad_directive == "ignore"
    assert bench.settings.read() == Settings("ja", "ignore")
    request: Any = SimpleNamespace(headers={"accept-language": "en"}, query_params={})
    assert opening_language(bench, request) == "ja"
    request.query_params["lang"] = "en"
    assert opening_language(bench, request) == "en"
    asked(door, "write")
    assert bench.settings.read() == Settings()


@pytest.mark.parametrize(
    "values", [{"language": "xx"}, {"on_bad_directive": "guess"}, {"language": 3}, {"on_bad_directive": ""}]
)
def test_what_cannot_be_set_changes_nothing(door: Door, bench: Workbench, values: dict[str, Any]) -> None:
    told = asked(door, "write", **values)
    assert "is none of" in told or "needs a text" in told
    assert not bench.settings.path.exists()


def test_the_page_is_told_what_is_loaded_and_where_things_are(door: Door, bench: Workbench) -> None:
    told = asked(door, "read")
    program, folders = dict(told["program"]), {tuple(each) for each in told["folders"]}
    assert program["Model"] == "arithmetic"
    assert program["Runs on"] == "paper, whole numbers"
    assert "gradio" in program["Versions"]
    assert {("Presets", str(bench.store.folder)), ("Analyses", str(bench.results))} <= folders
    assert len({path for label, path in folders if label == "LoRAs"}) == 1


@given(values=JSON)
def test_any_file_gives_settings(values: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any settings.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    assert SettingsFile(path).read() == Settings.from_json(values)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[1]", b'{"language": "xx"}'])
def test_a_file_that_was_broken_counts_as_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "settings.json").write_bytes(text)
    assert SettingsFile(tmp_path / "settings.json").read() == Settings()


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be saved"):
        SettingsFile(tmp_path / "file" / "settings.json").write(Settings())
