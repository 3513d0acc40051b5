"""The merge panel's questions, from a filled-in form to a file."""

import json
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

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
from tests.lora.make_lora import LoraFiles

ROOM, INK = {"name": "karaokeroom", "ratio": 0.7, "weights": "OUTALL"}, {"name": "inkstyle", "ratio": -0.4}


class Home:
    """A home with the demo LoRAs, whose questions are asked through its door."""

    def __init__(self, folder: Path, checkpoints: Mapping[str, Path] = MappingProxyType({})) -> None:
        self.folder = folder
        self.loras = {name: demo_lora_path(name) for name in demo_lora_names()}
        self.made: list[Path] = []
        desk = Desk(PresetStore(folder / "presets"), lambda: self.loras)
        place = Place(desk, folder / "loras", lambda: checkpoints, folder if checkpoints else None, self.made.append)
        self.door = Door(desk, merge_answers(place))

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


def broken_forms(home: Home, folder: Path) -> list[dict[str, Any]]:
    """Forms whose faults are about files: taken, damaged, gone, of other models, too large for the disk."""
    (folder / "loras").mkdir()
    (folder / "loras" / "taken.safetensors").write_bytes(b"precious")
    (folder / "loras" / "folder.safetensors").mkdir()
    damaged = folder / "damaged.safetensors"
    damaged.write_bytes(b"\xff" * 100)
    home.loras |= {"damaged": damaged, "gone": folder / "gone.safetensors", "folder": folder / "loras"}
    one = {"operation": "bake", "rows": [INK]}
    return [
        {**one, "output": "taken"},
        {**one, "output": "folder"},
        *({"operation": "bake", "rows": [{"name": name}]} for name in ("damaged", "gone", "folder")),
        {"operation": "resize", "rows": [INK], "megabytes": 0.001},
        {**one, "base": "damaged"},
        {**one, "base": "gone"},
        {**one, "base": "lora"},
    ]


def test_no_fault_tells_where_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = {name: tmp_path / f"{name}.safetensors" for name in ("damaged", "gone")}
    checkpoints["lora"] = demo_lora_path("inkstyle")
    home = Home(tmp_path, checkpoints)
    for form in broken_forms(home, tmp_path):
        for told in (home.ask("merge.plan", **form), json.dumps(home.work(**form))):
            assert str(tmp_path) not in str(told), told
            assert str(demo_lora_path("inkstyle").parent) not in str(told), told
    assert "taken is there already" in home.ask("merge.plan", operation="bake", rows=[INK], output="taken")
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))  # type: ignore[attr-defined]
    state = home.work(operation="bake", rows=[INK], output="new")
    assert state["error"]["message"].startswith("loras: ")


def even_lora(folder: Path) -> Path:
    """Two layers with the same spectrum."""
    factor = torch.linalg.qr(torch.randn(64, 32, generator=torch.Generator().manual_seed(0)))[0]
    roles = {"lora_up.weight": factor * torch.linspace(2, 1, 32), "lora_down.weight": factor.T * 1.0}
    state = {
        f"lora_unet_mid_block_attentions_0_proj_{end}.{role}": tensor.contiguous().clone()
        for end in ("in", "out")
        for role, tensor in roles.items()
    }
    return LoraFiles(folder).save("even", state, {"ss_base_model_version": "sd_v1"})


def uneven_base(path: Path) -> Path:
    """A checkpoint of which the first of the two layers is a hundred times smaller than the second."""
    head = "model.diffusion_model."
    layers = {"proj_in": torch.full((64, 64), 0.01), "proj_out": torch.ones(64, 64)}
    known = {f"{head}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(8, 768)}
    save_file({f"{head}middle_block.1.{name}.weight": weight for name, weight in layers.items()} | known, path)
    return path


def ranks_of(path: Path) -> dict[str, int]:
    return {module.id.path.rpartition(".")[2]: module.rank or 0 for module in LoraFile(path).modules}


def test_a_size_is_weighed_by_the_checkpoint(tmp_path: Path) -> None:
    home = Home(tmp_path, {"base": uneven_base(tmp_path / "base.safetensors")})
    home.loras["even"] = even_lora(tmp_path)
    size = home.loras["even"].stat().st_size * 3 // 4 + 22_000
    form = {"operation": "resize", "rows": [{"name": "even"}], "megabytes": size / 1e6}
    assert home.work(**form, output="plain")["result"]
    assert home.work(**form, relative=True, base="base", output="weighed")["result"]
    plain, weighed = (ranks_of(home.made[at]) for at in (0, 1))
    assert abs(plain["proj_in"] - plain["proj_out"]) <= 1
    assert weighed["proj_in"] > weighed["proj_out"] + 5  # whose layer is a hundred times smaller
    assert "give the base checkpoint" in home.ask("merge.plan", **form, relative=True)
    assert "for a target size only" in home.ask("merge.plan", operation="resize", rows=[INK], rank=2, relative=True)
    home.loras["weighed"] = home.made[1]
    again = home.ask("merge.recipe", name="weighed")["form"]
    assert (again["relative"], again["base"], again["megabytes"]) == (True, "base", size / 1e6)


def test_where_to_compute_is_chosen_among_what_there_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    form = {"operation": "merge", "rows": [ROOM, INK], "dtype": "fp32"}
    assert home.ask("merge.options")["devices"] == ["cpu"]
    plain, chosen = (home.work(**form, **device)["result"]["sha256"] for device in ({}, {"device": "cpu"}))
    assert plain == chosen
    for method in ("merge.start", "merge.measure"):
        assert home.ask(method, **form, device="cuda") == (
            "there is no device 'cuda' to compute on; here there is: cpu"
        )
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert home.ask("merge.options")["devices"] == ["cpu", "cuda:0", "cuda:1"]


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
