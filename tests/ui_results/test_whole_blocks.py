"""Which blocks a row of several can be lowered by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import families, family
from lib_lbw.ui.results.whole import whole_blocks


@pytest.mark.parametrize(
    ("id", "text", "blocks"),
    [
        ("sd1", "MID", ["MID"]),
        ("sd1", "IN04-IN06", ["IN04", "IN05", "IN06"]),
        ("sd1", "MID IN07", ["IN07", "MID"]),
        ("sd1", "OUT03.attn2", []),
        ("sd1", "MID OUT03.attn2", []),
        ("sd1", "attn2", []),
        ("sd1", "", []),
        ("sd1", "0.5", []),
        ("sd1", "my preset: x", []),
        ("sdxl", "BASE", ["BASE"]),
    ],
)
def test_whole_blocks_are_found_and_layers_are_not(id: str, text: str, blocks: list[str]) -> None:
    assert list(whole_blocks(text, family(id))) == blocks


def test_all_but_one_is_everything_else() -> None:
    sd1 = family("sd1")
    assert whole_blocks("NOT BASE", sd1) == tuple(name for name in sd1.shown() if name not in ("BASE", "OTHER"))


@given(data=st.data())
def test_every_block_names_itself(data: st.DataObject) -> None:
    each = data.draw(st.sampled_from(families()))
    name = data.draw(st.sampled_from(each.shown()))
    assert whole_blocks(name, each) == (name,)
