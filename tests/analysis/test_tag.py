"""Which tag of a prompt an analysis changes, and what becomes of tags that only the drawing program can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.study import BlockStudy
from lib_lbw.analysis.tag import find_tag
from lib_lbw.blocks.family import family
from lib_lbw.errors import AnalysisError, DirectiveError

KEYFRAMES = ("1@0,0.5@1", "1~0,0~0.5", "[1@0,0@1]", "1@0,0@1:lbw=OUTALL")
ours = st.sampled_from(["<lora:a:1:lbw=XYZ>", "<lyco:a:0.5:XYZ>", "<lora: a :1:lbw=XYZ:start=2>"])
theirs = st.sampled_from([f"<lora:{name}:{text}>" for name in ("b", "XYZ", "a") for text in KEYFRAMES])


@given(ours, theirs, st.booleans())
def test_a_tag_that_another_extension_reads_stays_as_typed(our: str, their: str, first: bool) -> None:
    prompt = f"x {their} y {our} z" if first else f"x {our} y {their} z"
    tag = find_tag(prompt)
    assert prompt[tag.start : tag.end] == our
    assert tag.others == ()
    made = plan(BlockStudy(prompt, blocks="IN01"), Bench(family("sd1")))
    assert all(their in cell.prompt for cell in made.cells)


def test_the_lora_that_is_asked_for_may_stand_beside_any_other() -> None:
    prompt = "<lora:a:1><lora:b:1@0,0@1>"
    assert find_tag(prompt, "a").directive.name == "a"
    with pytest.raises(AnalysisError, match=r"several LoRAs \(a, b\); write lbw=XYZ"):
        find_tag(prompt)


@pytest.mark.parametrize(
    ("prompt", "lora", "told"),
    [
        ("<lora:a:1@0,0@1>", None, "'1@0,0@1' is not a number"),
        ("<lora:a:1><lora:b:1@0,0@1>", "b", "'1@0,0@1' is not a number"),
        ("<lora:a:1><lora:b:1@0,0@1:lbw=XYZ>", None, "'1@0,0@1' is not a number"),
        ("<lora:a:1><lora:b:1:lbw=XYZ:start=never>", None, "never"),
        ("<lora:a:1:lbw=XYZ> <LORA:b:1>", None, "LORA:b"),
        ("<lora:a:1:lbw=XYZ> <lora: :1>", None, "name"),
    ],
)
def test_what_cannot_be_read_and_is_meant_is_told_of(prompt: str, lora: str | None, told: str) -> None:
    with pytest.raises(DirectiveError, match=told):
        find_tag(prompt, lora)
