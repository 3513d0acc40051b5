from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import Family, families, family
from lib_lbw.ui.diagram import diagram, legend
from lib_lbw.ui.diagram_cells import short

SVG = "{http://www.w3.org/2000/svg}"
SD1 = family("sd1")
ATTENTION = {leaf for name in SD1.layouts[17] for leaf in SD1.leaves(name)}
numbers = st.floats(-4, 4, allow_nan=False)


def blocks(svg: str) -> dict[str, Element]:
    root = ElementTree.fromstring(svg)
    return {group.attrib["data-block"]: group for group in root.iter(f"{SVG}g")}


def classes(group: Element) -> set[str]:
    return set(group.attrib["class"].split())


def number(group: Element) -> str | None:
    return next((text.text for text in group.iter(f"{SVG}text") if text.get("class") == "lbw-number"), None)


def bar(group: Element) -> Element | None:
    return next((rect for rect in group.iter(f"{SVG}rect") if rect.get("class") == "lbw-bar"), None)


def frame_width(group: Element) -> float:
    return next(float(rect.attrib["width"]) for rect in group.iter(f"{SVG}rect") if rect.get("class") == "lbw-frame")


def outline(svg: str) -> list[str]:
    """One line a block: name, kind, number, share of the bar."""
    lines = []
    for name, group in blocks(svg).items():
        drawn = bar(group)
        share = 0 if drawn is None else float(drawn.attrib["width"]) / frame_width(group)
        kind = " ".join(sorted(each.removeprefix("lbw-") for each in classes(group) - {"lbw-block"}))
        lines.append(f"{name}: {kind}, {number(group)}, {share:.2g}")
    return lines


def test_golden_structure_of_an_attention_lora_on_sd1() -> None:
    weights = dict.fromkeys(SD1.blocks, 1.0) | {"IN04": 0.5, "MID": -0.25, "OUT05": 1.5, "OUT06": 0.0}
    assert outline(diagram(weights, SD1, present=ATTENTION)) == [
        "BASE: attention mid, 1, 1",
        "OTHER: absent attention mid, None, 0",
        "IN00: absent conv mid, None, 0",
        "IN01: attention mid, 1, 1",
        "IN02: attention mid, 1, 1",
        "IN03: absent conv mid, None, 0",
        "IN04: attention mid, 0.5, 0.5",
        "IN05: attention mid, 1, 1",
        "IN06: absent conv mid, None, 0",
        "IN07: attention mid, 1, 1",
        "IN08: attention mid, 1, 1",
        "IN09: absent conv mid, None, 0",
        "IN10: absent conv mid, None, 0",
        "IN11: absent conv mid, None, 0",
        "MID: attention low, -0.25, 0.25",
        "OUT11: attention mid, 1, 1",
        "OUT10: attention mid, 1, 1",
        "OUT09: attention mid, 1, 1",
        "OUT08: attention mid, 1, 1",
        "OUT07: attention mid, 1, 1",
        "OUT06: attention mid, 0, 0",
        "OUT05: attention high, 1.5, 1",
        "OUT04: attention mid, 1, 1",
        "OUT03: attention mid, 1, 1",
        "OUT02: absent conv mid, None, 0",
        "OUT01: absent conv mid, None, 0",
        "OUT00: absent conv mid, None, 0",
    ]


@pytest.mark.parametrize("model", families(), ids=lambda model: model.id)
@pytest.mark.parametrize("mode", ["weights", "effect"])
def test_every_family_is_drawn_whole_in_both_modes(model: Family, mode: str) -> None:
    svg = diagram(dict.fromkeys(model.blocks, 0.5), model, mode)  # type: ignore[arg-type]
    assert set(blocks(svg)) == set(model.shown())


@given(st.dictionaries(st.sampled_from(SD1.blocks), numbers))
def test_a_bar_is_the_number_and_its_side_the_sign(weights: dict[str, float]) -> None:
    for name, group in blocks(diagram(weights, SD1)).items():
        value = weights.get(SD1.leaves(name)[0])
        drawn, width = bar(group), frame_width(group)
        assert number(group) == ("–" if value is None else short(value))
        if not value:
            assert drawn is None
            continue
        assert drawn is not None
        assert float(drawn.attrib["width"]) == pytest.approx(min(abs(value), 1) * width, abs=1e-3)
        assert float(drawn.attrib["x"]) == pytest.approx(width - min(-value, 1) * width if value < 0 else 0, abs=1e-3)
        assert ({"lbw-low", "lbw-mid", "lbw-high"} & classes(group)) == {
            "lbw-low" if value < 0 else "lbw-high" if value > 1 else "lbw-mid"
        }


@given(st.dictionaries(st.sampled_from(SD1.blocks), numbers, min_size=1))
def test_the_greatest_effect_fills_its_bar(effect: dict[str, float]) -> None:
    greatest = max(effect.values(), key=abs)
    shares = {
        name: 0.0 if bar(group) is None else float(bar(group).attrib["width"]) / frame_width(group)  # type: ignore[union-attr]
        for name, group in blocks(diagram(effect, SD1, "effect")).items()
    }
    for name, share in shares.items():
        expected = abs(effect.get(SD1.leaves(name)[0], 0.0)) / (abs(greatest) or 1.0)
        assert share == pytest.approx(expected, abs=1e-3)


def test_text_encoders_of_different_weight_are_drawn_apart() -> None:
    model = family("sdxl")
    weights = dict.fromkeys(model.blocks, 1.0)
    assert "BASE" in blocks(diagram(weights, model))
    assert {"TE1", "TE2"} <= set(blocks(diagram(weights | {"TE2": 0.5}, model)))
    assert "BASE" not in blocks(diagram(weights | {"TE2": 0.5}, model))


def test_a_tooltip_gives_role_and_source_in_the_language_of_the_page() -> None:
    def shout(template: str) -> str:
        return (
            template.upper()
            .replace("{BLOCK}", "{block}")
            .replace("{NUMBER}", "{number}")
            .replace("{ROLE}", "{role}")
            .replace("{SOURCE}", "{source}")
            .replace("{FAMILY}", "{family}")
            .replace("{SHARE}", "{share}")
        )

    title = blocks(diagram({"IN08": 0.5}, family("sdxl"), translate=shout))["IN08"].find(f"{SVG}title")
    assert title is not None
    assert title.text is not None
    assert title.text.splitlines()[0] == "IN08: WEIGHT 0.5"
    assert "COMPOSITION AND LAYOUT" in title.text
    assert "INSTANTSTYLE" in title.text


def test_hostile_names_stay_text() -> None:
    hostile = "<img src=x onerror=alert(1)>${alert(1)}"
    svg = diagram({}, SD1, translate=lambda template: template + hostile.replace("{", "{{").replace("}", "}}"))
    assert "<img" not in svg
    assert "${" not in svg
    titles = [title.text or "" for title in ElementTree.fromstring(svg).iter(f"{SVG}title")]
    assert any(hostile in title for title in titles)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (-0.0001, "0"), (1, "1"), (0.5, "0.5"), (-1.25, "-1.25"), (0.1234, "0.123")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text


def test_the_key_explains_the_colours_of_its_mode() -> None:
    assert "above 1" in legend()
    assert "not in this LoRA" in legend()
