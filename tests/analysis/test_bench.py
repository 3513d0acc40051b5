"""What a plan's prompts mean once every tag of them is resolved: mirrors, two weights together, values, presets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.analysis.axes import Axis
from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.study import BlockStudy, XyzStudy
from lib_lbw.blocks.family import family
from lib_lbw.errors import DirectiveError
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import find_directives, parse_weights
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.resolve import resolve

SD1 = family("sd1")
NOTHING = {"presets": PresetBook.parse(""), "elements": ElementBook.parse("")}


def meant(cell, tag=0):
    return resolve(find_directives(cell.prompt)[tag].directive, SD1, seed=cell.seed, **NOTHING)


def weight_at(weights, leaf, element):
    """The weight of a module of `leaf` whose name holds `element`, rules included."""
    matching = [rule.weight for rule in weights.rules if rule.matches(leaf, (element,))]
    return matching[-1] if matching else weights.block_weight(leaf)


def table(study, **bench):
    return [cell for cell in plan(study, Bench(SD1, **bench)).cells if cell.kind == "cell"]


def test_a_mirror_that_changes_where_the_first_lora_has_no_block_is_another_picture():
    study = BlockStudy("<lora:a:1:lbw=XYZ><lora:b:1:lbw=ZYX>", blocks="IN01,IN02")
    found = plan(study, Bench(SD1, present={"IN01"}))
    by_picture = {}
    for cell in found.cells:
        mirrored = by_picture.setdefault(cell.picture, meant(cell, 1))
        assert meant(cell, 1) == mirrored
    changed = {cell.labels[1]: cell.picture for cell in found.cells}
    assert changed["IN02"] != changed["all at 1"]


@pytest.mark.parametrize("prompt", ["<lora:a:1:lbw=XYZ><lora:b:1:lbw=OURS>", "<lora:b:1:lbwe=SOFT><lora:a:1:lbw=XYZ>"])
def test_presets_of_every_tag_become_numbers(prompt):
    books = {"presets": PresetBook.parse("OURS:0,MID@0.7"), "elements": ElementBook.parse("SOFT::attn:0.3")}
    for cell in plan(BlockStudy(prompt, blocks="IN01"), Bench(SD1, **books)).cells:
        other = next(found for found in find_directives(cell.prompt) if found.directive.name == "b")
        assert "OURS" not in other.text
        assert "SOFT" not in other.text
        wanted = resolve(find_directives(prompt)["lbwe" not in prompt].directive, SD1, **books)
        assert resolve(other.directive, SD1, **NOTHING) == wanted


def test_a_tag_that_names_no_preset_keeps_its_spelling():
    prompt = "<lora:a:1:lbw=XYZ><lora:b:0.50:lbw=0, MID@0.70>"
    assert plan(BlockStudy(prompt, blocks="IN01"), Bench(SD1)).cells[2].prompt.endswith("<lora:b:0.50:lbw=0, MID@0.70>")


def test_an_unknown_preset_of_another_tag_shows_before_the_first_picture():
    with pytest.raises(DirectiveError, match="TYPO"):
        plan(BlockStudy("<lora:a:1:lbw=XYZ><lora:b:1:lbw=TYPO>"), Bench(SD1))


def test_two_original_weights_keep_the_elements_of_the_side_that_counts():
    study = XyzStudy(
        "<lora:a:1>",
        x=Axis("Original Weights", "0,IN01-IN02@1,IN01.attn@0.5;0"),
        y=Axis("Original Weights", "0.8,attn@0.25;0,OUT03.ff@0.6"),
    )
    both, first_alone, second_alone, touched = (
        meant(cell) for cell in sorted(table(study), key=lambda cell: (cell.y, cell.x))
    )
    assert weight_at(both, "IN01", "attn1") == 0.5
    assert weight_at(both, "IN01", "ff") == 1
    assert weight_at(both, "IN02", "attn1") == 1, "the rule of the side that does not count"
    assert weight_at(both, "OUT11", "attn1") == 0.25
    assert weight_at(both, "OUT11", "ff") == 0.8
    assert weight_at(first_alone, "IN01", "attn1") == 0.25
    assert weight_at(second_alone, "OUT03", "ff") == 0.6
    assert weight_at(second_alone, "OUT03", "attn1") == 0
    assert weight_at(touched, "OUT03", "ff") == 0.6


@given(st.data())
def test_combining_is_the_first_where_it_gives_something_and_else_the_second(data):
    texts = st.sampled_from(["0", "1", "0,IN04@0.5", "0,attn@0.5", "1,IN04-MID.ff@0", "0,IN01-OUT03@1,NOT attn@0.2"])
    one, two = data.draw(texts), data.draw(texts)
    combined = Bench(SD1).combined(Directive("a"), parse_weights(one), parse_weights(two), 0)
    first, second, both = (
        resolve(each, SD1)
        for each in (Directive("a", weights=parse_weights(one)), Directive("a", weights=parse_weights(two)), combined)
    )
    for leaf in SD1.blocks:
        gives = first.block_weight(leaf) or any(
            rule.weight and (rule.blocks is None or leaf in rule.blocks) for rule in first.rules
        )
        for element in ("attn1", "ff", "conv1"):
            assert weight_at(both, leaf, element) == weight_at(first if gives else second, leaf, element)


def test_values_without_blocks_scale_the_starting_weights():
    study = XyzStudy("<lora:a:1>", x=Axis("values", "0,0.5,1,-2"), y=Axis("Original Weights", "0,IN04@0.6,attn@0.1;1"))
    for cell in table(study):
        factor = float(cell.labels[0])
        start = resolve(Directive("a", weights=parse_weights("0,IN04@0.6,attn@0.1" if cell.y == 0 else "1")), SD1)
        for leaf in SD1.blocks:
            for element in ("attn1", "ff"):
                assert weight_at(meant(cell), leaf, element) == pytest.approx(factor * weight_at(start, leaf, element))


def test_values_scale_the_tags_own_weights_and_elements():
    books = {"elements": ElementBook.parse("SOFT::attn:0.5\n\nHARD::attn:3")}
    study = XyzStudy("<lora:a:1:lbw=0,MID@0.8:lbwe=SOFT>", x=Axis("values", "0.5"))
    (cell,) = table(study, **books)
    assert weight_at(meant(cell), "MID", "ff") == 0.4
    assert weight_at(meant(cell), "MID", "attn1") == 0.25
    replaced = XyzStudy(study.prompt, x=study.x, y=Axis("elements", "HARD"))
    (cell,) = table(replaced, **books)
    assert weight_at(meant(cell), "MID", "attn1") == 3, "elements go over everything else"


def test_columns_of_values_and_original_weights_are_all_different():
    study = XyzStudy("<lora:a:1>", x=Axis("values", "0.5,1"), y=Axis("Original Weights", "0,IN04@1;0,MID@1"))
    assert len({cell.picture for cell in table(study)}) == 4
