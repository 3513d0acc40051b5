"""The results panel's questions: what it is told of analyses, their pictures, and the bin."""

import base64
import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib_lbw.analysis.axes import Axis
from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.generator import OnImage, OnStep, Request
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.results import Results
from lib_lbw.analysis.run import run_analysis
from lib_lbw.analysis.study import BlockStudy, Study, XyzStudy
from lib_lbw.blocks.family import family
from lib_lbw.demo import demo_lora_path
from lib_lbw.lora.file import LoraFile
from lib_lbw.store.presets import PresetStore
from lib_lbw.ui.door.desk import Desk
from lib_lbw.ui.door.door import Door
from lib_lbw.ui.results.answers import ANSWERS, MOST
from lib_lbw.ui.results.small import LARGEST, THUMBNAIL

ROOM = LoraFile(demo_lora_path("karaokeroom"))
PROMPT = "a girl <lora:karaokeroom:1>"
BLOCKS = BlockStudy(PROMPT, blocks="BASE,MID,OUT11", seeds=(1, 2, 3))


class Noise:
    """Draws noise that goes by prompt and seed, and stops after `most` pictures."""

    def __init__(self, most: int = 99, size: tuple[int, int] = (40, 24)) -> None:
        self.most, self.size = most, size

    def generate_many(
        self, requests: Sequence[Request], on_image: OnImage, on_step: OnStep, should_stop: Callable[[], bool]
    ) -> None:
        for number, request in enumerate(requests[: self.most]):
            noise = np.random.default_rng(crc32(f"{request.prompt} {request.seed}".encode()))
            on_image(number, Image.fromarray(noise.integers(0, 255, (*self.size[::-1], 3), dtype=np.uint8)), "")


