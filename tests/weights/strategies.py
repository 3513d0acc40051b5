"""Hypothesis strategies for directives and everything in them."""

from typing import Any

from hypothesis import strategies as st

from lib_lbw.blocks.family import Family, families
from lib_lbw.weights.directive import (
    KEYS,
    AllTerm,
    Area,
    Bound,
    Directive,
    PresetTerm,
    Schedule,
    Target,
    TargetTerm,
    Terms,
    Value,
    Vector,
    Weights,
)
from lib_lbw.weights.terms import RESERVED
from lib_lbw.weights.value import is_value

numbers = st.one_of(
    st.integers(-3, 3).map(float),
    st.integers(-2000, 2000).map(lambda thousandths: thousandths / 1000),
    st.floats(-1e6, 1e6, allow_nan=False),
)
values = st.one_of(
    st.builds(Value, st.just("number"), numbers), st.builds(Value, st.sampled_from(["R", "U", "X"]), numbers)
)
words = st.from_regex(r"[A-Za-z0-9_]{1,6}", fullmatch=True).filter(lambda w: "__" not in w and w.upper() != "NOT")
elements = st.lists(words, min_size=1, max_size=3).map(".".join).filter(lambda text: "__" not in text)
areas = st.builds(Area, words, st.none() | words, st.none() | elements)
targets = st.builds(Target, st.lists(areas, min_size=1, max_size=3).map(tuple), st.booleans())
names = (
    st.text("ABCabz059 .-_+éあ", min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda n: n and not RESERVED.search(n) and not is_value(n))
)


def term_lists(targets: st.SearchStrategy[Target] = targets) -> st.SearchStrategy[Terms]:
    terms = st.one_of(st.builds(PresetTerm, names), st.builds(AllTerm, values), st.builds(TargetTerm, targets, values))
    mixed = st.lists(terms, min_size=1, max_size=4).filter(
        lambda terms: len(terms) == 1 or not all(isinstance(term, AllTerm) for term in terms)
    )
    return mixed.map(lambda terms: Terms(tuple(terms)))


vectors = st.lists(values, min_size=2, max_size=26).map(lambda values: Vector(tuple(values)))
weights: st.SearchStrategy[Weights] = st.one_of(vectors, term_lists())

steps = st.integers(0, 200).map(lambda step: Bound(float(step), False))
fractions = st.integers(0, 1000).map(lambda part: Bound(part / 1000, True))


def _sound(ends: tuple[Bound | None, Bound | None]) -> bool:
    start, stop = ends
    if start is None or stop is None:
        return start is not stop
    return start.fraction != stop.fraction or start.number < stop.number


bounds = st.none() | steps | fractions
schedules = st.tuples(bounds, bounds).filter(_sound).map(lambda ends: Schedule(*ends))
lora_names = (
    st.text(st.characters(exclude_characters=":<>", exclude_categories=["Cs"]), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)
extras = st.lists(
    st.tuples(
        st.text("abcdeflrwx ", max_size=5).filter(lambda key: key.strip() not in KEYS),
        st.text("abc =,@#あ", max_size=6),
    ),
    max_size=2,
).map(tuple)
directives = st.builds(
    Directive,
    name=lora_names,
    te=numbers,
    unet=st.none() | numbers,
    dyn=st.none() | st.integers(0, 999_999),
    weights=st.none() | weights,
    elements=st.none() | names,
    schedule=st.none() | schedules,
    x=st.none() | numbers,
    tag=st.sampled_from(["lora", "lyco"]),
    extra=extras,
)

small = st.integers(-2000, 2000).map(lambda thousandths: thousandths / 1000)
small_values = st.builds(Value, st.sampled_from(["number", "number", "number", "R", "U", "X"]), small)
some_elements = st.sampled_from(["attn1", "attn2", "to_k", "ff", "proj", "conv", "3", "0", "attn1.to_out.0", "OUT"])
real_families = st.sampled_from(families())


@st.composite
def real_targets(draw: Any, family: Family, with_elements: bool = True) -> Target:
    """Targets that mean something in `family`."""
    names = [*family.blocks, *family.groups]
    shown = [name for name in family.shown() if name != "OTHER"]
    made = []
    for _ in range(draw(st.integers(1, 3))):
        element = draw(st.none() | some_elements) if with_elements else None
        kind = draw(st.sampled_from(["block", "range", "element"] if with_elements else ["block", "range"]))
        if kind == "element":
            first, *rest = draw(some_elements).split(".", 1)
            made.append(Area(first, None, rest[0] if rest else None))
        elif kind == "range":
            made.append(Area(draw(st.sampled_from(shown)), draw(st.sampled_from(shown)), element))
        else:
            made.append(Area(draw(st.sampled_from(names)), None, element))
    return Target(tuple(made), draw(st.booleans()))


@st.composite
def real_weights(draw: Any, family: Family) -> Weights:
    """Weights that mean something in `family`: vectors of its lengths, presets of the shipped book, targets."""
    if draw(st.booleans()):
        length = draw(st.sampled_from(sorted(family.layouts)))
        return Vector(tuple(draw(st.lists(small_values, min_size=length, max_size=length))))
    terms = st.one_of(
        st.sampled_from(["ALL", "NONE", "ALL0.5"]).map(PresetTerm),
        st.builds(AllTerm, small_values),
        st.builds(TargetTerm, real_targets(family), small_values),
    )
    made = draw(st.lists(terms, min_size=1, max_size=4))
    if len(made) > 1 and all(isinstance(term, AllTerm) for term in made):
        made = made[:1]
    return Terms(tuple(made))


@st.composite
def real_directives(draw: Any, family: Family) -> Directive:
    """Directives that resolve in `family`."""
    elements = ["SELFATTNOFF", "FFOFF", "CROSSATTNOFF"] + (["ATTNDEEPOFF"] if family.id.startswith("sd") else [])
    return Directive(
        name=draw(lora_names),
        te=draw(small),
        unet=draw(st.none() | small),
        dyn=draw(st.none() | st.integers(0, 64)),
        weights=draw(st.none() | real_weights(family)),
        elements=draw(st.none() | st.sampled_from(elements)),
        schedule=draw(st.none() | schedules),
        x=draw(st.none() | small),
        extra=draw(extras),
    )
