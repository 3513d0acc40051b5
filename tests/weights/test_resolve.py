import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks.family import Family, families, family
from lib_lbw.blocks.generic import generic_family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import BlockCountError, DirectiveError, FamilyError
from lib_lbw.weights.directive import PresetTerm, Value, Vector, Weights
from lib_lbw.weights.grammar import find_directives, format_directive, parse_directive
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.resolve import BlockWeights, Notice, resolve
from tests.weights.strategies import real_directives

NEW = generic_family(
    [ModuleId("transformer", f"strange_layers.{n}.attn.to_q") for n in range(5)]
    + [ModuleId("transformer", "odd_adapter.proj"), ModuleId("te1", "text_model.encoder.layers.0.mlp.fc1")]
)
SD1, SDXL, FLUX = family("sd1"), family("sdxl"), family("flux")
IN = [f"IN{n:02d}" for n in range(12)]
OUT = [f"OUT{n:02d}" for n in range(12)]


def weigh(items: str, model: Family = SD1, **options: Any) -> BlockWeights:
    return resolve(parse_directive(f"<lora:a:1:{items}>"), model, **options)


def blocks(items: str, model: Family = SD1, **options: Any) -> dict[str, float]:
    return dict(weigh(items, model, **options).weights)


def module(path: str, component: str = "unet") -> ModuleId:
    return ModuleId(component, path)


def layer(number: int, rest: str = "attn1.to_q") -> ModuleId:
    """A module of transformer layer `number` in OUT01 of an SDXL U-Net."""
    return module(f"up_blocks.0.attentions.1.transformer_blocks.{number}.{rest}")


def values_of(weights: Weights | None) -> list[Value]:
    """Every value of weights that name no preset."""
    if weights is None or isinstance(weights, Vector):
        return list(weights.values) if weights else []
    assert not any(isinstance(term, PresetTerm) for term in weights.terms)
    return [term.value for term in weights.terms if not isinstance(term, PresetTerm)]


@given(st.data(), st.sampled_from([*families(), NEW]), st.integers(0, 2**32))
def test_numbers_alone_resolve_to_the_same_weights_again(data: st.DataObject, model: Family, seed: int) -> None:
    weights = resolve(data.draw(real_directives(model)), model, seed=seed)
    resolved = weights.resolved()
    assert (resolved.x, resolved.elements) == (None, None)
    assert all(value.kind == "number" for value in values_of(resolved.weights))
    assert (
        resolve(parse_directive(format_directive(resolved)), model, presets=PresetBook.parse(""), seed=seed + 1)
        == weights
    )


@given(st.data(), st.sampled_from([*families(), NEW]))
def test_weights_survive_json(data: st.DataObject, model: Family) -> None:
    weights = resolve(data.draw(real_directives(model)), model, present=model.blocks)
    again = BlockWeights.from_json(json.loads(json.dumps(weights.to_json())))
    assert again == weights
    assert again.notices == weights.notices


@pytest.mark.parametrize("model", [*families(), NEW], ids=lambda model: model.id)
def test_no_weights_is_the_plain_lora(model: Family) -> None:
    weights = resolve(parse_directive("<lora:a:0.7>"), model)
    assert weights.constant == 1.0
    assert weights.weights == tuple((leaf, 1.0) for leaf in model.blocks)
    assert (weights.te, weights.unet) == (0.7, 0.7)


@pytest.mark.parametrize("model", [*families(), NEW], ids=lambda model: model.id)
@pytest.mark.parametrize(("name", "weight"), [("ALL", 1.0), ("NONE", 0.0), ("ALL0.5", 0.5)])
def test_a_constant_scales_the_whole_lora_in_every_family(model: Family, name: str, weight: float) -> None:
    for items in (f"lbw={name}", f"lbw={weight}", "lbw=" + ",".join([str(weight)] * model.attention_length), name):
        weights = weigh(items, model, present=model.blocks)
        assert weights.weights == tuple((leaf, weight) for leaf in model.blocks)
        assert weights.constant == weight
        assert weights.notices == ()


