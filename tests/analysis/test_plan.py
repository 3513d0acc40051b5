import json
import random
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.analysis.axes import Axis
from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.study import BlockStudy, XyzStudy, parse_range, study_from_json
from lib_lbw.blocks.family import family
from lib_lbw.errors import AnalysisError, DirectiveError
from lib_lbw.weights.grammar import find_directives
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.resolve import resolve

SD1, SDXL = family("sd1"), family("sdxl")
BENCH = Bench(SD1)
PROMPT = "a cat <lora:paint:0.8:lbw=XYZ> <lora:other:1>"


def weights(cell, of=SD1, tag=0):
    directive = find_directives(cell.prompt)[tag].directive
    return dict(resolve(directive, of, seed=cell.seed).weights)


def by_kind(found, kind):
    return [cell for cell in found.cells if cell.kind == kind]


def test_blocks_go_off_one_at_a_time_against_all_on():
    found = plan(BlockStudy(PROMPT, blocks="17ALL", seeds=(5,)), BENCH)
    (base,), (reference,), blocks = (by_kind(found, kind) for kind in ("base", "reference", "block"))
    assert set(weights(base).values()) == {0.0}
    assert set(weights(reference).values()) == {1.0}
    assert [cell.labels[1] for cell in blocks] == list(SD1.layouts[17])
    for cell in blocks:
        off = SD1.leaves(cell.labels[1])
        assert weights(cell) == {leaf: 0.0 if leaf in off else 1.0 for leaf in SD1.blocks}
        assert (cell.against, cell.opposite) == (reference.index, base.index)
    assert all(find_directives(cell.prompt)[1].text == "<lora:other:1>" for cell in found.cells)
    assert all("<lora:paint:0.8:" in cell.prompt for cell in found.cells)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["sd1", "sdxl", "flux"]), st.data())
def test_range_holds_for_every_block_both_ways(name, data):
    of = family(name)
    low, high = data.draw(
        st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0, 1.5]), min_size=2, max_size=2, unique=True)
    )
    inverse = data.draw(st.booleans())
    item = data.draw(st.sampled_from(of.shown()))
    found = plan(BlockStudy("<lora:a:1>", blocks=item, range=(low, high), inverse=inverse), Bench(of))
    one, rest = (high, low) if inverse else (low, high)
    (cell,), (reference,) = by_kind(found, "block"), by_kind(found, "reference")
    assert weights(cell, of) == {leaf: one if leaf in of.leaves(item) else rest for leaf in of.blocks}
    assert set(weights(reference, of).values()) == {rest}


def test_inverse_is_all_off_and_one_on_beside_the_whole():
    found = plan(BlockStudy("<lora:a:1>", blocks="IN01,NOT BASE", inverse=True), BENCH)
    assert found.rows == ("all at 1", "all at 0", "IN01", "NOT BASE")
    assert found.opposite == "full"
    (full,), (reference,), (one, rest) = (by_kind(found, kind) for kind in ("full", "reference", "block"))
    assert {leaf for leaf, weight in weights(one).items() if weight} == {"IN01"}
    assert {leaf for leaf, weight in weights(rest).items() if not weight} == {"TE1", "OTHER"}
    assert (full.against, one.against, one.opposite) == (reference.index, reference.index, full.index)


def test_a_tag_keeps_its_own_weights_and_everything_else_it_says():
    prompt = "<lyco:a:0.5:0.7:lbw=0,OUT00-OUT03@0.5:start=3:note=kept>"
    found = plan(BlockStudy(prompt, blocks="OUT01,IN01"), BENCH)
    _, reference, out01, in01 = found.cells
    assert reference.prompt == prompt
    assert out01.prompt == prompt.replace("0.5:start", "0.5,OUT01@0:start")
    assert in01.picture == reference.picture, "IN01 is off already"
    assert len(found.requests()) == 3


def test_preset_names_become_numbers_so_that_the_plan_keeps_its_meaning():
    prompt = "<lora:a:1:lbw=OUTALL:lbwe=FLAT>"
    books = (PresetBook.parse("OUTALL:0,OUT00-OUT11@1"), ElementBook.parse("FLAT::attn1:0.5"))
    found = plan(BlockStudy(prompt, blocks="OUT01"), Bench(SD1, None, *books))
    changed = find_directives(found.cells[2].prompt)[0].directive
    numbers = resolve(changed, SD1, presets=PresetBook.parse(""), elements=ElementBook.parse(""))
    off = {leaf for leaf, weight in numbers.weights if leaf.startswith("OUT") and weight == 0}
    assert off == {"OUT01"}
    assert [(rule.elements, rule.weight) for rule in numbers.rules] == [(("attn1",), 0.5)]


