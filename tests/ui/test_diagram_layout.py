from itertools import combinations

import pytest

from lib_lbw.blocks.family import Family, families, family
from lib_lbw.ui.diagram_layout import WIDTH, Cell, layout

FAMILIES = pytest.mark.parametrize("model", families(), ids=lambda model: model.id)


def apart(a: Cell, b: Cell) -> bool:
    beside = a.x + a.width <= b.x or b.x + b.width <= a.x
    above = a.y + a.height <= b.y or b.y + b.height <= a.y
    return beside or above


def cells(model: Family) -> dict[str, Cell]:
    return {cell.name: cell for cell in layout(model, model.shown()).cells}


@FAMILIES
def test_every_block_has_one_place_inside_the_drawing(model: Family) -> None:
    plan = layout(model, model.shown())
    assert sorted(cell.name for cell in plan.cells) == sorted(model.shown())
    for cell in plan.cells:
        assert cell.x >= 0
        assert cell.y >= 0
        assert cell.x + cell.width <= WIDTH
        assert cell.y + cell.height <= plan.height


@FAMILIES
def test_no_two_blocks_overlap(model: Family) -> None:
    assert all(apart(a, b) for a, b in combinations(layout(model, model.shown()).cells, 2))


@FAMILIES
def test_names_and_numbers_fit_their_cell(model: Family) -> None:
    # 7 units a letter of 11-unit type is generous; a number has up to six letters.
    assert all(cell.width >= 7 * (len(cell.name) + 6) for cell in layout(model, model.shown()).cells)


@pytest.mark.parametrize("id", ["sd1", "sdxl"])
def test_an_output_block_stands_beside_the_input_block_it_takes_the_skip_of(id: str) -> None:
    model = family(id)
    plan = layout(model, model.shown())
    places = cells(model)
    count = len(plan.links)
    middle = {name: cell.y + cell.height / 2 for name, cell in places.items()}
    for number in range(count):
        assert middle[f"IN{number:02d}"] == middle[f"OUT{count - 1 - number:02d}"]
    assert middle["MID"] > max(middle[f"IN{number:02d}"] for number in range(count))
    assert [level.divisor for level in plan.levels] == [2**level for level in range(count // 3)]


def test_attention_is_that_of_the_family() -> None:
    model = family("sd1")
    assert {name for name, cell in cells(model).items() if cell.attention} == {*model.layouts[17], "OTHER"}


def test_a_long_list_runs_down_columns_of_equal_height() -> None:
    places = cells(family("flux"))
    assert places["D00"].x < places["S00"].x < places["S19"].x
    assert places["D00"].y == places["S00"].y == places["S19"].y
    assert places["D18"].y == places["S18"].y == places["S37"].y
