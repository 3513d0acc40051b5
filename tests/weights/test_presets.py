import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import family
from lib_lbw.weights.directive import Terms, Value, Vector
from lib_lbw.weights.grammar import format_weights, parse_weights
from lib_lbw.weights.presets import PresetBook
from tests.weights.strategies import names, weights

CLASSIC_17 = {
    "NONE": "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "ALL": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
    "INS": "1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "IND": "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "INALL": "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "MIDD": "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0",
    "OUTD": "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0",
    "OUTS": "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1",
    "OUTALL": "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1",
    "ALL0.5": "0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5",
}


def shipped(name: str) -> dict[int, Vector]:
    return {len(w.values): w for w in PresetBook.shipped().find(name) if isinstance(w, Vector)}


def test_the_shipped_file_has_no_fault() -> None:
    assert PresetBook.shipped().faults == ()


@pytest.mark.parametrize("name", CLASSIC_17)
def test_classic_presets_exist_in_every_length_and_are_what_they_were(name: str) -> None:
    lengths = shipped(name)
    assert {12, 17, 20, 26} <= lengths.keys()
    assert format_weights(lengths[17]) == CLASSIC_17[name]


@pytest.mark.parametrize("name", ["NONE", "ALL", "ALL0.5"])
def test_presets_for_the_whole_lora_fit_every_family(name: str) -> None:
    lengths = shipped(name)
    assert lengths.keys() == {12, 17, 20, 26, 61}
    [constant] = {value for vector in lengths.values() for value in vector.values}
    [terms] = [w for w in PresetBook.shipped().find(name) if isinstance(w, Terms)]
    assert format_weights(terms) == str(constant)


@pytest.mark.parametrize(("id", "short", "long"), [("sd1", 17, 26), ("sdxl", 12, 20)])
@pytest.mark.parametrize("name", PresetBook.shipped().names())
def test_the_long_line_says_the_same_of_the_blocks_with_attention(name: str, id: str, short: int, long: int) -> None:
    layouts, lengths = family(id).layouts, shipped(name)
    if short in lengths:
        every = dict(zip(layouts[long], lengths[long].values, strict=True))
        assert tuple(every[block] for block in layouts[short]) == lengths[short].values


@pytest.mark.parametrize(
    ("name", "length", "off"),
    [
        ("KEEPCHAR", 17, {"IN07", "IN08", "MID", "OUT10", "OUT11"}),
        ("FACE", 17, {"IN01", "IN02", "IN04", "IN05", "IN07", "IN08", "MID"} | {f"OUT{n:02d}" for n in range(6, 12)}),
        ("STYLE", 12, {"IN04", "IN05", "IN07", "IN08", "MID", "OUT00", "OUT02", "OUT03", "OUT04", "OUT05"}),
        ("LAYOUT", 12, {"IN04", "IN05", "IN07", "MID"} | {f"OUT0{n}" for n in range(6)}),
    ],
)
def test_role_presets_switch_off_what_their_source_says(name: str, length: int, off: set[str]) -> None:
    blocks = family("sd1").layouts[length]
    assert {b for b, value in zip(blocks, shipped(name)[length].values, strict=True) if value.offset == 0} == off


def test_a_messy_file_is_read_and_kept_as_it_is() -> None:
    text = "\ufeffA:1,0,0\r\n\r\n# note\n\tB :\tALL,OUT01@0.8 \r\nno preset\nC:1,,0\rA:1,0\nA:0,1\nlast : 0.5"
    book = PresetBook.parse(text)
    assert book.text() == text
    assert book.names() == ("A", "B", "last")
    assert book.find("A") == (parse_weights("1,0,0"), parse_weights("1,0"))
    assert book.find("B") == (parse_weights("ALL,OUT01@0.8"),)
    assert [fault.line for fault in book.faults] == [5, 6, 8]
    assert [str(fault).split(" ")[:2] for fault in book.faults] == [["line", "5"], ["line", "6:"], ["line", "8:"]]
    assert book.fault_of("C") is book.faults[1]


@given(st.text(st.sampled_from("AB:,10.#\r\n \t\ufeff@R\x0b\u2028あ"), max_size=60))
def test_any_text_is_read_and_kept(text: str) -> None:
    book = PresetBook.parse(text)
    assert book.text() == text
    assert all(book.find(name) for name in book.names())
    meant = [line for line in book.lines if line.name or line.fault]
    assert len(meant) == len(book.faults) + sum(len(book.find(name)) for name in book.names())


@given(names.filter(lambda name: not name.startswith("#")), weights)
def test_what_is_written_in_a_line_is_found(name: str, made: Vector | Terms) -> None:
    assert PresetBook.parse(f"{name}:{format_weights(made)}\n").find(name) == (made,)


def test_a_name_of_the_other_book_replaces_all_its_lines() -> None:
    mine = PresetBook.parse("A:1,0\nA:1,0,0\nB:1,0\n")
    both = mine.merged(PresetBook.parse("A:0.5\nC:0,1\n"))
    assert both.names() == ("B", "A", "C")
    assert both.find("A") == (parse_weights("0.5"),)
    assert both.find("B") == mine.find("B")


def test_letter_case_counts() -> None:
    assert PresetBook.parse("all:1,0").find("ALL") == ()


@pytest.mark.parametrize("name", ["0.5", "R", "X+1", "a@b", "a,b", "a{b", "a__b", ""])
def test_names_that_could_not_be_written_in_a_tag_are_faults(name: str) -> None:
    assert len(PresetBook.parse(f"{name}:1,0").faults) == 1


def test_values_keep_their_letters() -> None:
    assert PresetBook.parse("A:R,U,X-1").find("A") == (Vector((Value("R"), Value("U"), Value("X", -1))),)
