import csv
import json
import random
import shutil

import numpy as np
import pytest
from PIL import Image

from lib_lbw.analysis.axes import Axis
from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.color import View
from lib_lbw.analysis.journal import digest, read_plan
from lib_lbw.analysis.metrics import compare
from lib_lbw.analysis.pages import diff_pages, picture_pages
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.run import run_analysis
from lib_lbw.analysis.study import BlockStudy, XyzStudy
from lib_lbw.blocks.family import family
from lib_lbw.errors import AnalysisError
from lib_lbw.weights.grammar import find_directives
from lib_lbw.weights.resolve import resolve

SD1 = family("sd1")
PROMPT = "a cat, 猫 <lora:paint:1>"
SIDE = 16


class FakeGenerator:
    """Draws by arithmetic: a picture of the seed plus a fixed picture per block, times its weight."""

    def __init__(self, fail_after=None):
        self.drawn, self.fail_after = [], fail_after

    def generate_many(self, requests, on_image, on_step, should_stop):
        for index, request in enumerate(requests):
            if should_stop():
                return
            if len(self.drawn) == self.fail_after:
                raise RuntimeError("out of memory")
            on_step(index + 1, len(requests))
            self.drawn.append(request)
            on_image(index, picture(request), f"{request.prompt}\nSteps: 1, Seed: {request.seed}")


def picture(request):
    values = np.random.default_rng(request.seed).uniform(60, 190, (SIDE, SIDE, 3))
    weights = resolve(find_directives(request.prompt)[0].directive, SD1, seed=request.seed).weights
    for index, (_, weight) in enumerate(weights):
        values += weight * np.random.default_rng(1000 + index).uniform(-1, 1, 3) * (index + 1)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def study(**changes):
    return BlockStudy(**{"prompt": PROMPT, "blocks": "BASE,IN01,OUT11", "seeds": (1, 2), **changes})


@pytest.fixture
def made():
    return plan(study(), Bench(SD1))


