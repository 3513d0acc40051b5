"""Fewer ranks, smaller files, sliders and the methods against interference."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.numbers.ranks import Fixed, SvCumulative, SvFro, SvRatio
from lib_lbw.merge.recipe import Method, Ranks, Recipe, Source
from tests.lora.make_lora import LoraFiles
from tests.merge.merging import LAYERS, METADATA, Made, delta, distance, merged, prompt_sum

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "unet.mid_block.resnets.0.conv1"
TE = "te1.text_model.encoder.layers.0.mlp.fc1"


def spectrum(path: Path, values: list[float]) -> Path:
    """Write a LoRA with one layer that has these singular values."""
    generator = torch.Generator().manual_seed(0)
    rank = len(values)
    left, right = (
        torch.linalg.qr(torch.randn(16, rank, generator=generator, dtype=torch.float64))[0] for _ in range(2)
    )
    name = "lora_unet_mid_block_attentions_0_proj_in"
    up = left * torch.tensor(values, dtype=torch.float64)
    state = {
        f"{name}.lora_up.weight": up.float().contiguous(),
        f"{name}.lora_down.weight": right.T.float().contiguous(),
    }
    return LoraFiles(path).save("a", {key: tensor.float().contiguous() for key, tensor in state.items()}, METADATA)


VALUES = [10.0, 5.0, 2.0, 1.0, 0.5, 0.25, 0.125]


@pytest.mark.parametrize(
    ("rule", "rank"),
    [(Fixed(4), 4), (SvRatio(6.0), 3), (SvRatio(1.5), 1), (SvFro(0.95), 2), (SvCumulative(0.8), 3), (SvFro(1.0), 7)],
)
def test_a_rule_keeps_the_least_ranks_that_satisfy_it(tmp_path: Path, rule: Fixed | SvFro, rank: int) -> None:
    source = spectrum(tmp_path, VALUES)
    result = merged(Recipe("resize", (Source(source),), tmp_path / "out.safetensors", ranks=Ranks(rule=rule)))
    assert result.ranks == {rank: 1}
    lost = sum(value**2 for value in VALUES[rank:]) / sum(value**2 for value in VALUES)
    assert result.error == pytest.approx(lost**0.5, abs=1e-6)
    assert result.kept["MID"] == pytest.approx(1 - lost, abs=1e-6)


def test_a_rule_stays_under_the_caps(tmp_path: Path) -> None:
    path = Made({LAYER: "lora", CONV: "lora", TE: "lora"}, rank=6).write(tmp_path, "a")
    ranks = Ranks(5, conv=3, te=2, rule=SvFro(1.0))
    result = merged(Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=ranks))
    found = {str(module.id): module.rank for module in LoraFile(result.path).modules}
    assert found == {LAYER: 5, CONV: 3, TE: 2}


def test_strength_and_alpha_survive_a_resize(tmp_path: Path) -> None:
    path = Made({LAYER: "lora"}, rank=4, alpha=0.5).write(tmp_path, "a")
    result = merged(Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=Ranks(rule=Fixed(4))))
    assert distance(result.path, (Source(path),), ModuleId.parse(LAYER)) < 1e-6
    (module,) = LoraFile(result.path).modules
    assert module.alpha == module.rank == 4


def test_a_dora_keeps_its_magnitude(tmp_path: Path) -> None:
    path = Made({LAYER: "dora"}, rank=4).write(tmp_path, "a")
    result = merged(Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=Ranks(2)))
    before, after = LoraFile(path), LoraFile(result.path)
    (module,) = after.modules
    assert module.dora
    assert module.rank == 2
    old, new = before.read(before.modules[0]), after.read(module)
    assert new["dora_scale"].equal(old["dora_scale"])


@pytest.mark.parametrize("form", ["loha", "lokr", "lokr_full", "full"])
def test_other_algorithms_become_plain_lora(tmp_path: Path, form: str) -> None:
    path = Made({CONV: form}).write(tmp_path, "a")
    result = merged(Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=Ranks(8)))
    (module,) = LoraFile(result.path).modules
    assert (module.algorithm, module.dora) == ("lora", False)
    assert distance(result.path, (Source(path),), module.id) < 1e-6


@given(size=st.integers(32_000, 60_000), dtype=st.sampled_from(["fp16", "fp32"]))
@settings(max_examples=10)
def test_a_file_is_as_large_as_it_may_be(tmp_path: Path, size: int, dtype: str) -> None:
    names = {f"lora_unet_down_blocks_1_attentions_{n}_proj_in": (160, 160) for n in range(2)}
    path = LoraFiles(tmp_path).write("a", names, rank=40, metadata=METADATA)
    recipe = Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=Ranks(size=size))
    result = merged(replace(recipe, dtype=dtype), replace="file")  # type: ignore[arg-type]
    assert result.size == result.path.stat().st_size <= size
    whole = result.ranks == {40: 2}
    assert whole or result.size > size - 20_000  # what was held back for metadata, and one rank


def test_a_size_that_cannot_be_is_told_with_the_least(tmp_path: Path) -> None:
    path = Made(dict.fromkeys(LAYERS, "lora")).write(tmp_path, "a")
    with pytest.raises(MergeError, match="a file of 500 bytes is impossible: with rank 1 in every module it takes"):
        merged(Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=Ranks(size=500)))


@pytest.mark.parametrize("ranks", [Ranks(), Ranks(4)])
def test_a_slider_is_the_difference_at_plus_and_minus_one(tmp_path: Path, ranks: Ranks) -> None:
    b, a = (Made(dict.fromkeys(LAYERS, "lora"), seed=n).write(tmp_path, f"l{n}") for n in range(2))
    result = merged(Recipe("slider", (Source(b), Source(a)), tmp_path / "out.safetensors", ranks=ranks))
    for layer in map(ModuleId.parse, LAYERS):
        for strength in (1.0, -1.0):
            wanted = prompt_sum([(f"<lora:l0:{strength}>", b), (f"<lora:l1:{-strength}>", a)], layer)
            found = prompt_sum([(f"<lora:out:{strength}>", result.path)], layer)
            assert float((found[0] - wanted[0]).norm() / wanted[0].norm()) < 1e-6


def test_a_slider_of_two_that_are_nearly_the_same_is_exact_in_float16(tmp_path: Path) -> None:
    made = Made({LAYER: "lora"}, rank=4, dtype=torch.float16)
    a = made.write(tmp_path, "a")
    file = LoraFile(a)
    tensors = {info.name: file.read(file.modules[0])[role] for role, info in file.modules[0].tensors.items()}
    up = next(name for name in tensors if "lora_up" in name)
    tensors[up] = tensors[up] * 1.01 + 0.001
    b = LoraFiles(tmp_path).save("b", tensors, METADATA)
    sources = (Source(b, 0.7), Source(a, 0.7))
    result = merged(Recipe("slider", sources, tmp_path / "out.safetensors"))
    assert result.error < 2e-3
    assert distance(result.path, (sources[0], replace(sources[1], ratio=-0.7)), ModuleId.parse(LAYER)) < 2e-3


@pytest.mark.parametrize("kind", ["ties", "dare"])
def test_a_method_that_keeps_everything_is_the_sum(tmp_path: Path, kind: str) -> None:
    layers = {LAYER: "lora", CONV: "loha", TE: "lokr_full", "unet.mid_block.resnets.0.norm1": "norm"}
    paths = [Made(layers, rank=1, seed=n).write(tmp_path, f"l{n}") for n in range(2)]
    method = Method(kind, density=1.0)  # type: ignore[arg-type]
    items = (Source(paths[0]), Source(paths[1], 0.0 if kind == "ties" else 0.5))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors", method=method))
    for layer in layers:
        assert distance(result.path, items, ModuleId.parse(layer)) < 1e-6


def test_dare_depends_on_its_seed_alone(tmp_path: Path) -> None:
    paths = [Made({LAYER: "lora"}, rank=4, seed=n).write(tmp_path, f"l{n}") for n in range(2)]
    hashes = [
        merged(
            Recipe("merge", tuple(map(Source, paths)), tmp_path / f"{n}.safetensors", method=Method("dare", seed=seed))
        ).sha256
        for n, seed in enumerate((1, 1, 2))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_common_and_unique_parts_make_the_whole(tmp_path: Path) -> None:
    a = Made({LAYER: "lora", TE: "lora", CONV: "lora"}).write(tmp_path, "a")
    b = Made({LAYER: "lora", CONV: "lora"}, seed=3).write(tmp_path, "b")
    parts = {}
    for kind in ("common", "unique"):
        recipe = Recipe("merge", (Source(a, 0.7), Source(b)), tmp_path / f"{kind}.safetensors", method=Method(kind))
        parts[kind] = LoraFile(merged(recipe).path)
    assert TE not in {str(module.id) for module in parts["common"].modules}
    for layer in map(ModuleId.parse, (LAYER, TE, CONV)):
        whole, common, unique = (delta(file, layer)[0] for file in (LoraFile(a), parts["common"], parts["unique"]))
        assert float((0.7 * whole - common - unique).norm() / whole.norm()) < 1e-6


def test_the_part_of_a_file_outside_itself_is_nothing(tmp_path: Path) -> None:
    a = Made({LAYER: "lora"}).write(tmp_path, "a")
    with pytest.raises(MergeError, match="nothing is left to write"):
        merged(Recipe("merge", (Source(a), Source(a)), tmp_path / "out.safetensors", method=Method("unique")))


@pytest.mark.parametrize(("kind", "share"), [("unique", 0.7), ("common", 0.0)])
def test_biases_and_norms_belong_to_the_unique_part(tmp_path: Path, kind: str, share: float) -> None:
    a = Made({CONV: "full", LAYER: "lora"}).write(tmp_path, "a")
    b = Made({CONV: "lora", LAYER: "lora"}, seed=3).write(tmp_path, "b")
    method = Method(kind)  # type: ignore[arg-type]
    result = merged(Recipe("merge", (Source(a, 0.7), Source(b)), tmp_path / "out.safetensors", method=method))
    own, found = (delta(LoraFile(path), ModuleId.parse(CONV))[1] for path in (a, result.path))
    torch.testing.assert_close(
        found + torch.zeros(8), share * own + torch.zeros(8), rtol=1e-6, atol=1e-7, check_dtype=False
    )


def test_a_size_can_weigh_what_is_lost_by_the_base(tmp_path: Path) -> None:
    """Of two layers with the same spectrum the one whose base is small keeps more ranks."""
    keys = {
        f"unet.mid_block.attentions.0.{name}": f"lora_unet_mid_block_attentions_0_{name}"
        for name in ("proj_in", "proj_out")
    }
    generator = torch.Generator().manual_seed(0)
    factor = torch.linalg.qr(torch.randn(64, 32, generator=generator))[0] * torch.linspace(2, 1, 32)
    state = {f"{key}.lora_up.weight": factor for key in keys.values()}
    state |= {f"{key}.lora_down.weight": factor.T.contiguous().clone() for key in keys.values()}
    state |= {f"{key}.alpha": torch.tensor(32.0) for key in keys.values()}
    lora = LoraFiles(tmp_path).save("a", {key: tensor.contiguous().clone() for key, tensor in state.items()}, METADATA)
    names = "model.diffusion_model.middle_block.1.{}.weight"
    layers = {"proj_in": torch.full((64, 64), 0.01), "proj_out": torch.ones(64, 64)}
    base = tmp_path / "base.safetensors"
    known = {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(8, 768)}
    save_file({names.format(name): tensor for name, tensor in layers.items()} | known, base)
    ranks = Ranks(size=lora.stat().st_size * 3 // 4 + 22_000)
    recipe = Recipe("resize", (Source(lora),), tmp_path / "even.safetensors", ranks=ranks, base=base)
    found = [each.rank or 0 for each in LoraFile(merged(recipe).path).modules]
    assert abs(found[0] - found[1]) <= 1
    weighed = replace(recipe, output=tmp_path / "weighed.safetensors", ranks=replace(ranks, relative=True))
    kept = {str(each.id): each.rank or 0 for each in LoraFile(merged(weighed).path).modules}
    inside, out = (kept[name] for name in keys)
    assert inside > out + 5
    with pytest.raises(MergeError, match="give a size"):
        Ranks(4, relative=True)
    with pytest.raises(MergeError, match="give the base checkpoint"):
        replace(weighed, base=None)
    save_file({names.format("proj_in"): layers["proj_in"]} | known, base)
    with pytest.raises(MergeError, match=r"no layer unet\.mid_block\.attentions\.0\.proj_out"):
        merged(weighed, replace="file")
