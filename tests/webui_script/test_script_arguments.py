"""The lists that programs send, word for word from the reference's documentation, and those of our own page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.analysis.axes import Axis
from lib_lbw.errors import AnalysisError
from lib_lbw.hosts.base import Picture
from lib_lbw.webui.arguments import BLOCKS, MARK, PLOT, Arguments, read_arguments
from lib_lbw.webui.panel import read_panel

ONES = "XYZ:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"
PLOT_LIST = [ONES, True, 1, "seed", "-1,-1", "", "", "", "", "", "", "", "", "", "", "", "", ""]
BLOCKS_LIST = [ONES, True, 2, "", "", "", "", "", "", "0,1", "17ALL", 1, "white", 20, True, "", ""]
BLOCKS_SHORT = [ONES, True, 2, "", "", "", "", "", "", "0,1", "17ALL", 1, "white", 20, True, "", "", ""]
PICTURE = Picture("", seed=5)


def test_the_plot_of_the_documentation() -> None:
    found = read_arguments(PLOT_LIST)
    assert (found.kind, found.presets) == ("plot", ONES)
    assert found.axes == (Axis("seed", "-1,-1"), Axis(), Axis())
    assert found.form("p", PICTURE).axes == found.axes


@pytest.mark.parametrize("values", [BLOCKS_LIST, BLOCKS_SHORT, tuple(BLOCKS_LIST)])
def test_the_analyzer_of_the_documentation(values: list[object]) -> None:
    found = read_arguments(values)
    assert (found.kind, found.range, found.blocks) == ("blocks", "0,1", "17ALL")
    assert (found.diff_color, found.threshold, found.swap_axes, found.seed_count) == ("white", 20, True, 1)
    assert found.form("p", PICTURE).axes is None


@given(st.lists(st.one_of(st.none(), st.text(max_size=5), st.integers(), st.booleans()), max_size=6))
def test_what_belongs_to_other_scripts_is_not_read(strangers: list[object]) -> None:
    found = read_arguments([*BLOCKS_SHORT, *strangers])
    assert found == read_arguments(BLOCKS_SHORT) or strangers[0] == MARK


def test_our_own_page_sends_more() -> None:
    own = ["", "", BLOCKS, "none", "", "none", "", "none", "", "0,1", "ALL", "", "black", 20, False, "", "", ""]
    found = read_arguments([*own, MARK, "mine", "1,2", True])
    assert (found.active, found.kind, found.lora, found.seeds, found.inverse) == (True, "blocks", "mine", "1,2", True)
    assert read_arguments(["", "", PLOT]).kind == "plot"


def test_the_defaults_are_those_of_the_page_of_its_own() -> None:
    found = read_arguments(["", True, BLOCKS])
    assert (found.range, found.blocks, found.threshold, found.diff_color) == ("0,1", "ALL", 20, "black")
    assert found.form("p", PICTURE).seeds == ""


def test_a_number_of_seeds_draws_more() -> None:
    assert Arguments(seed_count=3).form("p", PICTURE).seeds == "5,-1,-1"
    assert Arguments(seed_count=3, seeds="8").form("p", PICTURE).seeds == "8"


def test_off_and_not_active() -> None:
    assert read_arguments(["", True, 0]).kind == "off"
    assert read_arguments([]).kind == "off"
    assert not read_arguments(["", False, 2]).active


@pytest.mark.parametrize(("place", "value"), [(2, 7), (2, "Blocks"), (3, "seeds"), (13, "many"), (11, "x")])
def test_what_cannot_be_read_is_named(place: int, value: object) -> None:
    values = list(BLOCKS_SHORT)
    values[place] = value
    with pytest.raises(AnalysisError, match=str(value)):
        read_arguments(values)


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ((), ("", True, "")),
        (("P:1", False), ("P:1", False, "")),
        (("P:1", True, *[""] * 13, "E:::0"), ("P:1", True, "E:::0")),
        ((None, None, *[None] * 14), ("", True, "")),
    ],
)
def test_the_accordions_list(values: tuple[object, ...], read: tuple[str, bool, str]) -> None:
    assert read_panel(values) == read