def test_an_old_17_preset_all_is_all_on_sdxl_too() -> None:
    book = PresetBook.parse("ALL:" + ",".join(["1"] * 17))
    assert weigh("lbw=ALL", SDXL, presets=book, present=SDXL.blocks).constant == 1.0


def test_a_constant_means_the_same_whatever_the_length_but_a_length_of_no_family_is_a_mistake() -> None:
    old = PresetBook.parse("HALF:" + ",".join(["0.5"] * 17))
    assert weigh("lbw=HALF", FLUX, presets=old).constant == 0.5
    assert weigh("lbw=" + ",".join(["0.5"] * 17), FLUX).constant == 0.5
    assert weigh("lbw=" + ",".join(["X"] * 61) + ":x=0.3", SD1).constant == 0.3
    with pytest.raises(BlockCountError):
        weigh("lbw=" + ",".join(["1"] * 16), SD1)
    with pytest.raises(BlockCountError):
        weigh("lbw=" + ",".join(["R"] * 17), FLUX)


def test_a_vector_goes_by_name_and_the_rest_is_0() -> None:
    values = [n / 10 for n in range(17)]
    found = blocks("lbw=" + ",".join(map(str, values)))
    named = dict(zip(SD1.layouts[17], values, strict=True))
    named["TE1"] = named.pop("BASE")
    assert found == {leaf: 1.0 if leaf == "OTHER" else named.get(leaf, 0.0) for leaf in SD1.blocks}


def test_silenced_blocks_that_the_file_holds_are_told() -> None:
    items = "lbw=1,0,1,0,1,0,1,0,1,0,1,0,1,0,1,0,1"
    [notice] = weigh(items, SDXL, present=["TE1", "IN01", "OUT00", "OUT01", "OUT02", "OTHER"]).notices
    assert "17" in str(notice)
    assert "OUT00 OUT01 OUT02" in str(notice)
    assert "IN0" not in str(notice)
    assert weigh(items, SDXL, present=["TE1", "IN01", "OUT05"]).notices == ()
    assert weigh(items, SDXL).notices == ()


def test_a_block_that_is_named_later_is_not_silenced() -> None:
    book = PresetBook.parse("A:1,0,1,0,1,0,1,0,1,0,1,0,1,0,1,0,1")
    notices = weigh("lbw=A,OUT00-OUT01@1", SDXL, presets=book, present=["OUT00", "OUT01", "OUT02"]).notices
    assert [str(notice) for notice in notices if "silences" in str(notice)] == [
        "a vector of 17 values silences OUT02, which this LoRA holds (Stable Diffusion XL)"
    ]


def test_a_26_vector_on_sdxl_goes_by_name() -> None:
    found = blocks("lbw=" + ",".join(map(str, range(26))), SDXL)
    named = dict(zip(SDXL.layouts[26], map(float, range(26)), strict=True))
    assert found == {leaf: named.get(leaf, 0.0) for leaf in SDXL.blocks} | {"TE1": 0.0, "TE2": 0.0, "OTHER": 1.0}


def test_a_preset_of_a_foreign_length_goes_by_name_and_says_so() -> None:
    weights = weigh("lbw=FACE", SDXL)
    assert [leaf for leaf, weight in weights.weights if weight] == ["TE1", "TE2", "OUT03", "OUT04", "OUT05", "OTHER"]
    assert str(weights.notices[0]).startswith("preset FACE has 26 values")
    assert weigh("lbw=FACE", SD1).notices == ()


def test_the_line_that_covers_every_block_is_used_first() -> None:
    book = PresetBook.parse("A:" + ",".join(["1", *"0" * 16]) + "\nA:" + ",".join(["2", *"0" * 25]) + "\nA:5\n")
    assert blocks("lbw=A", presets=book)["TE1"] == 2.0
    assert blocks("lbw=A", FLUX, presets=book)["T5"] == 5.0


