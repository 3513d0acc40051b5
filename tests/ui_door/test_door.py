"""Questions of the panels and their answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_lbw.blocks.family import families, family
from lib_lbw.demo import demo_lora_path
from lib_lbw.errors import LbwError
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.door.convert import convert
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import ANSWERS, Door

NUMBERS = st.sampled_from([0.0, 1.0, 0.5, -0.25, 1.5])
FAMILIES = st.sampled_from(["sd1", "sdxl", "flux"])


@pytest.fixture
def door(tmp_path: Path) -> Door:
    names = ("karaokeroom", "inkstyle")
    return Door(Desk(PresetStore(tmp_path), lambda: {name: demo_lora_path(name) for name in names}))


def asked(door: Door, method: str, /, tongue: str = "en", **values: Any) -> dict[str, Any]:
    text = json.dumps({"id": 7, "method": method, "values": values, "language": tongue})
    answer: dict[str, Any] = json.loads(door.ask(text))
    assert answer["id"] == 7
    return answer


def result(door: Door, method: str, **values: Any) -> Any:
    answer = asked(door, method, **values)
    assert "result" in answer, answer
    return answer["result"]


def test_a_question_that_is_none_gets_an_answer(door: Door) -> None:
    assert json.loads(door.ask("nonsense"))["error"]
    assert json.loads(door.ask("[]"))["error"]
    assert "no question called" in asked(door, "presets.burn")["error"]["message"]


@given(method=st.sampled_from(sorted(ANSWERS)), values=st.dictionaries(
    st.sampled_from(["text", "family", "lora", "name", "values", "prompt", "kind", "base", "to", "length", "tag"]),
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=9) | st.lists(st.text(max_size=3), max_size=2),
))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_question_breaks_the_door(door: Door, method: str, values: dict[str, object]) -> None:
    answer = json.loads(door.ask(json.dumps({"id": 1, "method": method, "values": values})))
    assert answer["id"] == 1
    assert ("result" in answer) != ("error" in answer)


@given(data=st.data(), name=FAMILIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_bars_to_text_and_back(door: Door, data: st.DataObject, name: str) -> None:
    blocks = result(door, "family", family=name)["blocks"]
    values = data.draw(st.fixed_dictionaries(dict.fromkeys(blocks, NUMBERS)))
    length = data.draw(st.sampled_from(sorted(family(name).layouts)))
    text = result(door, "weights.write", family=name, values=values, length=length)["text"]
    assert result(door, "weights.read", family=name, text=text)["values"] == values


def test_a_vector_of_the_layout_is_preferred_where_it_says_it(door: Door) -> None:
    text = "1,0,0,0,0,0,0,0,1,1,1,0,0,0,0,0,0"
    values = result(door, "weights.read", family="sd1", text=text)["values"]
    assert values["OUT03"] == 1
    assert values["IN00"] == 0
    assert result(door, "weights.write", family="sd1", values=values, length=17)["text"] == text
    assert result(door, "weights.write", family="sd1", values=values, length=26)["text"].count(",") == 25


def test_a_fault_says_where_and_what_is_near(door: Door) -> None:
    error = asked(door, "weights.read", family="sd1", text="ALL,OUT99@1")["error"]
    assert (error["text"], error["position"], error["kind"]) == ("OUT99", 4, "DirectiveError")
    assert asked(door, "lora", name="karaokerom")["error"]["message"].endswith("did you mean karaokeroom?")
    japanese = asked(door, "weights.read", "ja", family="sd1", text="1,x")["error"]["message"]
    assert japanese != asked(door, "weights.read", family="sd1", text="1,x")["error"]["message"]


def test_presets_are_read_checked_and_saved(door: Door) -> None:
    assert result(door, "presets.read")["text"] == ""
    assert any(line.get("name") == "OUTALL" for line in result(door, "presets.read")["shipped"])
    checked = result(door, "presets.check", text="# faces\nMINE:1\nnonsense\n")["lines"]
    assert [line.get("fault") is not None for line in checked] == [False, False, True]
    saved = result(door, "presets.save", text="MINE:OUTALL,MID@0.5", base="")
    assert saved["lines"][0] == {"number": 1, "text": "MINE:OUTALL,MID@0.5", "end": "", "name": "MINE",
                                 "weights": "OUTALL,MID@0.5"}  # fmt: skip
    assert result(door, "weights.read", family="sd1", text="MINE")["values"]["MID"] == 0.5
    names = result(door, "presets.names")["names"]
    assert names[0] == "MINE"
    assert "OUTALL" in names
    assert len(set(names)) == len(names)


def test_a_conflict_comes_with_the_other_text(door: Door) -> None:
    result(door, "presets.save", text="A:1\n", base="")
    door.desk.store.path("presets").write_text("A:0\n", "utf-8")
    error = asked(door, "presets.save", text="A:0.5\n", base="A:1\n")["error"]
    assert (error["kind"], error["theirs"]) == ("StoreConflict", "A:0\n")


def test_a_change_of_lines_is_saved_and_answered_with_a_change(door: Door) -> None:
    read = result(door, "presets.save", text="A:1\r\n# between\r\nB:1\r\n", base="")
    change = {"at": 2, "drop": 1, "put": ["B:0.5\r\n", "nonsense\r\n"]}
    saved = result(door, "presets.save", change=change, stamp=read["stamp"])
    assert door.desk.store.path("presets").read_bytes() == b"A:1\r\n# between\r\nB:0.5\r\nnonsense\r\n"
    assert (saved["change"]["at"], saved["change"]["drop"], saved["merged"]) == (2, 1, False)
    assert [line.get("name") for line in saved["change"]["put"]] == ["B", None]
    assert "nonsense" in saved["change"]["put"][1]["fault"]
    again = result(door, "presets.read")
    assert again["stamp"] == saved["stamp"] != read["stamp"]
    assert again["lines"][2:] == saved["change"]["put"]
    assert result(door, "presets.read", stamp=saved["stamp"]) == {"same": True}


def test_a_change_of_an_older_file_is_refused_and_not_saved(door: Door) -> None:
    read = result(door, "presets.save", text="A:1\n", base="")
    door.desk.store.path("presets").write_text("A:0.25\n", "utf-8")
    change = {"at": 0, "drop": 1, "put": ["A:0.5\n"]}
    assert result(door, "presets.save", change=change, stamp=read["stamp"]) == {"stale": True}
    assert door.desk.store.path("presets").read_text("utf-8") == "A:0.25\n"
    now = result(door, "presets.read")["stamp"]
    assert "change" in asked(door, "presets.save", change={"at": -1}, stamp=now)["error"]["message"]


def test_the_drawing_of_a_lora_hatches_what_it_lacks(door: Door) -> None:
    shown = result(door, "family", lora="karaokeroom")
    assert "lbw-absent" in shown["svg"]
    assert "lbw-absent" not in result(door, "family", family="sd1")["svg"]
    assert "IN01" in result(door, "lora", name="karaokeroom")["present"]


def test_a_tag_is_written_in_place(door: Door) -> None:
    prompt = "a <lora:karaokeroom:0.8:start=3>, <lora:inkstyle:1:lbw=ALL>, b 😀"
    tags = result(door, "prompt.read", prompt=prompt)["tags"]
    assert [(tag["name"], tag["weights"]) for tag in tags] == [("karaokeroom", ""), ("inkstyle", "ALL")]
    written = result(door, "prompt.write", prompt=prompt, tag=0, weights="OUTALL,MID@0.5")
    again = result(door, "prompt.read", prompt=written["prompt"])["tags"]
    assert again[0]["weights"] == "OUTALL,MID@0.5"
    assert "start=3" in again[0]["text"]
    assert written["prompt"].endswith(", <lora:inkstyle:1:lbw=ALL>, b 😀")
    assert "lbw" not in result(door, "prompt.write", prompt=prompt, tag=1, weights="")["prompt"]


def test_a_tag_with_multipliers_of_another_extension_is_read_and_written(door: Door) -> None:
    prompt = "a <lora:karaokeroom:1@0,0.5@1:lbw=OUTALL:start=3>, <lora:inkstyle:[1@0,0@0.5]> b"
    tags = result(door, "prompt.read", prompt=prompt)["tags"]
    assert [(tag["name"], tag["weights"]) for tag in tags] == [("karaokeroom", "OUTALL"), ("inkstyle", "")]
    written = result(door, "prompt.write", prompt=prompt, tag=0, weights="OUTALL,MID@0.5")
    assert written["text"] == "<lora:karaokeroom:1@0,0.5@1:lbw=OUTALL,MID@0.5:start=3>"
    assert written["prompt"] == prompt.replace("lbw=OUTALL", "lbw=OUTALL,MID@0.5")
    assert written["prompt"][written["start"] : written["end"]] == written["text"]
    plain = result(door, "prompt.write", prompt=prompt, tag=0, weights="")["prompt"]
    assert plain == prompt.replace(":lbw=OUTALL", "")
    (faulty,) = result(door, "prompt.read", prompt="<lora:inkstyle:1@0,0.5@1:lbw=IN01@oops>")["tags"]
    assert "oops" in faulty["fault"]


def test_a_tag_of_another_lora_is_added(door: Door) -> None:
    written = result(door, "prompt.write", prompt="a girl ", lora="inkstyle", weights="OUTALL")
    assert written["prompt"] == "a girl <lora:inkstyle:1:lbw=OUTALL>"
    assert written["prompt"][written["start"] : written["end"]] == written["text"]
    assert result(door, "prompt.write", prompt="", lora="a", weights="")["prompt"] == "<lora:a:1>"


def test_line_ends_come_with_the_lines(door: Door) -> None:
    door.desk.store.path("presets").write_bytes("\ufeff# faces\r\nA:1\r\n\nB:0".encode())
    lines = result(door, "presets.read")["lines"]
    assert [line["end"] for line in lines] == ["\r\n", "\r\n", "\n", ""]
    assert "".join(line["text"] + line["end"] for line in lines) == result(door, "presets.read")["text"]


def test_earlier_versions_are_listed_and_read(door: Door) -> None:
    base = ""
    for text in ("A:1\n", "A:0\n", "A:0.5\n"):
        base = result(door, "presets.save", text=text, base=base)["text"]
    newest, oldest = result(door, "presets.backups")["backups"]
    assert newest["moment"] >= oldest["moment"]
    assert newest["bytes"] == 4
    assert result(door, "presets.backup", name=oldest["name"])["text"] == "A:1\n"
    assert "no earlier version" in asked(door, "presets.backup", name="../presets.txt")["error"]["message"]


def test_a_group_whose_leaves_differ_is_drawn_by_its_leaves(door: Door) -> None:
    assert result(door, "weights.read", family="sdxl", text="1")["svg"] is None
    split = result(door, "weights.read", family="sdxl", text="1,TE2@0.5")
    assert 'data-block="TE2"' in split["svg"]
    assert (split["values"]["TE1"], split["values"]["TE2"]) == (1, 0.5)
    written = result(door, "weights.write", family="sdxl", values=split["values"], length=20)["text"]
    assert result(door, "weights.read", family="sdxl", text=written)["values"] == split["values"]


def analysed(folder: Path, lora: str, label: str, effect: float, kind: str = "blocks") -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}", "utf-8")
    names = ("diff_percent", "color_difference", "composition", "line_energy")
    row = {"label": label, "kind": "block", "cells": [1], "numbers": {name: [effect, 0, 9] for name in names}}
    plan = {"lora": lora, "kind": kind}
    (folder / "results.json").write_text(json.dumps({"plan": plan, "rows": [row]}), "utf-8")


def test_the_newest_analysis_of_a_lora_tells_what_its_blocks_do(tmp_path: Path) -> None:
    door = Door(Desk(PresetStore(tmp_path / "store"), dict, analyses=tmp_path))
    assert result(door, "measured", lora="ink") == {"folder": None, "blocks": {}}
    analysed(tmp_path / "20260101-000000-ink", "ink", "OUT05", 5.0)
    analysed(tmp_path / "20260102-000000-ink", "ink", "OUT05", 7.25)
    analysed(tmp_path / "20260103-000000-ink", "ink", "OUT05", 8.0, kind="xyz")
    analysed(tmp_path / "20260104-000000-ink2", "ink2", "OUT05", 9.0)
    half = tmp_path / "20260105-000000-ink"
    half.mkdir()
    (half / "run.json").write_text("{}", "utf-8")
    told = result(door, "measured", lora="ink")
    assert told["folder"] == "20260102-000000-ink"
    assert told["blocks"]["OUT05"]["effect"] == 7.25
    assert "7.2 %" in told["blocks"]["OUT05"]["text"]
    assert result(Door(Desk(PresetStore(tmp_path), dict)), "measured", lora="ink")["folder"] is None


@pytest.mark.parametrize("each", families(), ids=lambda each: each.id)
def test_a_family_converted_to_itself_keeps_every_weight(each: Any) -> None:
    values = {block: index / 8 for index, block in enumerate(each.shown())}
    whole = convert(values, each, each, each.full_length)
    assert whole.values == values
    assert whole.lost == ()


def test_a_shorter_layout_tells_what_it_loses() -> None:
    sd1 = family("sd1")
    values = dict.fromkeys(sd1.shown(), 0.5) | {"OTHER": 1.0}
    result = convert(values, sd1, sd1, 17)
    assert [block for block, _ in result.lost] == [name for name in sd1.layouts[26] if name not in sd1.layouts[17]]
    assert result.values["IN01"] == 0.5
    assert result.values["IN00"] == 0


def test_the_strength_of_the_whole_lora_stays_that(door: Door) -> None:
    made = result(door, "weights.convert", family="sd1", text=",".join(["0.5"] * 26), to="flux", length=61)
    assert made["text"] == ",".join(["0.5"] * 61)
    assert (made["lost"], made["guessed"], set(made["values"].values())) == ([], [], {0.5})


def test_another_family_takes_the_nearest_depth() -> None:
    sd1, sdxl = family("sd1"), family("sdxl")
    values = dict.fromkeys(sd1.shown(), 0.0) | {"OUT11": 1.0, "IN00": 0.5, "MID": 0.25}
    result = convert(values, sd1, sdxl, 20)
    assert (result.values["OUT08"], result.values["IN00"], result.values["MID"]) == (1.0, 0.5, 0.25)
    assert "OUT08" in result.guessed
    assert "MID" not in result.guessed


def test_every_question_says_what_it_answers() -> None:
    assert all(answer.__doc__ for answer in ANSWERS.values())
    with pytest.raises(LbwError):
        Door(Desk(PresetStore(Path("none")), dict)).answer("nothing", {})
