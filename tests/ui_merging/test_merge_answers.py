"""The merge panel's questions, from a filled-in form to a file."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.demo import demo_lora_names, demo_lora_path
from lib_lbw.errors import MergeError, MergeStopped
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.workers import OnProgress, ShouldStop
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door
from lib_lbw.ui.merging.answers import merge_answers
from lib_lbw.ui.merging.place import Place, names_once
from lib_lbw.ui.merging.work import Worker

ROOM, INK = {"name": "karaokeroom", "ratio": 0.7, "weights": "OUTALL"}, {"name": "inkstyle", "ratio": -0.4}


class Home:
    """A home with the demo LoRAs, whose questions are asked through its door."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loras = {name: demo_lora_path(name) for name in demo_lora_names()}
        self.made: list[Path] = []
        desk = Desk(PresetStore(folder / "presets"), lambda: self.loras)
        self.door = Door(desk, merge_answers(Place(desk, folder / "loras", made=self.made.append)))

    def ask(self, method: str, tongue: str = "en", /, **values: Any) -> Any:
        """The result, or the error's sentence."""
        answer = json.loads(
            self.door.ask(json.dumps({"id": 1, "method": method, "values": values, "language": tongue}))
        )
        return answer.get("result") or answer["error"]["message"]

    def work(self, method: str = "merge.start", /, **values: Any) -> Any:
        """Begin, and wait for the end."""
        state = self.ask(method, **values)
        while isinstance(state, dict) and state["running"]:
            threading.Event().wait(0.02)
            state = self.ask("merge.state")
        return state


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_merge_from_form_to_file(home: Home) -> None:
    form = {"operation": "merge", "rows": [ROOM, INK], "output": "both", "dtype": "fp32"}
    plan = home.ask("merge.plan", **form)
    assert (plan["family"], plan["obstacle"], plan["output"]) == ("Stable Diffusion 1.x", None, "both")
    assert plan["modules"] > 100
    result = home.work(**form)["result"]
    assert result["error"] < 1e-6
    assert home.made == [home.folder / "loras" / "both.safetensors"]
    assert LoraFile(home.made[0]).header.size == result["bytes"]
    assert abs(plan["bytes"] - result["bytes"]) < 0.1 * result["bytes"]


def test_a_result_without_a_name_gets_a_free_one(home: Home) -> None:
    form = {"operation": "bake", "rows": [ROOM]}
    assert home.work(**form)["result"]["name"] == "merged"
    assert home.work(**form)["result"]["name"] == "merged-2"
    assert "there already" in home.work(**form, output="merged")
    assert home.work(**form, output="merged", overwrite=True)["result"]["name"] == "merged"


def test_energies_are_measured_without_writing(home: Home) -> None:
    result = home.work("merge.measure", operation="merge", rows=[ROOM, INK])["result"]
    assert result["names"] == ["karaokeroom", "inkstyle"]
    assert result["energies"][0]["OUT05"] > 0
    assert "IN05" not in result["energies"][0] or result["energies"][0]["IN05"] == 0
    assert not (home.folder / "loras" / "merged.safetensors").exists()


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"operation": "knead", "rows": [ROOM]}, "'knead' is none of"),
        ({"operation": "merge", "rows": []}, "nothing to merge"),
        ({"operation": "merge", "rows": "x"}, "needs a list"),
        ({"operation": "slider", "rows": [ROOM]}, "takes 2"),
        ({"operation": "merge", "rows": [{"name": "karaokerom"}]}, "did you mean karaokeroom?"),
        ({"operation": "merge", "rows": [{**ROOM, "weights": "OUTAL"}]}, "OUTAL"),
        ({"operation": "merge", "rows": [ROOM], "output": "../up"}, "cannot name a LoRA"),
        ({"operation": "merge", "rows": [ROOM], "rank": 2.5}, "'rank'"),
        ({"operation": "merge", "rows": [{**ROOM, "ratio": "much"}]}, "'ratio'"),
        ({"operation": "resize", "rows": [ROOM]}, "needs a rank"),
        ({"operation": "into-checkpoint", "rows": [ROOM]}, "no folder of checkpoints"),
        ({"operation": "extract", "rows": [ROOM]}, "no checkpoint called"),
    ],
)
def test_a_form_that_cannot_be_carried_out_says_why(home: Home, form: dict[str, Any], told: str) -> None:
    assert told in home.ask("merge.plan", **form)
    assert told in home.ask("merge.start", **form)


def test_every_sentence_is_told_in_japanese_too(home: Home) -> None:
    english = home.ask("merge.plan", operation="resize", rows=[ROOM])
    assert home.ask("merge.plan", "ja", operation="resize", rows=[ROOM]) != english


def test_the_tags_of_a_prompt_become_rows(home: Home) -> None:
    prompt = "a <lora:karaokeroom:0.7:0.5:lbw=OUTALL,MID@0.5> b <lora:inkstyle:-1>"
    rows = home.ask("merge.rows", prompt=prompt)["rows"]
    assert [(row["name"], row["ratio"] * row["te"], row["ratio"] * row["unet"]) for row in rows] == [
        ("karaokeroom", 0.7, 0.5),
        ("inkstyle", -1, -1),
    ]
    assert rows[0]["weights"] == "OUTALL,MID@0.5"
    assert "cannot be put into a file" in home.ask("merge.rows", prompt="<lora:inkstyle:1:start=3>")