def test_base_is_all_text_encoders() -> None:
    assert blocks("lbw=ALL,BASE@0.5", SDXL) == {leaf: 0.5 if leaf[:2] == "TE" else 1.0 for leaf in SDXL.blocks}
    assert blocks("lbw=BASE@0,TE2@0.5", SDXL)["TE1"] == 0.0
    assert blocks("lbw=BASE@0,TE2@0.5", SDXL)["TE2"] == 0.5
    assert blocks("lbw=BASE@0.5,T5@0", FLUX)["CLIP"] == 0.5
    assert blocks("lbw=BASE@0.5,T5@0", FLUX)["T5"] == 0.0


def test_terms_apply_from_left_to_right() -> None:
    assert blocks("lbw=ALL,OUT01@0.8") == {leaf: 0.8 if leaf == "OUT01" else 1.0 for leaf in SD1.blocks}
    assert blocks("lbw=OUT01@0.8,ALL") == dict.fromkeys(SD1.blocks, 1.0)
    assert blocks("lbw=OUT01@0.8,OUT00-OUT02@0.5")["OUT01"] == 0.5


def test_a_bare_number_sets_everything() -> None:
    assert blocks("lbw=0,OUT00-OUT01@1") == {leaf: float(leaf in ("OUT00", "OUT01")) for leaf in SD1.blocks}


def test_not_is_every_other_block_and_other_is_no_block() -> None:
    assert blocks("lbw=1,NOT BASE@0.5", SDXL) == {
        leaf: 1.0 if leaf in ("TE1", "TE2", "OTHER") else 0.5 for leaf in SDXL.blocks
    }
    assert blocks("lbw=NOT IN00-OUT10@0")["TE1"] == 0.0
    assert blocks("lbw=not in01@0")["IN01"] == 1.0


def test_other_is_1_unless_it_is_named_or_the_vector_is_constant() -> None:
    assert blocks("lbw=INS")["OTHER"] == 1.0
    assert blocks("lbw=INS,OTHER@0.3")["OTHER"] == 0.3
    assert blocks("lbw=INS,OTHER@0.3")["IN01"] == 1.0


def test_a_family_known_by_its_modules_only_is_weighed_by_name() -> None:
    assert NEW.id not in {known.id for known in families()}
    first, *_, last = [name for name in NEW.layouts[NEW.full_length] if name[-1].isdigit()]
    found = blocks(f"lbw=0,{first}-{last}@0.5,odd_thing@0.2", NEW)
    assert set(found.values()) == {0.0, 0.5}
    with pytest.raises(DirectiveError):
        blocks("lbw=ZZ99@1", NEW)


@pytest.mark.parametrize("name", ["OUT1", "out01", "Out1"])
def test_block_names_are_lenient(name: str) -> None:
    assert blocks(f"lbw={name}@0") == {leaf: float(leaf != "OUT01") for leaf in SD1.blocks}


def test_m00_is_mid() -> None:
    assert blocks("lbw=M00@0") == blocks("lbw=mid@0")


@pytest.mark.parametrize("text", ["IN08-OUT03", "OUT03-IN08", "in8-out3"])
def test_a_range_runs_either_way_and_passes_mid(text: str) -> None:
    off = {*IN[8:], "MID", *OUT[:4]}
    assert blocks(f"lbw={text}@0") == {leaf: float(leaf not in off) for leaf in SD1.blocks}
    assert blocks(f"lbw={text}@0", SDXL) == {leaf: float(leaf not in off) for leaf in SDXL.blocks}


def test_a_block_without_modules_in_the_family_is_told() -> None:
    weights = weigh("lbw=IN09@0", SDXL)
    assert weights.constant == 1.0
    assert str(weights.notices[0]) == "IN09 has no module in Stable Diffusion XL"


def test_elements_override_the_block_weight() -> None:
    weights = weigh("lbw=OUT01@0.5,OUT01.attn2@0,OUT01.3@0.2", SDXL)
    assert weights.scale(layer(0), SDXL) == 0.5
    assert weights.scale(layer(0, "attn2.to_k"), SDXL) == 0.0
    assert weights.scale(layer(3), SDXL) == 0.2
    assert weights.scale(layer(3, "attn2.to_k"), SDXL) == 0.2
    assert weights.scale(module("up_blocks.0.attentions.0.proj_in"), SDXL) == 1.0