def test_a_vector_is_followed_by_terms():
    vector = ",".join(["1"] * 9 + ["0.5"] * 8)
    found = plan(BlockStudy(f"<lora:a:1:lbw={vector}>", blocks="OUT03,IN01"), BENCH)
    reference, changed = weights(found.cells[1]), weights(found.cells[2])
    assert {leaf for leaf in reference if reference[leaf] != changed[leaf]} == {"OUT03"}
    assert changed["OUT03"] == 0


def test_random_weights_of_the_tag_are_the_same_in_every_cell_of_a_seed():
    vector = ",".join(["R"] * 17)
    found = plan(BlockStudy(f"<lora:a:1:lbw={vector}>", blocks="IN01,OUT11", seeds=(1, 2)), BENCH)
    for seed in (1, 2):
        reference, one, two = (weights(cell) for cell in found.cells if cell.seed == seed and cell.kind != "base")
        assert {leaf for leaf in reference if reference[leaf] != one[leaf]} == {"IN01"}
        assert {leaf for leaf in reference if reference[leaf] != two[leaf]} == {"OUT11"}


def test_blocks_that_the_file_lacks_cost_no_picture():
    found = plan(BlockStudy("<lora:a:1>", blocks="17ALL"), Bench(SD1, present={"IN01", "OUT03"}))
    assert len(found.cells) == 19
    assert len(found.requests()) == 4


def test_seeds_are_columns_and_minus_one_is_drawn():
    found = plan(BlockStudy("<lora:a:1>", blocks="IN01", seeds=(7, -1)), BENCH, random.Random(0))
    assert found.columns[0] == "seed 7"
    drawn = found.cells[-1].seed
    assert found.columns[1] == f"seed {drawn}"
    assert 0 <= drawn < 2**32
    assert found.study["seeds"] == [7, drawn]
    assert len(found.requests()) == 6
    assert {cell.against for cell in by_kind(found, "block")} == {1, 4}


def test_axes_can_be_swapped():
    usual, swapped = (plan(BlockStudy("<lora:a:1>", blocks="17ALL", swap_axes=swap), BENCH) for swap in (False, True))
    assert (swapped.rows, swapped.columns) == (usual.columns, usual.rows)
    assert [(cell.y, cell.x) for cell in swapped.cells] == [(cell.x, cell.y) for cell in usual.cells]
    assert [cell.prompt for cell in swapped.cells] == [cell.prompt for cell in usual.cells]


def test_a_second_lora_mirrors_the_first():
    found = plan(BlockStudy("<lora:a:1:lbw=XYZ><lora:b:0.5:lbw=ZYX>", blocks="IN01,BASE"), BENCH)
    for cell in found.cells:
        one, two = weights(cell), weights(cell, tag=1)
        assert {leaf: one[leaf] + two[leaf] for leaf in one} == dict.fromkeys(one, 1.0)


def test_xyz_starts_at_the_range_whatever_preset_has_that_name():
    bench = Bench(SD1, presets=PresetBook.parse("XYZ:0.5"))
    for low, high in ((0.0, 1.0), (0.25, 0.75)):
        found = plan(BlockStudy(PROMPT, blocks="IN01", range=(low, high)), bench)
        assert set(weights(found.cells[1]).values()) == {high}
        assert weights(found.cells[2]) == {leaf: low if leaf == "IN01" else high for leaf in SD1.blocks}


def test_a_plot_of_xyz_starts_at_the_preset_of_that_name():
    study = XyzStudy(PROMPT, x=Axis("values", "0"), y=Axis("Block ID", "IN01"))
    for bench, start in ((BENCH, 1.0), (Bench(SD1, presets=PresetBook.parse("XYZ:0.5")), 0.5)):
        (cell,) = by_kind(plan(study, bench), "cell")
        assert weights(cell) == {leaf: 0.0 if leaf == "IN01" else start for leaf in SD1.blocks}


def xyz(**axes):
    axes = {name: Axis(*axis) for name, axis in axes.items()}
    return plan(XyzStudy(PROMPT, seed=3, **axes), BENCH, random.Random(1))


def table(found):
    return [cell for cell in found.cells if cell.kind == "cell"]