def contents(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_run_writes_everything_and_each_picture_once(made, tmp_path):
    generator = FakeGenerator()
    results = run_analysis(made, generator, tmp_path / "run")
    assert results.complete
    assert generator.drawn == list(made.requests())
    assert len(generator.drawn) == 2 * 5
    names = contents(results.folder)
    assert {"run.json", "results.json", "results.csv", "grid.png", "diff_grid.png", "report.html"} <= names
    assert sum(name.startswith("cells/") for name in names) == 10
    assert sum(name.startswith("diff/") for name in names) == 2 * 2 * 4
    assert not [name for name in names if name.endswith(".part")]


def test_cells_hold_their_parameters(made, tmp_path):
    results = run_analysis(made, FakeGenerator(), tmp_path)
    for result in results.cells:
        with Image.open(tmp_path / result.file) as image:
            assert image.text["parameters"] == f"{result.cell.prompt}\nSteps: 1, Seed: {result.cell.seed}"


def test_numbers_are_those_of_the_pictures(made, tmp_path):
    results = run_analysis(made, FakeGenerator(), tmp_path)
    requests = made.requests()
    for result in results.cells:
        if result.cell.kind == "block":
            before, after = (
                View(picture(requests[made.cells[i].picture])) for i in (result.cell.against, result.cell.index)
            )
            assert result.difference == compare(before, after, 20)
    strongest = results.ranked("color_difference")[0]
    assert strongest.label == "OUT11"
    spread = strongest.numbers["color_difference"]
    assert spread.low <= spread.median <= spread.high


def test_json_and_csv_hold_the_same_numbers(made, tmp_path):
    results = run_analysis(made, FakeGenerator(), tmp_path)
    data = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert data == results.to_json()
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(data["cells"])
    for line, cell in zip(lines, data["cells"], strict=True):
        for name, value in cell["numbers"].items():
            assert float(line[name]) == pytest.approx(value, rel=1e-5, abs=1e-9)
        assert (tmp_path / line["file"]).is_file()


@pytest.mark.parametrize("after", range(11))
def test_a_crash_keeps_what_was_drawn_and_the_next_run_draws_the_rest(made, tmp_path, after):
    first, second = FakeGenerator(fail_after=after), FakeGenerator()
    if after < 10:
        with pytest.raises(RuntimeError, match="out of memory"):
            run_analysis(made, first, tmp_path)
    else:
        run_analysis(made, first, tmp_path)
    results = run_analysis(made, second, tmp_path)
    assert results.complete
    assert first.drawn + second.drawn == list(made.requests())
    whole = run_analysis(made, FakeGenerator(), tmp_path.with_name("whole"))
    assert results.to_json() == whole.to_json()
    assert results.grid.read_bytes() == whole.grid.read_bytes()


def test_pages_of_a_grid_name_files_and_hold_no_picture(made, tmp_path):
    results = run_analysis(made, FakeGenerator(), tmp_path)
    for pages, kind in ((picture_pages(results), "cells"), (diff_pages(results), "diff")):
        cells = [cell for page in pages for row in page.cells for cell in row if cell is not None]
        assert {cell.parent for cell in cells} == {tmp_path / kind}


def test_a_stop_keeps_what_was_drawn_and_still_writes_results(made, tmp_path):
    generator = FakeGenerator()
    results = run_analysis(made, generator, tmp_path, should_stop=lambda: len(generator.drawn) >= 4)
    assert not results.complete
    assert len(generator.drawn) == 4
    assert [result.file is not None for result in results.cells] == [True] * 4 + [False] * 6
    assert results.grid.is_file()
    assert results.report.is_file()
    assert not json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["complete"]


def test_a_stop_before_the_first_picture_draws_none(made, tmp_path):
    class Busy:
        def generate_many(self, requests, on_image, on_step, should_stop):
            raise AssertionError("asked to draw")

    assert not run_analysis(made, Busy(), tmp_path, should_stop=lambda: True).complete


def test_a_damaged_or_missing_picture_is_drawn_again(made, tmp_path):
    results = run_analysis(made, FakeGenerator(), tmp_path)
    (tmp_path / results.cells[0].file).write_bytes(b"\x89PNG\r\n\x1a\n half")
    (tmp_path / results.cells[3].file).unlink()
    data = (tmp_path / results.cells[5].file).read_bytes()
    (tmp_path / results.cells[5].file).write_bytes(data[: len(data) // 2])
    generator = FakeGenerator()
    run_analysis(made, generator, tmp_path)
    assert generator.drawn == [made.requests()[made.cells[index].picture] for index in (0, 3, 5)]


def test_a_larger_plan_uses_the_pictures_that_are_there(made, tmp_path):
    run_analysis(made, FakeGenerator(), tmp_path)
    generator = FakeGenerator()
    run_analysis(plan(study(blocks="BASE,IN01,IN02,OUT11"), Bench(SD1)), generator, tmp_path)
    assert len(generator.drawn) == 2


def test_other_settings_of_the_drawing_program_are_other_pictures(made, tmp_path):
    request = made.requests()[0]
    assert digest(request, {"steps": 20}) != digest(request, {"steps": 21})
    assert digest(request, {"a": 1, "b": 2}) == digest(request, {"b": 2, "a": 1})
    run_analysis(made, FakeGenerator(), tmp_path)
    generator = FakeGenerator()
    run_analysis(plan(study(picture={"steps": 21}), Bench(SD1)), generator, tmp_path)
    assert len(generator.drawn) == 10


def test_the_plan_of_a_folder_makes_the_same_grid_again(tmp_path):
    axes = {"x": Axis("values", "R,U,0.5"), "y": Axis("Block ID", "IN01,OUT11"), "z": Axis("seed", "-1,-1")}
    first = run_analysis(plan(XyzStudy(PROMPT, **axes), Bench(SD1), random.Random(4)), FakeGenerator(), tmp_path / "a")
    again = run_analysis(read_plan(tmp_path / "a"), FakeGenerator(), tmp_path / "b")
    for name in ("grid.png", "diff_grid.png", "results.json", "results.csv", "report.html"):
        assert (first.folder / name).read_bytes() == (again.folder / name).read_bytes(), name


def test_progress_counts_and_tells_the_time_left(made, tmp_path):
    ticks = iter(range(0, 1000, 3))
    seen = []
    run_analysis(made, FakeGenerator(), tmp_path, on_progress=seen.append, clock=lambda: next(ticks))
    assert [progress.done for progress in seen] == list(range(11))
    assert {progress.total for progress in seen} == {10}
    assert seen[0].seconds_left is None
    assert [progress.seconds_left for progress in seen[1:]] == pytest.approx([3.0 * left for left in range(9, -1, -1)])
    assert seen[1].image.size == (SIDE, SIDE)
    assert seen[1].label == "seed 1, no LoRA"


def test_progress_of_a_run_taken_up_again_begins_where_it_was(made, tmp_path):
    generator = FakeGenerator()
    run_analysis(made, generator, tmp_path, should_stop=lambda: len(generator.drawn) >= 4)
    seen = []
    run_analysis(made, FakeGenerator(), tmp_path, on_progress=seen.append)
    assert [progress.done for progress in seen] == list(range(4, 11))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"done": 3}', "not json"])
def test_a_folder_with_another_run_json_is_refused_untouched(made, tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(AnalysisError, match="choose another folder"):
        run_analysis(made, FakeGenerator(), tmp_path)
    assert (tmp_path / "run.json").read_text() == text


def test_a_record_cannot_point_outside_its_folder(made, tmp_path):
    results = run_analysis(made, FakeGenerator(), tmp_path / "run")
    outside = tmp_path / "outside.png"
    shutil.copy(results.grid, outside)
    record = tmp_path / "run" / "done.jsonl"
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    record.write_text("".join(json.dumps({**line, "file": "../outside.png"}) + "\n" for line in lines))
    generator = FakeGenerator()
    run_analysis(made, generator, tmp_path / "run")
    assert len(generator.drawn) == 10


def test_a_folder_without_a_run_has_no_plan(tmp_path):
    with pytest.raises(AnalysisError, match="is not there"):
        read_plan(tmp_path)


def test_pictures_of_equal_places_are_shared(tmp_path):
    made = plan(study(prompt="<lora:a:1:lbw=0,IN01@1>", seeds=(1,)), Bench(SD1))
    generator = FakeGenerator()
    results = run_analysis(made, generator, tmp_path)
    assert len(generator.drawn) == 2, "without IN01 nothing is left"
    assert results.complete
    assert results.cells[2].difference.diff_percent == 0


def test_a_formula_in_a_name_stays_text_in_the_csv(tmp_path):
    made = plan(XyzStudy("=1+1 <lora:a:1>", x=Axis("values", "-0.5")), Bench(SD1))
    run_analysis(made, FakeGenerator(), tmp_path)
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        assert all(line["prompt"].startswith("'=") for line in csv.DictReader(file))
