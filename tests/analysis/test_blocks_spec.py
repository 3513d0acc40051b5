import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.analysis.blocks_spec import Choice, parse_blocks, present_names
from lib_lbw.blocks.family import families, family
from lib_lbw.errors import AnalysisError

SD1, SDXL, FLUX = family("sd1"), family("sdxl"), family("flux")


def targets(text, of=SD1, present=None):
    return [choice.target for choice in parse_blocks(text, of, present)]


@pytest.mark.parametrize(
    ("text", "of", "count", "first", "last"),
    [
        ("17ALL", SD1, 17, "BASE", "OUT11"),
        ("26ALL", SD1, 26, "BASE", "OUT11"),
        ("12ALL", SDXL, 12, "BASE", "OUT05"),
        ("20all", SDXL, 20, "BASE", "OUT08"),
        ("61ALL", FLUX, 61, "CLIP", "OUT"),
    ],
)
def test_a_length_stands_for_the_names_of_its_vector(text, of, count, first, last):
    found = targets(text, of)
    assert (len(found), found[0], found[-1]) == (count, first, last)


def test_all_is_what_the_file_holds_with_groups_by_one_name():
    assert targets("ALL", SDXL, {"TE2", "OUT01", "MID", "OTHER"}) == ["BASE", "MID", "OUT01", "OTHER"]
    assert targets("ALL", SDXL) == list(SDXL.shown())
    assert present_names(SDXL, ()) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IN01,IN02", ["IN01", "IN02"]),
        ("IN01\nin2", ["IN01", "IN02"]),
        ("IN04-OUT03", ["IN04-OUT03"]),
        ("NOT BASE", ["NOT BASE"]),
        ("not IN01-IN05", ["NOT IN01-IN05"]),
        ("IN01 M00", ["IN01 MID"]),
        ("OUT1.attn2, IN01-IN02.3", ["OUT01.attn2", "IN01-IN02.3"]),
        ("IN01,IN01, in01 ", ["IN01"]),
        ("MID,12ALL,MID", ["MID", "BASE", "IN04", "IN05", "IN07", "IN08", *[f"OUT{n:02}" for n in range(6)]]),
    ],
)
def test_items_are_read_and_written_in_full(text, expected):
    assert targets(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("INO4", "no block INO4; the nearest is IN04"),
        ("IN01,OUT12", "no block OUT12; the nearest is OUT1"),
        ("13ALL", "12ALL, 17ALL, 20ALL, 26ALL"),
        ("61ALL", "no vector of 61"),
        ("ALLL", "the nearest is ALL"),
        ("IN01-", "is no area"),
        ("IN01-IN02-IN03", "is no area"),
        ("IN01.", "is no area"),
        ("NOT", "NOT of nothing"),
        ("NOT ", "NOT of nothing"),
        ("", "no blocks given"),
        (" , ", "no blocks given"),
    ],
)
def test_a_mistake_is_named_with_the_nearest(text, message):
    with pytest.raises(AnalysisError, match=message):
        parse_blocks(text, SD1)


@given(st.sampled_from(families()), st.data())
def test_what_is_read_reads_the_same_again(of, data):
    names = st.sampled_from(of.shown())
    areas = st.lists(st.one_of(names, st.tuples(names, names).map("-".join)), min_size=1, max_size=3).map(" ".join)
    items = st.builds(lambda negated, text: ("NOT " if negated else "") + text, st.booleans(), areas)
    text = ",".join(data.draw(st.lists(items, min_size=1, max_size=4)))
    found = parse_blocks(text, of)
    assert parse_blocks(",".join(choice.target for choice in found), of) == found
    assert all(choice == Choice(choice.target, choice.target) for choice in found)