def test_the_reference_example_has_its_table():
    found = xyz(
        x=("values", "0,0.25,0.5,0.75,1"),
        y=("Block ID", "BASE,IN01-IN08,IN05-OUT05,OUT03-OUT11,NOT OUT03-OUT11"),
        z=("Original Weights", "NONE,ALL0.5,ALL"),
    )
    assert len(table(found)) == 5 * 5 * 3
    cell = next(cell for cell in table(found) if (cell.x, cell.y, cell.z) == (2, 1, 1))
    assert cell.labels == ("0.5", "IN01-IN08", "ALL0.5")
    cell = next(cell for cell in table(found) if (cell.x, cell.y, cell.z) == (4, 4, 0))
    rest = {"TE1", *SD1.span("IN00", "OUT02")}
    assert weights(cell) == {leaf: float(leaf in rest) for leaf in SD1.blocks}
    assert len(found.requests()) < len(table(found)), "0 under NONE is drawn once"


@pytest.mark.parametrize("order", ["xyz", "zxy", "yzx", "xzy"])
def test_axes_work_in_any_order(order):
    axes = (("values", "0.3,0.6"), ("Block ID", "IN01,OUT03"), ("seed", "1,2"))
    found = xyz(**dict(zip(order, axes, strict=True)))
    cells = {tuple(sorted(cell.labels)): weights(cell) for cell in table(found)}
    assert len(cells) == 8
    expected = {leaf: 0.6 if leaf == "OUT03" else 1.0 for leaf in SD1.blocks}
    assert cells[("0.6", "OUT03", "seed 2")] == expected


def test_original_weights_on_two_axes_are_combined_and_the_first_counts():
    book = PresetBook.parse("INS:1,1,1,0,0,0,0,0,0,0,0,0\nMID:0.5,0,0,0,0,1,0,0,0,0,0,0\nOUTD:1,0,0,0,0,0,1,1,1,0,0,0")
    study = XyzStudy(
        "<lora:a:1>", x=Axis("Original Weights", "INS,MID,OUTD"), y=Axis("Original Weights", "INS,MID,OUTD")
    )
    found = plan(study, Bench(SDXL, presets=book))
    names = SDXL.layouts[12]
    rows = {cell.labels[:2]: [weights(cell, SDXL)[SDXL.leaves(name)[0]] for name in names] for cell in table(found)}
    assert rows[("INS", "INS")] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[("MID", "INS")] == [0.5, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert rows[("INS", "MID")] == [1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert rows[("OUTD", "INS")] == [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0]


def test_presets_take_weights_as_well_as_names():
    found = xyz(x=("presets", "INALL; 1,IN01@0; 0.5"), y=("seed", "1"))
    assert found.columns == ("INALL", "1,IN01@0", "0.5")
    assert weights(table(found)[1])["IN01"] == 0


def test_values_alone_weigh_the_whole_lora_and_letters_are_drawn_once():
    found = xyz(x=("values", "0.5,R,R,U"), y=("seed", "1,2"))
    for cell in table(found):
        assert set(weights(cell).values()) == {float(cell.labels[0].split()[-1])}
    assert found.columns[1].startswith("R 0.")
    assert found.columns[1] != found.columns[2]


def test_elements_go_over_blocks():
    found = xyz(
        x=("elements", "IN05-OUT05:attn:0,:attn1:0.5,::0.5,IN01::0,NOT BASE:ff:0,:NOT attn:0"), y=("values", "1")
    )
    texts = [find_directives(cell.prompt)[0].directive.weights for cell in table(found)]
    assert [str(text) for text in texts][:4] == ["1,IN05-OUT05.attn@0", "1,attn1@0.5", "0.5", "1,IN01@0"]
    assert str(texts[4]).startswith("1,IN00.ff IN01.ff")
    assert str(texts[5]) == "1,NOT attn@0"


def test_elemental_presets_are_named_on_the_elements_axis():
    study = XyzStudy("<lora:a:1:lbwe=XYZ>", x=Axis("elements", "SOFT,HARD"))
    found = plan(study, Bench(SD1, elements=ElementBook.parse("SOFT::attn:0.25\n\nHARD:IN01:ff:0.75")))
    rules = [resolve(find_directives(cell.prompt)[0].directive, SD1).rules for cell in table(found)]
    assert [(rule.elements, rule.weight) for (rule,) in rules] == [(("attn",), 0.25), (("ff",), 0.75)]
    with pytest.raises(DirectiveError, match="SOTF"):
        plan(XyzStudy("<lora:a:1>", x=Axis("elements", "SOTF")), BENCH)


def test_seed_axis_draws_and_counts():
    found = xyz(x=("seed", "3-5,-1,-1"))
    assert len({cell.seed for cell in table(found)}) == 5
    assert len(by_kind(found, "reference")) == 5
    for cell in table(found):
        assert found.cells[cell.against].seed == found.cells[cell.opposite].seed == cell.seed


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"x": ("value", "1")}, "is no axis"),
        ({"x": ("values", "1"), "y": ("values", "2")}, "two axes are values"),
        ({"x": ("Block ID", "IN01")}, "needs an axis of values"),
        ({"x": ("seed", "1.5")}, "is no seed"),
        ({"x": ("seed", "5-3")}, "is no seed"),
        ({"x": ("values", "")}, "has no values"),
        ({"x": ("elements", "IN01:attn")}, "blocks:elements:weight"),
        ({"x": ("elements", "IN01:NOT attn:0")}, "NOT before elements"),
        ({"x": ("Original Weights", "ALL"), "y": ("presets", "ALL")}, "at most two"),
    ],
)
def test_axes_that_make_no_grid_are_refused(axes, message):
    with pytest.raises(AnalysisError, match=message):
        xyz(**axes)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (BlockStudy("a cat"), "holds no LoRA"),
        (BlockStudy("<lora:a:1><lora:b:1>"), "several LoRAs"),
        (BlockStudy("<lora:apple:1><lora:b:1>", lora="aple"), "the nearest is apple"),
        (BlockStudy("<lora:a:1>", seeds=()), "no seeds"),
        (BlockStudy("<lora:a:1>", threshold=300), "between 0 and 255"),
        (BlockStudy("<lora:a:1>", diff_color="whit"), "is no colour"),
    ],
)
def test_studies_that_make_no_grid_are_refused(study, message):
    with pytest.raises(AnalysisError, match=message):
        plan(study, BENCH)