def test_a_block_after_its_element_overrides_it() -> None:
    assert weigh("lbw=OUT01-OUT02.attn2@0,OUT01@0.8", SDXL).scale(layer(0, "attn2.to_k"), SDXL) == 0.8
    assert weigh("lbw=attn2@0,ALL", SDXL).constant == 1.0


@pytest.mark.parametrize(
    ("target", "module", "expected"),
    [
        ("attn1", layer(0), 0.0),
        ("attn1", layer(0, "attn2.to_q"), 1.0),
        ("NOT attn1", layer(0), 1.0),
        ("NOT attn1", layer(0, "attn2.to_q"), 0.0),
        ("NOT attn1", module("time_embedding.linear_1"), 0.0),
        ("NOT OUT01.attn1", layer(0), 1.0),
        ("NOT OUT01.attn1", layer(0, "ff.net.0.proj"), 0.0),
        ("NOT OUT01.attn1", module("mid_block.resnets.0.conv1"), 0.0),
        ("NOT OUT01 attn1", layer(0, "ff.net.0.proj"), 1.0),
        ("NOT OUT01 attn1", module("mid_block.attentions.0.transformer_blocks.0.attn1.to_q"), 1.0),
        ("NOT OUT01 attn1", module("mid_block.resnets.0.conv1"), 0.0),
        ("1", layer(1), 0.0),
        ("1", layer(11), 1.0),
        ("OUT00 OUT01.conv", module("up_blocks.0.resnets.1.conv1"), 0.0),
        ("OUT00 OUT01.conv", layer(0), 1.0),
    ],
)
def test_what_a_target_reaches(target: str, module: ModuleId, expected: float) -> None:
    assert weigh(f"lbw=ALL,{target}@0", SDXL).scale(module, SDXL) == expected


def test_an_elemental_preset_lies_over_the_weights() -> None:
    book = ElementBook.parse("A:OUT01:attn1:0.3,NOT OUT01:attn1:0.4\n:NOT attn1:0.5\n\nB:MID::0")
    weights = weigh("lbw=0.9,OUT01.attn1@0.1:lbwe=A", SDXL, elements=book)
    assert weights.scale(layer(2), SDXL) == 0.3
    assert weights.scale(module("mid_block.attentions.0.transformer_blocks.0.attn1.to_q"), SDXL) == 0.4
    assert weights.scale(layer(2, "ff.net.2"), SDXL) == 0.5
    assert blocks("lbw=0.9:lbwe=B", SDXL, elements=book) == {
        leaf: 0.0 if leaf == "MID" else 0.9 for leaf in SDXL.blocks
    }


def test_multipliers_belong_to_their_part() -> None:
    weights = resolve(parse_directive("<lora:a:0.5:2:lbw=ALL,IN01@3,TE2@0.1>"), SDXL)
    assert weights.scale(module("down_blocks.0.resnets.0.conv1"), SDXL) == 6.0
    assert weights.scale(module("text_model.encoder.layers.0.mlp.fc1", "te1"), SDXL) == 0.5
    assert weights.scale(module("text_model.encoder.layers.0.mlp.fc1", "te2"), SDXL) == 0.5 * 0.1
    assert weights.scale(module("text_projection", "te2"), SDXL) == 0.5
    assert weights.scale(module("time_embedding.linear_1"), SDXL) == 2.0


def test_weights_fit_one_family_only() -> None:
    with pytest.raises(FamilyError):
        weigh("lbw=ALL", SD1).scale(module("conv_in"), SDXL)
    with pytest.raises(FamilyError):
        weigh("lbw=ALL", SD1).block_weight("OUT99")


