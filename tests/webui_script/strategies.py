"""Directives as people write them for an SD 1.5 LoRA."""

from hypothesis import strategies as st

from lib_lbw.weights.directive import Bound, Directive, Schedule
from lib_lbw.weights.grammar import parse_weights

_blocks = st.sampled_from(["BASE", "IN01", "IN04-MID", "OUT03", "OUT05.attn2", "NOT OUT11"])
_numbers = st.sampled_from(["0", "1", "0.5", "-1", "R", "U", "X"])
_vectors = st.lists(_numbers, min_size=17, max_size=17).map(",".join)
_terms = st.tuples(
    st.sampled_from(["ALL", "OUTALL", "0", "1", "MIDD"]), st.lists(st.tuples(_blocks, _numbers), max_size=3)
).map(lambda pair: ",".join([pair[0], *(f"{block}@{number}" for block, number in pair[1])]))
weight_texts = st.one_of(_vectors, _terms)
_schedules = st.none() | st.just(Schedule(Bound(2.0, False), None)) | st.just(Schedule(None, Bound(0.5, True)))

our_directives = st.builds(
    Directive,
    name=st.just("karaokeroom"),
    te=st.sampled_from([1.0, 0.5, -2.0]),
    unet=st.sampled_from([None, 0.25]),
    weights=weight_texts.map(parse_weights),
    schedule=_schedules,
    x=st.sampled_from([None, 0.5]),
)