@pytest.mark.parametrize("prompt", ["<lora:a:1:lbw=TYPO>", "<lora:a:1:lbw=1,2,3>", "<lora:a:x:y:z>"])
def test_faulty_weights_are_found_before_the_first_picture(prompt):
    with pytest.raises(DirectiveError):
        plan(BlockStudy(prompt), BENCH)


def test_one_of_several_loras_can_be_named():
    found = plan(BlockStudy("<lora:a:1><lora:b:1>", lora="b", blocks="IN01"), BENCH)
    assert found.cells[2].prompt == "<lora:a:1><lora:b:1:lbw=1,IN01@0>"


@pytest.mark.parametrize(
    "study",
    [
        BlockStudy(PROMPT, seeds=(1, 2), range=(0.5, 1.0), picture={"steps": 20}),
        XyzStudy(PROMPT, x=Axis("values", "0,R"), y=Axis("Block ID", "IN01"), picture={"steps": 20}),
    ],
)
def test_study_and_plan_go_to_json_and_back(study):
    assert study_from_json(json.loads(json.dumps(study.to_json()))) == study
    made = plan(study, BENCH)
    again = AnalysisPlan.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made
    assert again.requests() == made.requests()


@pytest.mark.parametrize(
    "data", [{}, {"kind": "blocks"}, {"kind": "blocks", "prompt": "a", "range": 3}, {"kind": "xyz", "x": {}}]
)
def test_json_that_is_no_study_is_refused(data):
    with pytest.raises(AnalysisError):
        study_from_json(data)


def test_json_of_another_version_is_refused():
    with pytest.raises(AnalysisError, match="version 99"):
        AnalysisPlan.from_json({"version": 99})
    with pytest.raises(AnalysisError, match="lacks kind, title"):
        AnalysisPlan.from_json({"version": 1})


def test_no_two_requests_draw_the_same():
    found = xyz(x=("values", "0,1"), y=("Block ID", "IN01,IN01-IN02,NOT BASE"), z=("seed", "1,1,2"))
    requests = found.requests()
    assert len(set(requests)) == len(requests)
    pictures = sorted(found.cells, key=lambda cell: cell.picture)
    for _, group in groupby(pictures, key=lambda cell: cell.picture):
        same = [(cell.seed, tuple(weights(cell).items())) for cell in group]
        assert len(set(same)) == 1


@pytest.mark.parametrize(("text", "expected"), [("0,1", (0, 1)), (" 0.5 , 1 ", (0.5, 1)), ("-1,2", (-1, 2))])
def test_range_is_read(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "1", "0,1,2", "a,b", "nan,1", "inf,1", "1,1"])
def test_a_range_that_is_none_is_refused(text):
    with pytest.raises(AnalysisError, match="range"):
        parse_range(text)