def test_x_of_a_tag_goes_into_the_weights_of_its_row(home: Home) -> None:
    (row,) = home.ask("merge.rows", prompt="<lora:karaokeroom:0.7:lbw=OUTALL,MID@X:x=0.25>")["rows"]
    plan = plan_merge(
        Recipe("bake", (Source(home.loras["karaokeroom"], weights=row["weights"]),), home.folder / "a.safetensors")
    )
    weights = dict(plan.opened[0].weights.weights)
    assert (row["ratio"], weights["MID"], weights["OUT05"], weights["IN05"]) == (0.7, 0.25, 1, 0)


def test_a_file_that_vanishes_is_told(home: Home, tmp_path: Path) -> None:
    copy = Path(shutil.copy(demo_lora_path("inkstyle"), tmp_path / "gone.safetensors"))
    home.loras["gone"] = copy
    assert home.ask("merge.plan", operation="bake", rows=[{"name": "gone"}])["modules"]
    copy.unlink()
    assert "gone" in home.ask("merge.plan", operation="bake", rows=[{"name": "gone"}])


def started(work: Callable[[OnProgress, ShouldStop], dict[str, Any]]) -> Worker:
    worker = Worker()
    worker.start(work)
    return worker


def test_one_piece_of_work_at_a_time_and_it_can_be_stopped() -> None:
    def work(on_progress: OnProgress, should_stop: ShouldStop) -> dict[str, Any]:
        on_progress(1, 4, "first")
        while not should_stop():
            threading.Event().wait(0.01)
        raise MergeStopped("stopped")

    worker = started(work)
    with pytest.raises(MergeError, match="another merge"):
        worker.start(work)
    worker.stop()
    state = worker.wait(5)
    assert (state.running, state.stopped, state.result) == (False, True, None)
    assert worker.start(lambda tell, stop: {"notices": ()}).number == state.number + 1


def test_what_the_disk_refuses_is_an_error_of_the_state() -> None:
    def work(on_progress: OnProgress, should_stop: ShouldStop) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    state = started(work).wait(5)
    assert "No space left" in str(state.error)
    assert not state.running


FORM = {
    "operation": "merge", "rows": [ROOM, INK], "output": "both", "method": "ties", "density": 0.75,
    "rank": 6, "conv": 3, "te_rank": 2, "dtype": "fp32", "leave_out": True,
}  # fmt: skip


def test_the_recipe_of_a_result_is_the_form_it_was_made_with(home: Home) -> None:
    state = home.work(**FORM)
    assert isinstance(state, dict), state
    assert state["result"], state
    home.loras["both"] = home.made[0]
    told = home.ask("merge.recipe", name="both")
    assert told["sentence"].startswith("merge (ties): karaokeroom x0.7 lbw=")
    assert told["fault"] is None
    form = told["form"]
    assert {key: form[key] for key in FORM if key != "rows"} == {key: FORM[key] for key in FORM if key != "rows"}
    assert [(row["name"], row["ratio"]) for row in form["rows"]] == [("karaokeroom", 0.7), ("inkstyle", -0.4)]
    again = home.work(**{**form, "output": "again"})["result"]
    assert again["name"] == "again"
    assert json.dumps(home.ask("merge.plan", **{**form, "output": "third"})["ranks"]) == "[2, 6]"


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"rule": "sv_ratio", "rule_number": 4.0}, {"rule": "sv_ratio", "rule_number": 4.0}),
        ({"megabytes": 0.5}, {"megabytes": 0.5}),
        ({"rule": "fixed", "rule_number": 3}, {"rank": 3}),
    ],
)
def test_every_limit_of_the_size_comes_back(home: Home, limit: dict[str, Any], told: dict[str, Any]) -> None:
    assert home.work(operation="resize", rows=[INK | {"ratio": 1}], output="small", **limit)["result"]
    home.loras["small"] = home.made[0]
    form = home.ask("merge.recipe", name="small")["form"]
    assert told.items() <= form.items()


def test_a_recipe_whose_source_is_gone_says_so_and_still_fills_the_form(home: Home, tmp_path: Path) -> None:
    copy = Path(shutil.copy(demo_lora_path("inkstyle"), tmp_path / "gone.safetensors"))
    home.loras["gone"] = copy
    assert home.work(operation="bake", rows=[{"name": "gone"}], output="baked")["result"]
    home.loras = {"baked": home.made[0]}
    copy.unlink()
    told = home.ask("merge.recipe", name="baked")
    assert "gone" in told["fault"]
    assert told["form"]["rows"][0]["name"] == "gone"


def test_a_lora_without_a_recipe_says_so(home: Home) -> None:
    assert "holds no recipe" in home.ask("merge.recipe", name="inkstyle")


@given(st.dictionaries(st.text(min_size=1), st.sampled_from("abc").map(lambda stem: Path(f"{stem}.safetensors"))))
def test_every_file_has_one_name_and_its_own_where_that_is_one(files: dict[str, Path]) -> None:
    names = names_once(files)
    assert {files[name] for name in names} == set(files.values())
    assert len(names) == len(set(files.values()))
    assert all(name == files[name].stem for name in names if files.get(files[name].stem) == files[name])
