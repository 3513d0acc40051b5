import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import BASE, OTHER, Family, families, family
from lib_lbw.errors import FamilyError

FAMILIES = families()
SD = ("sd1", "sd2", "sdxl")
any_family = st.sampled_from(FAMILIES)


@st.composite
def family_and_names(draw: st.DrawFn, count: int) -> tuple[Family, tuple[str, ...]]:
    each = draw(any_family)
    return each, tuple(draw(st.sampled_from(each.shown())) for _ in range(count))


def test_the_five_families_with_layouts_come_first() -> None:
    assert [each.id for each in FAMILIES[:5]] == ["sd1", "sd2", "sdxl", "flux", "chroma"]
    assert len({each.id for each in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("id", SD)
def test_sd_families_know_four_lengths(id: str) -> None:
    assert sorted(family(id).layouts) == [12, 17, 20, 26]


def test_vectors_of_the_literature() -> None:
    sdxl = family("sdxl").layouts
    assert sdxl[12] == ("BASE", "IN04", "IN05", "IN07", "IN08", "MID", *(f"OUT0{n}" for n in range(6)))
    assert sdxl[17][:8] == ("BASE", "IN01", "IN02", "IN04", "IN05", "IN07", "IN08", "MID")
    assert sdxl[17][8:] == tuple(f"OUT{n:02d}" for n in range(3, 12))
    assert sdxl[20] == ("BASE", *(f"IN0{n}" for n in range(9)), "MID", *(f"OUT0{n}" for n in range(9)))
    assert family("sd1").layouts[26][13] == "MID"
    flux = family("flux").layouts[61]
    assert (flux[:4], flux[22], flux[-1]) == (("CLIP", "T5", "IN", "D00"), "S00", "OUT")


@given(any_family)
def test_layouts_have_their_length_and_only_legal_names(each: Family) -> None:
    for length, names in each.layouts.items():
        assert len(names) == length == len(set(names))
        assert all(each.block(name) == name for name in names)
    assert each.full_length in each.layouts
    assert each.attention_length in each.layouts


@given(any_family)
def test_shown_names_stand_for_every_leaf_once(each: Family) -> None:
    leaves = [leaf for name in each.shown() for leaf in each.leaves(name)]
    assert sorted(leaves) == sorted(each.blocks)
    assert each.blocks[-1] == OTHER
    assert each.leaves(BASE) == each.groups[BASE]


@given(family_and_names(1))
def test_block_names_ignore_case_and_surrounding_space(drawn: tuple[Family, tuple[str]]) -> None:
    each, (name,) = drawn
    assert each.block(f" {name.lower()} ") == name


@pytest.mark.parametrize(
    ("id", "text", "name"),
    [
        ("sdxl", "M00", "MID"),
        ("sdxl", "mid", "MID"),
        ("sdxl", "OUT1", "OUT01"),
        ("sdxl", "in9", "IN09"),
        ("sd1", "te1", "TE1"),
        ("sd1", "TE2", None),
        ("sd1", "IN12", None),
        ("sd1", "OUT", None),
        ("sd1", "", None),
        ("flux", "d5", "D05"),
        ("flux", "t5", "T5"),
        ("flux", "base", "BASE"),
        ("flux", "IN00", None),
        ("sdxl", "IN" + "9" * 5000, None),
        ("sdxl", "IN٣", None),
        ("dit:anima", "adapter", "ADAPTER"),
    ],
)
def test_block(id: str, text: str, name: str | None) -> None:
    assert family(id).block(text) == name


@given(any_family, st.text(max_size=8))
def test_block_never_invents_a_name(each: Family, text: str) -> None:
    name = each.block(text)
    if name is not None:
        legal = {*each.blocks, *each.groups, *(known for names in each.layouts.values() for known in names)}
        assert name in legal
        assert each.block(name) == name


@given(family_and_names(2))
def test_span_is_the_same_either_way_round(drawn: tuple[Family, tuple[str, str]]) -> None:
    each, (first, last) = drawn
    names = each.span(first, last)
    assert names == each.span(last, first)
    shown = each.shown()
    low, high = sorted((shown.index(first), shown.index(last)))
    assert names == shown[low : high + 1]


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        ("IN08", "OUT01", ("IN08", "MID", "OUT00", "OUT01")),
        ("IN08", "IN11", ("IN08",)),
        ("OUT08", "OUT11", ("OUT08",)),
        ("IN10", "OUT00", ("MID", "OUT00")),
        ("BASE", "IN00", ("BASE", "IN00")),
        ("TE2", "IN00", ("TE2", "IN00")),
        ("TE1", "TE1", ("TE1",)),
        ("OUT08", "OTHER", ("OUT08", "OTHER")),
    ],
)
def test_span_in_sdxl(first: str, last: str, names: tuple[str, ...]) -> None:
    assert family("sdxl").span(first, last) == names


def test_span_refuses_a_name_that_is_no_block() -> None:
    with pytest.raises(FamilyError, match="D00"):
        family("sd1").span("IN00", "D00")


def test_unknown_family_names_the_nearest() -> None:
    with pytest.raises(FamilyError, match="'sdxl'"):
        family("sdlx")


def test_families_are_values() -> None:
    assert len({family("sd1"), family("sd1"), family("sd2")}) == 2
    assert copy.deepcopy(family("sdxl")) == family("sdxl")