@given(st.integers(0, 2**63))
def test_random_weights_come_from_the_seed_and_have_three_decimals(seed: int) -> None:
    items = "lbw=" + ",".join(["R", "U"] * 13)
    once, again = blocks(items, seed=seed), blocks(items, seed=seed)
    assert once == again
    assert once != blocks(items, seed=seed + 1)
    assert all(0 <= once[leaf] <= 1 for leaf in ("TE1", "IN01", "IN11"))
    assert all(-0.5 <= once[leaf] <= 1.5 for leaf in ("IN00", "MID", "OUT01"))
    assert all(weight == round(weight, 3) for weight in once.values())


def test_random_weights_spread_over_their_whole_range() -> None:
    drawn = [blocks(f"lbw={kind},OTHER@0", seed=seed)["MID"] for kind in "RU" for seed in range(300)]
    reds, us = drawn[:300], drawn[300:]
    assert min(reds) < 0.05
    assert max(reds) > 0.95
    assert min(us) < -0.4
    assert max(us) > 1.4


def test_random_weights_never_change_with_the_python_or_the_platform() -> None:
    assert blocks("lbw=0,MID@R,IN01@U", seed=7)["MID"] == 0.149
    assert blocks("lbw=0,MID@R,IN01@U", seed=7)["IN01"] == 1.421


def test_a_block_keeps_its_random_weight_when_another_is_fixed() -> None:
    assert blocks("lbw=R" + ",R" * 25, seed=3)["MID"] == blocks("lbw=0" + ",R" * 25, seed=3)["MID"]


def test_x_is_the_number_of_the_tag_and_1_without_one() -> None:
    assert blocks("lbw=0,MID@X,IN01@X-0.9:x=0.2")["MID"] == 0.2
    assert blocks("lbw=0,MID@X,IN01@X-0.9:x=0.2")["IN01"] == -0.7
    assert blocks("lbw=0,MID@X")["MID"] == 1.0


def test_presets_may_be_made_of_presets() -> None:
    book = PresetBook.parse("A:B,OUT01@0.5\nB:0,MID@X\n")
    found = blocks("lbw=A:x=0.3", presets=book)
    assert {leaf: weight for leaf, weight in found.items() if weight} == {"MID": 0.3, "OUT01": 0.5}


@pytest.mark.parametrize(
    ("items", "model", "text", "nearest"),
    [
        ("lbw=midd", SD1, "midd", "MIDD"),
        ("lbw=ALL,TYPO@1", SD1, "TYPO", None),
        ("lbw=ALL,OTU01@1", SD1, "OTU01", "OUT01"),
        ("lbw=IN01-OUT99@1", SD1, "OUT99", "OUT09"),
        ("lbw=TE2@1", SD1, "TE2", "TE1"),
        ("lbw=OUT01.atn1@1", SD1, "atn1", "attn1"),
        ("lbw=D00@1", SDXL, "D00", None),
        ("lbw=1,0,o,1", SD1, "o", None),
        ("lbwe=ATTNDEEPOF", SD1, "ATTNDEEPOF", "ATTNDEEPOFF"),
        ("lbw=LOOP", SD1, "LOOP", None),
        ("lbw=BROKEN", SD1, "BROKEN", None),
        ("lbw=BAD", SD1, "BAD", "OUT01"),
        ("lbw=BASE-D03@1", FLUX, "BASE-D03", None),
        ("lbw=X+1:x=1000000", SD1, None, None),
    ],
)
def test_what_cannot_be_found_is_shown_with_its_place_and_the_nearest(
    items: str, model: Family, text: str | None, nearest: str | None
) -> None:
    book = PresetBook.shipped().merged(PresetBook.parse("LOOP:ALL,LOOP\nBROKEN:1,,0\nBAD:OTU01@1\n"))
    prompt = f"a girl, <lora:a:1:{items}>"
    [found] = find_directives(prompt)
    assert found.directive is not None
    with pytest.raises(DirectiveError) as caught:
        resolve(found.directive, model, presets=book)
    error = caught.value
    assert error.nearest == nearest
    if text is not None:
        assert error.text == text
        assert prompt[error.position :].startswith(text)
    assert nearest is None or nearest in str(error)


