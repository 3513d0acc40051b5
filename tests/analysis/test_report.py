import base64
import io
import json
import re

import pytest
from PIL import Image

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import AnalysisPlan, Cell
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.report import report_html
from lib_lbw.analysis.results import Results, rows_of
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
    cells = ()
    return Results(folder, made, cells, rows_of(cells), False, folder / "g", folder / "d", folder / "r")


def test_nothing_a_user_wrote_becomes_markup(tmp_path):
    html = report_html(evil_results(tmp_path))
    plain = report_html(evil_results(tmp_path)).replace(json.dumps(EVIL), "")
    assert EVIL not in html
    assert "<img" not in plain
    assert html.lower().count("<script") == 3
    assert html.lower().count("</script") == 3
    assert data_of(html)["plan"]["title"] == EVIL


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
        assert head == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(body))) as image:
            assert image.size == (768, 128)


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
