"""The pre-flight: what is refused, what it will cost, and what the LoRAs have in common."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import FamilyError, LoraFileError, MergeError
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.measuring import measure
from lib_lbw.merge.numbers.ranks import Fixed
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Method, Ranks, Recipe, Source
from lib_lbw.merge.report import plan_report
from lib_lbw.merge.run import run_merge
from lib_lbw.merge.sources import directive_of, source_of
from lib_lbw.merge.stored import find_sources, recipe_of
from lib_lbw.weights.grammar import parse_directive
from tests.lora.make_lora import LoraFiles
from tests.merge.merging import LAYERS, METADATA, ON_BASE, Made, delta, merged

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "unet.mid_block.resnets.0.conv1"


def test_two_families_are_refused_naming_both_and_why(tmp_path: Path) -> None:
    files = LoraFiles(tmp_path)
    name = "lora_unet_{}_attn2_to_k"
    one = files.write("one", {name.format("down_blocks_1_attentions_0_transformer_blocks_0"): (8, 768)})
    xl = files.write("xl", {name.format("input_blocks_4_1_transformer_blocks_0"): (8, 2048)})
    with pytest.raises(FamilyError) as caught:
        plan_merge(Recipe("merge", (Source(one), Source(xl)), tmp_path / "out.safetensors"))
    said = str(caught.value)
    for part in ("one.safetensors", "xl.safetensors", "Stable Diffusion 1.x", "Stable Diffusion XL", "768", "2048"):
        assert part in said


@pytest.mark.parametrize("form", ON_BASE)
def test_what_needs_the_base_is_refused_beside_another_and_converted_with_it(tmp_path: Path, form: str) -> None:
    a, b = Made({LAYER: form}).write(tmp_path, "a"), Made({LAYER: "lora"}, seed=1).write(tmp_path, "b")
    items = (Source(a, 0.7), Source(b, -0.5))
    recipe = Recipe("merge", items, tmp_path / "out.safetensors")
    plan = plan_merge(recipe)
    (refused,) = plan.refused
    assert str(refused.module) == LAYER
    assert "give the base checkpoint" in str(refused.reason)
    with pytest.raises(MergeError, match="1 module cannot be merged"):
        run_merge(plan)
    base = checkpoint(tmp_path)
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors", base=base[0]))
    weight = base[1][LAYER]
    file = LoraFile(a)
    own = module_delta(file.modules[0], file.read(file.modules[0]), base=weight, dtype=torch.float64).weight
    assert own is not None
    wanted = 0.7 * own.flatten() - 0.5 * delta(LoraFile(b), ModuleId.parse(LAYER))[0]
    found = delta(LoraFile(result.path), ModuleId.parse(LAYER))[0]
    assert float((found - wanted).norm() / wanted.norm()) < 1e-6


def checkpoint(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """Write a checkpoint with the tested layer, and tell its weights."""
    weight = torch.randn(12, 8, generator=torch.Generator().manual_seed(3))
    names = {
        "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": weight,
        "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(12, 768),
    }
    path = folder / "model.safetensors"
    save_file(names, path)
    return path, {LAYER: weight}


def test_a_layer_that_the_base_lacks_is_refused(tmp_path: Path) -> None:
    a = Made({CONV: "oft"}).write(tmp_path, "a")
    plan = plan_merge(Recipe("bake", (Source(a, 0.5),), tmp_path / "out.safetensors", base=checkpoint(tmp_path)[0]))
    assert "the base checkpoint has no such layer, which OFT needs" in str(plan.obstacle)


def test_what_is_refused_can_be_left_out(tmp_path: Path) -> None:
    a = Made({LAYER: "oft", CONV: "lora"}).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(a, 0.5),), tmp_path / "out.safetensors", leave_out=True))
    assert [str(module.id) for module in LoraFile(result.path).modules] == [CONV]


def test_layers_of_other_shapes_are_named(tmp_path: Path) -> None:
    files = LoraFiles(tmp_path)
    paths = [files.write(f"l{n}", {"lora_unet_conv_in": (8, n, 3, 3)}, metadata=METADATA) for n in (4, 9)]
    plan = plan_merge(Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors"))
    assert "unet.conv_in (the layers differ: l4 [8, 4, 3, 3], l9 [8, 9, 3, 3])" in str(plan.obstacle)


def test_a_linear_and_a_1x1_convolution_are_one_layer(tmp_path: Path) -> None:
    files = LoraFiles(tmp_path)
    name = "lora_unet_mid_block_attentions_0_proj_in"
    paths = [files.write(f"l{n}", {name: shape}, metadata=METADATA) for n, shape in enumerate([(8, 8), (8, 8, 1, 1)])]
    assert merged(Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors")).ranks == {8: 1}


def test_the_estimate_is_near_the_file(tmp_path: Path) -> None:
    names = {f"lora_unet_down_blocks_1_attentions_{n}_proj_in": (320, 320) for n in range(2)}
    paths = [LoraFiles(tmp_path).write(f"l{n}", names, rank=16, seed=n, metadata=METADATA) for n in range(2)]
    for ranks in (Ranks(), Ranks(8)):
        plan = plan_merge(
            Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors", ranks=ranks), replace="file"
        )
        assert run_merge(plan).size == pytest.approx(plan.estimate.size, rel=0.2)
        assert plan.estimate.memory > 0
        assert plan.estimate.seconds > 0


def test_the_report_tells_ranks_blocks_and_ways(tmp_path: Path) -> None:
    a = Made(dict.fromkeys(LAYERS, "lora"), rank=2).write(tmp_path, "a")
    b = Made({LAYER: "lora", CONV: "full"}, rank=3).write(tmp_path, "b")
    plan = plan_merge(Recipe("merge", (Source(a, 0.5, weights="OUTALL"), Source(b)), tmp_path / "out.safetensors"))
    report = plan_report(plan)
    assert report["family"] == "sd1"
    assert report["ways"] == {"keep": 5}
    assert report["silent"] == 0
    assert [source["modules"] for source in report["sources"]] == [3, 2]
    assert report["obstacle"] is None
    plan = plan_merge(Recipe("merge", (Source(a, 0.5), Source(b)), tmp_path / "out.safetensors"))
    assert plan_report(plan)["blocks"]["IN04"] == {"modules": 1, "most_ranks": 5}
    assert {job.way for job in plan.jobs} == {"keep", "concat", "dense"}


def test_energies_and_overlaps_of_blocks(tmp_path: Path) -> None:
    a = Made({LAYER: "lora", CONV: "lora"}).write(tmp_path, "a")
    b = Made({CONV: "lora"}, seed=5).write(tmp_path, "b")
    items = (Source(a, 2.0), Source(a, -1.0), Source(b))
    plan = plan_merge(Recipe("merge", items, tmp_path / "out.safetensors", method=Method("ties")))
    found = measure(plan)
    size = float(delta(LoraFile(a), ModuleId.parse(LAYER))[0].square().sum())
    assert found.energies[0]["IN04"] == pytest.approx(4 * size)
    assert set(found.energies[2]) == {"MID"}
    by_pair = {(each.first, each.second, each.block): each for each in found.overlaps}
    assert by_pair[0, 1, "IN04"].cosine == pytest.approx(-1.0)
    assert abs(by_pair[0, 2, "MID"].cosine) < 0.5
    assert 0 < by_pair[0, 2, "MID"].expected < 0.3


def test_the_base_is_known_by_its_payload_wherever_it_lies(tmp_path: Path) -> None:
    a = Made({LAYER: "dora"}).write(tmp_path, "a")
    first = merged(Recipe("bake", (Source(a, 0.5),), tmp_path / "one.safetensors", base=checkpoint(tmp_path)[0]))
    base = recipe_of(first.path).base
    assert base is not None
    moved = tmp_path / "models" / "renamed.safetensors"
    moved.parent.mkdir()
    base.rename(moved)
    found = find_sources(recipe_of(first.path), [tmp_path])
    assert found.base == moved
    assert merged(replace(found, output=tmp_path / "two.safetensors")).sha256 == first.sha256
    moved.write_bytes(moved.read_bytes()[:-1] + b"\x01")
    with pytest.raises(MergeError, match="is not there any more"):
        find_sources(recipe_of(first.path), [tmp_path])
    with pytest.raises(MergeError, match="was changed since"):
        merged(replace(found, output=tmp_path / "three.safetensors"))


@pytest.mark.parametrize(("weights", "told"), [("MID@R", True), ("MID@U", True), ("MID@X", False), ("OUTALL", False)])
def test_random_weights_are_told_with_their_seed(tmp_path: Path, weights: str, told: bool) -> None:
    a = Made({CONV: "lora", LAYER: "lora"}).write(tmp_path, "a")
    recipe = Recipe("bake", (Source(a, weights=weights, seed=7, x=0.5),), tmp_path / "out.safetensors")
    sentence = "a: R and U are drawn from the seed 7, and the result holds the numbers."
    assert (sentence in map(str, plan_merge(recipe).notices)) == told


def test_a_reason_is_told_once(tmp_path: Path) -> None:
    a = Made({LAYER: "oft", CONV: "oft"}).write(tmp_path, "a")
    obstacle = plan_merge(Recipe("bake", (Source(a, 0.5),), tmp_path / "out.safetensors")).obstacle
    assert str(obstacle).startswith(f"2 modules cannot be merged: {LAYER}, {CONV} (a: OFT is either on or off")
    assert str(obstacle).count("OFT") == 1


def test_unknown_tensors_are_told_and_embeddings_passed_on(tmp_path: Path) -> None:
    files = LoraFiles(tmp_path)
    extra = {"bundle_emb.word.string_to_param.*": torch.ones(2, 4), "something.else": torch.ones(1)}
    path = files.save("a", {**extra, "lora_unet_conv_in.diff": torch.ones(8, 4, 3, 3)}, METADATA)
    result = merged(Recipe("merge", (Source(path, 0.5),), tmp_path / "out.safetensors"))
    assert any("something.else" in str(notice) for notice in result.notices)
    assert LoraFile(result.path).unknown_keys == ("bundle_emb.word.string_to_param.*",)
    clash = {"bundle_emb.word.string_to_param.*": torch.zeros(2, 4), "lora_unet_conv_in.diff_b": torch.ones(8)}
    other = files.save("b", clash, METADATA)
    with pytest.raises(MergeError, match=r"a and b both bring the embedding bundle_emb\.word"):
        merged(Recipe("merge", (Source(path), Source(other)), tmp_path / "two.safetensors"))


@pytest.mark.parametrize("item", ["start=5", "stop=0.5", "step=3-8", "dyn=4"])
def test_what_changes_while_drawing_cannot_be_merged(item: str) -> None:
    with pytest.raises(MergeError, match="cannot be put into a file"):
        source_of(parse_directive(f"<lora:a:1:{item}>"), Path("a.safetensors"))


@pytest.mark.parametrize(
    "tag", ["<lora:a:0.7:lbw=OUTALL>", "<lora:a:0.5:-0.25:lbwe=ATTNDEEPON>", "<lora:a:1:lbw=X,1:x=0.3>"]
)
def test_a_tag_becomes_the_source_that_weighs_the_same(tmp_path: Path, tag: str) -> None:
    directive = parse_directive(tag)
    again = directive_of(source_of(directive, tmp_path / "a.safetensors"))
    assert (again.te, directive.te if again.unet is None else again.unet) == (
        directive.te,
        directive.te if directive.unet is None else directive.unet,
    )
    assert (again.weights, again.elements, again.x) == (directive.weights, directive.elements, directive.x)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"operation": "bake", "count": 2}, "bake takes 1 LoRA"),
        ({"operation": "slider", "count": 1}, "slider takes 2 LoRA"),
        ({"operation": "resize", "count": 1}, "a resize needs a rank"),
        ({"operation": "bake", "count": 1, "ranks": Ranks(4)}, "resize changes them"),
        ({"operation": "merge", "count": 0}, "name at least one LoRA"),
        ({"operation": "merge", "count": 3, "method": Method("common")}, "that of two LoRAs, not of 3"),
    ],
)
def test_recipes_that_contradict_themselves(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    count = options.pop("count")
    with pytest.raises(MergeError, match=sentence):
        Recipe(**options, sources=(Source(tmp_path / "a.safetensors"),) * count, output=tmp_path / "out.safetensors")


def test_impossible_numbers() -> None:
    with pytest.raises(MergeError, match="no ratio"):
        Source(Path("a"), float("nan"))
    with pytest.raises(MergeError, match="a rank of 0"):
        Ranks(0)
    with pytest.raises(MergeError, match="leave one out"):
        Ranks(rule=Fixed(1), size=10)
    with pytest.raises(MergeError, match="density of 0"):
        Method("ties", density=0.0)


def test_a_missing_file_is_told_by_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(LoraFileError, match="does not exist"):
        plan_merge(Recipe("merge", (Source(tmp_path / "a.safetensors"),), tmp_path / "out.safetensors"))