@pytest.mark.parametrize(
    ("count", "model", "nearest"),
    [(16, SD1, "17"), (19, SDXL, "20"), (61, SD1, "26"), (60, FLUX, "61"), (26, FLUX, "61"), (3, SD1, "12")],
)
def test_a_wrong_count_names_what_fits(count: int, model: Family, nearest: str) -> None:
    vector = " 1 , " + ",".join(["0.0"] * (count - 1))
    [found] = find_directives(f"x <lora:a:1:lbw={vector}>")
    assert found.directive is not None
    with pytest.raises(BlockCountError) as caught:
        resolve(found.directive, model)
    assert caught.value.nearest == nearest
    assert caught.value.text == vector.strip()
    assert caught.value.fields["got"] == count
    assert f"x <lora:a:1:lbw={vector}>"[caught.value.position :].startswith(caught.value.text)
    assert all(str(length) in str(caught.value) for length in (count, *model.layouts))


def test_a_preset_in_lengths_that_do_not_fit_names_them() -> None:
    with pytest.raises(BlockCountError, match=r"STYLE.*12 / 20.*61"):
        weigh("lbw=STYLE", FLUX)


def test_a_broken_preset_says_what_is_wrong_with_its_line() -> None:
    with pytest.raises(DirectiveError, match="line 2"):
        weigh("lbw=A", presets=PresetBook.parse("\nA:1,,0"))


def test_a_slip_in_a_key_is_asked_about_and_left_alone() -> None:
    weights = weigh("lwb=ALL:hr=0.5")
    assert weights.extra == (("lwb", "ALL"), ("hr", "0.5"))
    assert [str(notice) for notice in weights.notices] == ["lwb= is left to other extensions; did you mean lbw=?"]


def test_notices_translate() -> None:
    notice = Notice.of("{blocks} off", blocks="IN01")
    assert notice.localized(lambda template: template.replace("off", "aus")) == "IN01 aus"
    assert Notice.from_json(json.loads(json.dumps(notice.to_json()))) == notice


def test_what_the_host_reads_is_handed_through() -> None:
    directive = parse_directive("<lyco:a:0.5:dyn=4:lbw=NONE:stop=3:hr=1>")
    resolved = resolve(directive, SD1).resolved()
    assert format_directive(resolved) == "<lyco:a:0.5:dyn=4:lbw=0:stop=3:hr=1>"


def test_resolved_numbers_read_as_a_vector_where_one_can_say_it() -> None:
    resolved = format_directive(weigh("lbw=MIDD", SDXL).resolved())
    assert resolved == "<lora:a:1:lbw=1,0,0,0,0,0,0,0,1,1,1,1,1,1,0,0,0,0,0,0>"


def test_resolved_numbers_read_as_terms_where_no_vector_can_say_it() -> None:
    weights = weigh("lbw=NONE,OUT00-OUT03@1,TE2@0.5", SDXL)
    assert format_directive(weights.resolved()) == "<lora:a:1:lbw=0,TE2@0.5,OUT00-OUT03@1>"
    assert resolve(weights.resolved(), SDXL) == weights
    apart = weigh("lbw=INS,TE2@0.5", SDXL)
    assert resolve(apart.resolved(), SDXL) == apart


def test_of_two_foreign_lengths_the_one_that_names_more_blocks_is_used() -> None:
    book = PresetBook.parse("A:" + ",".join(["3", *"1" * 25]) + "\nA:" + ",".join(["2", *"1" * 16]))
    assert blocks("lbw=A", SDXL, presets=book)["TE1"] == 3.0


@pytest.mark.parametrize(("items", "told"), [("lbw=1,IN04@0,5", "5"), ("lbw=ALL,0.5", "0.5"), ("lbw=0.5,IN04@0", "")])
def test_a_bare_value_that_writes_over_what_stands_before_is_noticed(items: str, told: str) -> None:
    notices = [str(notice).split(" sets every block")[0] for notice in weigh(items, SD1).notices]
    assert notices == ([told] if told else [])
