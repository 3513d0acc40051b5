import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from lib_lbw.analysis import report
from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.metrics import Difference
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.report import report_html
from lib_lbw.analysis.results import CellResult, results_of
from lib_lbw.analysis.run import run_analysis
from lib_lbw.analysis.study import BlockStudy
from lib_lbw.blocks.family import family

EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\u2028"


class Flat:
    def generate_many(self, requests, on_image, on_step, should_stop):
        for index, request in enumerate(requests):
            on_image(index, Image.new("RGB", (780, 130), (index * 20 % 256, 90, 90)), request.prompt)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    made = plan(BlockStudy("cat <lora:paint:1>", blocks="IN01,OUT11"), Bench(family("sd1")))
    return run_analysis(made, Flat(), tmp_path_factory.mktemp("run")).report.read_text(encoding="utf-8")


def data_of(page, name="data"):
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def evil_results(folder):
    cell = Cell(0, 0, 0, 0, EVIL, 1, (EVIL, EVIL, ""), "block", 0)
    made = AnalysisPlan(
        kind="blocks",
        title=EVIL,
        lora=EVIL,
        family=EVIL,
        axes=("", "", ""),
        columns=(EVIL,),
        rows=(EVIL,),
        pages=(EVIL,),
        cells=(cell,),
        threshold=20,
        diff_color="black",
        opposite="base",
        picture={EVIL: EVIL},
        study={"prompt": EVIL},
        notices=(EVIL,),
    )
    difference = Difference(50.0, 9.0, 9.0, 1.0, 1.0, 1.0, 0.5, 0.1, (0.0,) * 64)
    cells = (CellResult(cell, f"cells/{EVIL}", difference, None, f"diff/{EVIL}", f"diff/{EVIL}-heat"),)
    return results_of(folder, made, cells, (EVIL + "!",))


def test_nothing_a_user_wrote_becomes_markup(tmp_path, monkeypatch):
    # No file system holds such a name, so the pictures themselves are left out.
    monkeypatch.setattr("lib_lbw.analysis.report._data_uri", lambda path: "data:,")
    html = report_html(evil_results(tmp_path))
    assert EVIL not in html
    assert "<img" not in html
    assert html.lower().count("<script") == 3
    assert html.lower().count("</script") == 3
    data = data_of(html)
    (cell,), (row,) = data["cells"], data["rows"]
    assert data["plan"]["title"] == data["plan"]["rows"][0] == cell["prompt"] == cell["labels"][0] == EVIL
    assert data["notices"] == [EVIL, EVIL + "!"]
    assert row["label"] == f"{EVIL}, {EVIL}"
    assert set(data["images"]) == {f"cells/{EVIL}", f"diff/{EVIL}", f"diff/{EVIL}-heat"}


def test_the_page_needs_nothing_from_outside(page):
    assert not re.findall(r"https?:|//[a-z]|url\(|@import|<link", re.sub(r'"data:[^"]*"', "", page))
    assert "default-src 'none'" in page
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page)


def test_the_page_holds_each_picture_once_and_not_too_large(page):
    data = data_of(page)
    named = {cell[key] for cell in data["cells"] for key in ("file", "diff_file", "heat_file") if cell[key]}
    assert set(data["images"]) == named
    for uri in data["images"].values():
        head, _, body = uri.partition(",")
        assert head == "data:image/png;base64", "a flat picture is smaller as PNG"
        with Image.open(io.BytesIO(base64.b64decode(body))) as image:
            assert image.size == (512, 85)


def test_a_picture_with_grain_is_embedded_as_jpeg(tmp_path):
    grain = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(grain).save(tmp_path / "grain.png")
    assert report._data_uri(tmp_path / "grain.png").startswith("data:image/jpeg;base64,")


def test_both_languages_say_the_same_things(page):
    words = data_of(page, "words")
    assert set(words["en"]) == set(words["ja"])
    assert not [key for key in words["en"] if not words["ja"][key].strip()]
    fields = {key: sorted(re.findall(r"{\w+}", text)) for key, text in words["en"].items()}
    assert fields == {key: sorted(re.findall(r"{\w+}", text)) for key, text in words["ja"].items()}


def test_every_word_the_script_asks_for_is_there(page):
    words = data_of(page, "words")["en"]
    script = page[page.rindex("<script>") :]
    asked = set(re.findall(r'say\("(\w+)"', script))
    assert asked
    assert asked <= set(words)
