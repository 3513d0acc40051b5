"""What other merge tools were measured to get wrong, one test each; 9, of checkpoints: test_into_checkpoint.py."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from lib_lbw.merge.numbers.ranks import SvFro
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from tests.lora.make_lora import LoraFiles, make_roles
from tests.merge.merging import LAYERS, Made, delta, distance, merged

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "unet.mid_block.resnets.0.conv1"
ID = ModuleId.parse(LAYER)


def test_1_factors_are_not_added_one_by_one(tmp_path: Path) -> None:
    items = tuple(Source(Made({LAYER: "lora"}, seed=n).write(tmp_path, f"l{n}")) for n in range(4))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    assert distance(result.path, items, ID) < 1e-6


@pytest.mark.parametrize(("rank", "alpha", "ratio"), [(2, 1.0, 1.0), (5, 1.0, 1.0), (2, 4.0, 1.0), (2, 1.0, 0.3)])
def test_2_concatenation_has_full_strength_and_balance(tmp_path: Path, rank: int, alpha: float, ratio: float) -> None:
    a = Made({LAYER: "lora"}).write(tmp_path, "a")
    b = Made({LAYER: "lora"}, rank=rank, alpha=alpha, seed=1).write(tmp_path, "b")
    items = (Source(a), Source(b, ratio))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    assert result.ranks == {2 + rank: 1}
    assert distance(result.path, items, ID) < 1e-6


def test_3_a_sufficient_rank_loses_nothing_to_a_clamp(tmp_path: Path) -> None:
    roles = make_roles("lora", LAYERS[LAYER], 4)
    steep = {**roles, "lora_up": roles["lora_up"] * torch.tensor([1e3, 1e2, 1.0, 1e-2])}
    key = Made({}).key
    state = {key(LAYER, role): tensor.float().contiguous() for role, tensor in steep.items()}
    a = LoraFiles(tmp_path).save("a", state, {"ss_base_model_version": "sd_v1"})
    b = Made({LAYER: "lora"}, rank=4, seed=3).write(tmp_path, "b")
    items = (Source(a), Source(b, -0.4))
    ranks = Ranks(rule=SvFro(1.0))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors", ranks=ranks))
    assert distance(result.path, items, ID) < 1e-6


@pytest.mark.parametrize("ratio", [0.5, -1.0, 0.25, -0.3])
@pytest.mark.parametrize("ranks", [Ranks(), Ranks(2)])
@pytest.mark.parametrize("count", [1, 2])
def test_4_ratios_are_neither_squared_nor_rooted(tmp_path: Path, ratio: float, ranks: Ranks, count: int) -> None:
    items = (Source(Made({LAYER: "lora"}).write(tmp_path, "a"), ratio),)
    if count == 2:
        empty = Source(Made({CONV: "lora"}, seed=5).write(tmp_path, "b"))
        items = (*items, empty)
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors", ranks=ranks))
    assert distance(result.path, items[:1], ID) < 1e-6


def test_5_no_matrix_is_decomposed_that_is_larger_than_the_ranks(tmp_path: Path, monkeypatch: Any) -> None:
    paths = [
        LoraFiles(tmp_path).write(
            f"l{n}",
            {"lora_unet_mid_block_resnets_0_conv1": (320, 160, 3, 3)},
            rank=8,
            seed=n,
            metadata={"ss_base_model_version": "sd_v1"},
        )
        for n in range(2)
    ]
    sides: list[int] = []
    for name in ("svd", "svdvals", "eigh"):
        original = getattr(torch.linalg, name)

        def small(matrix: torch.Tensor, *rest: Any, original: Any = original, **options: Any) -> Any:
            sides.append(min(matrix.shape))
            return original(matrix, *rest, **options)

        monkeypatch.setattr(torch.linalg, name, small)
    merged(Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors", ranks=Ranks(8)))
    assert sides
    assert max(sides) <= 16


@pytest.mark.parametrize("dtype", ["fp16", "bf16", "fp32"])
def test_6_the_hash_is_of_what_was_saved_and_the_rank_the_new_one(tmp_path: Path, dtype: Any) -> None:
    items = tuple(Source(Made({LAYER: "lora"}, seed=n).write(tmp_path, f"l{n}")) for n in range(2))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors", dtype=dtype))
    header = read_header(result.path)
    payload = result.path.read_bytes()[header.data_start :]
    assert header.metadata["sshs_model_hash"] == hashlib.sha256(payload).hexdigest() == result.sha256
    assert header.metadata["modelspec.hash_sha256"] == f"0x{result.sha256}"
    assert (header.metadata["ss_network_dim"], header.metadata["ss_network_alpha"]) == ("4", "4")


@pytest.mark.parametrize("form", ["loha", "lokr", "lokr_pairs", "lokr_full", "loha_tucker", "lokr_tucker"])
@pytest.mark.parametrize("weight", ["0.5", "-0.5", "-1"])
def test_7_lycoris_takes_any_weight_once(tmp_path: Path, form: str, weight: str) -> None:
    path = Made({CONV: form}).write(tmp_path, "a")
    items = (Source(path, weights=weight),)
    result = merged(Recipe("bake", items, tmp_path / "out.safetensors"))
    assert distance(result.path, items, ModuleId.parse(CONV)) < 1e-6


def test_7_block_weights_reach_a_loha_of_sdxl(tmp_path: Path) -> None:
    name = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k"
    path = LoraFiles(tmp_path).write("a", {name: (16, 2048)}, "loha", rank=2)
    result = merged(Recipe("bake", (Source(path, weights="IN04@0.25"),), tmp_path / "out.safetensors"))
    (module,) = LoraFile(result.path).modules
    assert module.alpha == 0.5


@pytest.mark.parametrize("form", ["lora", "loha", "lokr"])
@pytest.mark.parametrize("ranks", [Ranks(), Ranks(3)])
def test_8_alpha_over_rank_counts_once(tmp_path: Path, form: str, ranks: Ranks) -> None:
    made = {LAYER: form}
    a = Made(made, rank=8, alpha=2.0).write(tmp_path, "a")
    items = (Source(a), Source(Made({CONV: "lora"}, seed=4).write(tmp_path, "b")))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors", ranks=ranks))
    wanted, found = (delta(LoraFile(path), ID)[0] for path in (a, result.path))
    scale = float(wanted @ found / (wanted @ wanted))
    assert scale == pytest.approx(1.0, abs=1e-6 if ranks == Ranks() else 0.4)
    assert scale > 0.6  # 0.25 or 0.5 would be alpha / rank once more


def test_no_q_k_v_of_the_second_text_encoder_is_lost(tmp_path: Path) -> None:
    names = [f"lora_te2_text_model_encoder_layers_0_self_attn_{part}_proj" for part in "qkv"]
    paths = [LoraFiles(tmp_path).write(f"l{n}", dict.fromkeys(names, (8, 8)), seed=n) for n in range(2)]
    result = merged(Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors"))
    assert sorted(module.spelled for module in LoraFile(result.path).modules) == sorted(names)


@pytest.mark.parametrize("alpha", [1.0, -2.0])
@pytest.mark.parametrize("weight", ["-0.5", "0.5"])
def test_no_alpha_is_negative(tmp_path: Path, alpha: float, weight: str) -> None:
    path = Made({LAYER: "lora", CONV: "loha"}, alpha=alpha).write(tmp_path, "a")
    items = (Source(path, weights=weight),)
    result = merged(Recipe("bake", items, tmp_path / "out.safetensors"))
    for module in LoraFile(result.path).modules:
        assert module.alpha == 0.5 * abs(alpha)
        assert distance(result.path, items, module.id) < 1e-6


def test_the_huge_alpha_of_two_full_lokr_matrices_counts_for_nothing(tmp_path: Path) -> None:
    path = Made({LAYER: "lokr_full"}, alpha=1e10).write(tmp_path, "a")
    items = (Source(path, 0.5),)
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    assert distance(result.path, items, ID) < 1e-6


@pytest.mark.parametrize("form", ["tucker", "loha_tucker", "lokr_tucker"])
def test_a_tucker_core_is_resized_with_its_module(tmp_path: Path, form: str) -> None:
    path = Made({CONV: form}, rank=2).write(tmp_path, "a")
    ranks = Ranks(rule=SvFro(1.0))
    result = merged(Recipe("resize", (Source(path),), tmp_path / "out.safetensors", ranks=ranks))
    (module,) = LoraFile(result.path).modules
    assert (module.algorithm, module.tucker) == ("lora", False)
    assert distance(result.path, (Source(path),), ModuleId.parse(CONV)) < 1e-6


def test_blocks_without_a_value_are_off_as_in_the_picture(tmp_path: Path) -> None:
    names = {"lora_unet_down_blocks_0_downsamplers_0_conv": (4, 4, 3, 3), "lora_unet_mid_block_resnets_0_conv1": (4, 4)}
    path = LoraFiles(tmp_path).write("a", names, metadata={"ss_base_model_version": "sd_v1"})  # IN03 is not in 17
    weights = ",".join(["1"] * 16 + ["0.5"])
    plan_items = (Source(path, weights=weights),)
    result = merged(Recipe("merge", plan_items, tmp_path / "out.safetensors"))
    assert [str(module.id) for module in LoraFile(result.path).modules] == [CONV]
    assert any("silences" in str(notice) for notice in result.notices)