class Home:
    """A home with analyses, whose questions are asked through its door."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "analysis"
        self.root.mkdir()
        loras = {"karaokeroom": demo_lora_path("karaokeroom")}
        self.door = Door(Desk(PresetStore(folder / "presets"), lambda: loras, analyses=self.root), ANSWERS)

    def analysed(self, name: str, study: Study = BLOCKS, drawer: Noise | None = None) -> Results:
        made = plan(study, Bench(family("sd1"), tuple(ROOM.blocks)), random.Random(0))
        return run_analysis(made, drawer or Noise(), self.root / name)

    def ask(self, method: str, tongue: str = "en", **values: Any) -> Any:
        """The result, or the error's sentence."""
        asked = {"id": 1, "method": f"results.{method}", "values": values, "language": tongue}
        answer = json.loads(self.door.ask(json.dumps(asked)))
        return answer["result"] if "result" in answer else answer["error"]["message"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def picture(url: str) -> Image.Image:
    kind, _, data = url.partition(";base64,")
    assert kind in ("data:image/png", "data:image/jpeg")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_runs_are_listed_the_newest_first_with_what_they_are(home: Home) -> None:
    home.analysed("20260102-030405-karaokeroom")
    home.analysed("20260103-000000-karaokeroom", drawer=Noise(most=4))
    (home.root / "20260104-000000-broken").mkdir()
    (home.root / "20260104-000000-broken" / "run.json").write_text("{")
    broken, stopped, whole = home.ask("list")["runs"]
    assert "is no record of an analysis" in broken["fault"]
    assert whole == {
        "name": "20260102-030405-karaokeroom", "moment": "2026-01-02T03:04:05", "lora": "karaokeroom", "prompt": PROMPT,
        "kind": "blocks", "drawn": 15, "count": 15, "blocks": 3, "seeds": 3,
    }  # fmt: skip
    assert (stopped["drawn"], stopped["count"]) == (4, 15)


def test_a_run_tells_means_and_spreads_over_its_seeds(home: Home) -> None:
    results = home.analysed("a")
    shown = home.ask("show", name="a")
    assert shown["seeds"] == [1, 2, 3]
    assert (shown["drawn"], shown["count"], shown["family"], shown["known"]) == (15, 15, "sd1", True)
    for row in shown["rows"]:
        measured = [each.numbers()["color_difference"] for each in results.cells if row["label"] in each.cell.labels]
        expected = [fmean(measured), min(measured), max(measured)]
        assert row["numbers"]["color_difference"] == pytest.approx(expected, abs=1e-6)
        assert row["block"] == row["label"]
    assert all(f'data-block="{block}"' in shown["svg"] for block in ("BASE", "MID", "OUT11", "IN05"))


def test_each_cell_is_compared_with_no_lora_and_the_whole_one_of_its_seed(home: Home) -> None:
    results = home.analysed("a")
    for row in home.ask("show", name="a")["rows"]:
        for cell in row["cells"]:
            base, full, own = (results.plan.cells[each["cell"]] for each in cell["pictures"])
            assert [base.kind, full.kind, own.kind] == ["base", "reference", "block"]
            assert {base.seed, full.seed, own.seed} == {cell["seed"]}
            assert (own.index, full.index) == (cell["cell"], cell["against"])
            labels = [each["label"] for each in cell["pictures"]]
            assert labels == ["no LoRA", "all at 1", f"{row['label']} at 0"]


def test_an_inverse_run_names_its_pictures_and_starts_from_the_whole_lora(home: Home) -> None:
    home.analysed("a", BlockStudy("<lora:karaokeroom:1:lbw=OUTALL>", blocks="MID", inverse=True, range=(0, 0.5)))
    shown = home.ask("show", "ja", name="a")
    labels = [each["label"] for each in shown["rows"][0]["cells"][0]["pictures"]]
    assert labels == ["すべて 0", "元の重み", "MID を 0.5"]
    assert shown["inverse"] is True
    assert shown["weights"] == ",".join("1" + "0" * 13 + "1" * 12)


def test_an_unfinished_run_is_shown_as_far_as_it_got(home: Home) -> None:
    home.analysed("a", drawer=Noise(most=4))
    shown = home.ask("show", name="a")
    assert (shown["drawn"], shown["count"]) == (4, 15)
    drawn = {row["label"]: [cell["drawn"] for cell in row["cells"]] for row in shown["rows"]}
    assert drawn == {"BASE": [True, False, False], "MID": [True, False, False], "OUT11": [False] * 3}
    assert [bool(row["numbers"]) for row in shown["rows"]] == [True, True, False]


def test_a_plot_without_blocks_has_rows_and_no_drawing(home: Home) -> None:
    home.analysed("a", XyzStudy(PROMPT, x=Axis("values", "0,0.5")))
    home.analysed("b", XyzStudy(PROMPT, x=Axis("Block ID", "MID,IN01-IN05"), y=Axis("values", "0,0.5")))
    plain, blocks = home.ask("show", name="a"), home.ask("show", name="b")
    assert plain["svg"] is None
    assert {row["block"] for row in plain["rows"]} == {None}
    assert {(row["label"], row["block"]) for row in blocks["rows"]} == {
        ("MID, 0", "MID"), ("MID, 0.5", "MID"), ("IN01-IN05, 0", None), ("IN01-IN05, 0.5", None),
    }  # fmt: skip


def test_a_run_of_a_lora_that_is_gone_can_still_be_looked_at(home: Home) -> None:
    home.analysed("a", BlockStudy("<lora:lost:1>", blocks="MID"))
    shown = home.ask("show", name="a")
    assert (shown["known"], shown["family"]) == (False, "sd1")
    assert 'data-block="MID"' in shown["svg"]


def test_pictures_come_small_or_whole_and_only_of_what_is_drawn(home: Home) -> None:
    home.analysed("a", BlockStudy(PROMPT, blocks="MID", seeds=(1,)), Noise(most=2, size=(1000, 500)))
    found = home.ask("pictures", name="a", wanted=["0 picture", "0 diff", "2 picture", "1 diff"])["pictures"]
    assert set(found) == {"0 picture", "0 diff"}
    assert picture(found["0 picture"]).size == (THUMBNAIL, THUMBNAIL // 2)
    whole = home.ask("pictures", name="a", wanted=["0 heat"], large=True)["pictures"]["0 heat"]
    assert picture(whole).size == (1000, 500)
    assert LARGEST > 1000


def test_the_small_picture_of_few_pixels_is_the_picture(home: Home) -> None:
    results = home.analysed("a", BlockStudy(PROMPT, blocks="MID", seeds=(1,)), Noise(size=(8, 8)))
    url = home.ask("pictures", name="a", wanted=["1 picture"])["pictures"]["1 picture"]
    drawn = Image.open(results.folder / str(results.cells[1].file))
    assert np.array_equal(np.asarray(picture(url)), np.asarray(drawn))


@pytest.mark.parametrize(
    "wanted", ["x", ["9 picture"], ["0 ../run.json"], ["-1 picture"], [1], ["0 picture"] * 99, None]
)
def test_pictures_that_are_none_are_refused(home: Home, wanted: object) -> None:
    home.analysed("a", BlockStudy(PROMPT, blocks="MID"))
    assert isinstance(home.ask("pictures", name="a", wanted=wanted), str)
    assert MOST < 99


@given(name=st.text(max_size=12) | st.sampled_from(["..", "../a", "a/", "/etc", "deleted", "deleted/a", "", "."]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@pytest.mark.parametrize("method", ["show", "pictures", "delete", "restore"])
def test_a_name_that_is_none_of_the_folders_is_refused(home: Home, method: str, name: str) -> None:
    (home.root.parent / "run.json").write_text("{}")  # what must stay out of reach
    answer = home.ask(method, name=name, wanted=[])
    assert isinstance(answer, str)
    assert "is none of the analyses" in answer


def test_a_deleted_run_is_in_the_bin_and_comes_back_as_it_was(home: Home) -> None:
    home.analysed("a")
    before = home.ask("show", name="a")
    assert home.ask("delete", name="a") == {"bin": "a"}
    assert home.ask("list") == {"runs": [], "bin": ["a"]}
    assert "is none of" in home.ask("show", name="a")
    home.analysed("a", BlockStudy(PROMPT, blocks="IN01"))  # its name is taken meanwhile
    assert home.ask("delete", name="a") == {"bin": "a-2"}
    assert home.ask("restore", name="a") == {"name": "a"}
    assert home.ask("restore", name="a-2") == {"name": "a-2"}
    assert home.ask("show", name="a") == before
    assert home.ask("list")["bin"] == []


def test_a_home_without_analyses_says_so(tmp_path: Path) -> None:
    door = Door(Desk(PresetStore(tmp_path), dict), ANSWERS)
    assert door.answer("results.list", {}) == {"runs": [], "bin": []}
    assert "there are no analyses here" in door.ask('{"id": 1, "method": "results.show", "values": {"name": "a"}}')


def test_what_is_drawn_later_is_shown(home: Home) -> None:
    home.analysed("a", drawer=Noise(most=4))
    assert home.ask("show", name="a")["drawn"] == 4
    home.analysed("a")
    assert home.ask("show", name="a")["drawn"] == 15
