"""Flux LoRAs that name, and cut, the layers of one model in two ways: their sum is that of the dense deltas."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from lib_lbw.errors import FamilyError, MergeError
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from lib_lbw.merge.measuring import measure
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.recipe import Kind, Method, Ranks, Recipe, Source
from lib_lbw.merge.report import plan_report
from tests.lora.make_lora import LoraFiles, make_roles
from tests.merge.merging import merged

H = 12
"""Width of the little Flux."""
LAYERS: Mapping[str, tuple[int, int]] = {
    "double_blocks.0.img_attn.qkv": (3 * H, H),
    "double_blocks.0.txt_attn.qkv": (3 * H, H),
    "double_blocks.0.img_attn.proj": (H, H),
    "double_blocks.1.txt_mlp.0": (4 * H, H),
    "double_blocks.1.img_mod.lin": (6 * H, H),
    "single_blocks.2.linear1": (7 * H, H),
    "single_blocks.2.linear2": (H, 5 * H),
    "single_blocks.2.modulation.lin": (3 * H, H),
    "time_in.in_layer": (H, 8),
    "final_layer.linear": (5, H),
    "final_layer.adaLN_modulation.1": (2 * H, H),
}
"""As Black Forest Labs names them."""
SPLIT: Mapping[str, tuple[str, int, int, int]] = {
    "transformer_blocks.0.attn.to_q": ("double_blocks.0.img_attn.qkv", 0, H, H),
    "transformer_blocks.0.attn.to_k": ("double_blocks.0.img_attn.qkv", H, H, H),
    "transformer_blocks.0.attn.to_v": ("double_blocks.0.img_attn.qkv", 2 * H, H, H),
    "transformer_blocks.0.attn.add_q_proj": ("double_blocks.0.txt_attn.qkv", 0, H, H),
    "transformer_blocks.0.attn.add_k_proj": ("double_blocks.0.txt_attn.qkv", H, H, H),
    "transformer_blocks.0.attn.add_v_proj": ("double_blocks.0.txt_attn.qkv", 2 * H, H, H),
    "transformer_blocks.0.attn.to_out.0": ("double_blocks.0.img_attn.proj", 0, H, H),
    "transformer_blocks.1.ff_context.net.0.proj": ("double_blocks.1.txt_mlp.0", 0, 4 * H, H),
    "transformer_blocks.1.norm1.linear": ("double_blocks.1.img_mod.lin", 0, 6 * H, H),
    "single_transformer_blocks.2.attn.to_q": ("single_blocks.2.linear1", 0, H, H),
    "single_transformer_blocks.2.attn.to_k": ("single_blocks.2.linear1", H, H, H),
    "single_transformer_blocks.2.attn.to_v": ("single_blocks.2.linear1", 2 * H, H, H),
    "single_transformer_blocks.2.proj_mlp": ("single_blocks.2.linear1", 3 * H, 4 * H, H),
    "single_transformer_blocks.2.proj_out": ("single_blocks.2.linear2", 0, H, 5 * H),
    "single_transformer_blocks.2.norm.linear": ("single_blocks.2.modulation.lin", 0, 3 * H, H),
    "time_text_embed.timestep_embedder.linear_1": ("time_in.in_layer", 0, H, 8),
    "proj_out": ("final_layer.linear", 0, 5, H),
    "norm_out.linear": ("final_layer.adaLN_modulation.1", 0, 2 * H, H),
}
"""As diffusers names them: the fused layer, the row it begins at, its rows and columns."""
SWAPPED = "norm_out.linear"
MISSING = "transformer_blocks.0.attn.add_k_proj"
"""What the LoRA taken apart does not have."""
ENDS = {"lora_up": "lora_B.weight", "lora_down": "lora_A.weight"}
FUSED_NAMES = {"lora_unet_" + path.replace(".", "_"): path for path in LAYERS}
Dense = dict[str, Tensor]


def write(
    folder: Path, name: str, forms: Mapping[str, str], style: str = "kohya", seed: int = 0, rank: int = 2
) -> Path:
    """Write a LoRA with these layers, of either naming, in the style of kohya, PEFT or OneTrainer."""
    state: dict[str, Tensor] = {}
    for number, (path, form) in enumerate(forms.items()):
        shape = LAYERS.get(path) or SPLIT[path][2:]
        roles = make_roles(form, shape, rank, seed * 100 + number)
        head = "lora_transformer_" if path in SPLIT else "lora_unet_"
        module = f"transformer.{path}" if style == "peft" else head + path.replace(".", "_")
        for role, tensor in {**roles, "alpha": torch.tensor(1.0)}.items():
            end = (ENDS if style == "peft" else {"lora_up": "lora_up.weight", "lora_down": "lora_down.weight"}).get(
                role
            )
            state[f"{module}.{end or role}"] = tensor.float().contiguous()
    return LoraFiles(folder).save(name, state, {"ss_base_model_version": "flux1"})


def dense(path: Path) -> Dense:
    """Return what a file adds to every fused layer, told from the table above alone."""
    file, found = LoraFile(path), {name: torch.zeros(shape, dtype=torch.float64) for name, shape in LAYERS.items()}
    for module in file.modules:
        weight = module_delta(module, file.read(module), dtype=torch.float64).weight
        assert weight is not None
        name = module.id.path
        if name in LAYERS:
            found[name] += weight
            continue
        fused, start, rows, _ = SPLIT[name]
        weight = weight.roll(H, 0) if name == SWAPPED else weight
        found[fused][start : start + rows] += weight
    return found


def names(path: Path) -> set[str]:
    return {module.id.path for module in LoraFile(path).modules}


def apart(found: Dense, wanted: Dense) -> float:
    """Return the greatest distance of a layer, relative to the greatest layer."""
    size = max(float(each.norm()) for each in wanted.values())
    return max(float((found[name] - wanted[name]).norm()) for name in LAYERS) / size


forms = st.sampled_from(["lora", "loha", "lokr", "lokr_full", "full"])
fused_files = st.dictionaries(st.sampled_from(list(LAYERS)), forms, min_size=1)
split_files = st.dictionaries(st.sampled_from(list(SPLIT)), forms, min_size=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.one_of(fused_files, split_files), st.sampled_from([1.0, 0.7, -0.4])), min_size=2, max_size=3),
    st.sampled_from(["kohya", "peft"]),
)
def test_a_sum_over_both_namings_is_the_dense_sum(
    tmp_path: Path, files: list[tuple[dict[str, str], float]], style: str
) -> None:
    heads = ({"double_blocks.0.img_attn.proj": "lora"}, {"transformer_blocks.0.attn.to_out.0": "lora"})
    items = []
    for number, (made, ratio) in enumerate(files):
        fused = next(iter(made)) in LAYERS
        made = {**heads[0 if fused else 1], **made}
        items.append(Source(write(tmp_path, f"l{number}", made, style, seed=number), ratio))
    wanted = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in LAYERS.items()}
    for item in items:
        for name, weight in dense(item.path).items():
            wanted[name] += item.ratio * weight
    result = merged(Recipe("merge", tuple(items), tmp_path / "out.safetensors", dtype="fp32"), replace="file")
    assert apart(dense(result.path), wanted) < 1e-6
    assert result.error < 1e-6
    first = next(iter(files[0][0])) in LAYERS
    assert names(result.path) <= (LAYERS.keys() if first else SPLIT.keys())


def both(folder: Path) -> tuple[Path, Path]:
    fused = write(folder, "fused", dict.fromkeys(LAYERS, "lora"), rank=3)
    layers = [name for name in SPLIT if name != MISSING]
    return fused, write(folder, "split", dict.fromkeys(layers, "lora"), "peft", seed=1)


def test_the_first_lora_decides_how_layers_are_named(tmp_path: Path) -> None:
    one, other = both(tmp_path)
    for items in ((one, other), (other, one)):
        recipe = Recipe("merge", tuple(map(Source, items)), tmp_path / f"{items[0].stem}-first.safetensors")
        assert any("named in two ways" in str(notice) for notice in plan_merge(recipe).notices)
        result = merged(recipe)
        wanted = {name: weight + dense(other)[name] for name, weight in dense(one).items()}
        assert apart(dense(result.path), wanted) < 1e-6
    ranks = {module.id.path: module.rank for module in LoraFile(tmp_path / "fused-first.safetensors").modules}
    assert ranks["double_blocks.0.img_attn.qkv"] == 3 + 3 * 2
    assert ranks["double_blocks.0.img_attn.proj"] == 3 + 2
    keys = read_header(tmp_path / "fused-first.safetensors").tensors.keys()
    assert {key.split(".")[0] for key in keys} <= FUSED_NAMES.keys()
    split = LoraFile(tmp_path / "split-first.safetensors")
    assert all(module.spelled == f"transformer.{module.id.path}" for module in split.modules)
    assert f"transformer.{MISSING}.lora_A.weight" in split.header.tensors


def test_parts_that_share_their_down_take_no_ranks_of_their_own(tmp_path: Path) -> None:
    """As in a fused LoRA that was converted for diffusers: three copies of one down."""
    roles = [make_roles("lora", (H, H), 2, n) for n in range(3)]
    state = {}
    for role, part in zip(roles, "qkv", strict=True):
        name = f"transformer.transformer_blocks.0.attn.to_{part}"
        state |= {
            f"{name}.lora_B.weight": role["lora_up"].float(),
            f"{name}.lora_A.weight": roles[0]["lora_down"].float(),
        }
    split = LoraFiles(tmp_path).save("split", state, {"ss_base_model_version": "flux1"})
    fused = write(tmp_path, "fused", {"double_blocks.0.img_attn.qkv": "lora"}, rank=1, seed=9)
    result = merged(Recipe("merge", (Source(fused), Source(split, 0.5)), tmp_path / "out.safetensors"))
    assert result.ranks == {3: 1}
    wanted = {name: weight + 0.5 * dense(split)[name] for name, weight in dense(fused).items()}
    assert apart(dense(result.path), wanted) < 1e-6


@pytest.mark.parametrize("operation", ["merge", "slider"])
def test_a_cut_over_both_namings_is_the_best_one(tmp_path: Path, operation: str) -> None:
    one, other = both(tmp_path)
    recipe = Recipe(operation, (Source(one), Source(other)), tmp_path / "out.safetensors", ranks=Ranks(2), dtype="fp32")  # type: ignore[arg-type]
    found = dense(merged(recipe).path)
    sign = 1 if operation == "merge" else -1
    for name, weight in dense(one).items():
        matrix = weight + sign * dense(other)[name]
        values = torch.linalg.svdvals(matrix)
        assert float((found[name] - matrix).norm()) <= float(values[2:].norm()) + 1e-6 * float(values[0])


@pytest.mark.parametrize("kind", ["ties", "dare", "common", "unique"])
def test_parts_of_one_lora_count_as_that_lora(tmp_path: Path, kind: Kind) -> None:
    """A LoRA and the same one taken apart give the same, whatever the method."""
    layers = [name for name in LAYERS if name != "double_blocks.0.img_attn.proj"]
    fused = write(tmp_path, "fused", dict.fromkeys(layers, "lora"))
    other = write(tmp_path, "other", dict.fromkeys(layers, "lora"), seed=5)
    dummy = write(tmp_path, "dummy", {"transformer_blocks.0.attn.to_out.0": "lora"}, seed=7)
    taken = merged(Recipe("merge", (Source(dummy, 1e-30), Source(fused)), tmp_path / "taken.safetensors", dtype="fp32"))
    assert names(taken.path) & SPLIT.keys()
    method = Method(kind, 0.6)
    made = [
        dense(
            merged(
                Recipe(
                    "merge", (Source(other), Source(b)), tmp_path / f"out-{b.stem}.safetensors", method, dtype="fp32"
                )
            ).path
        )
        for b in (fused, taken.path)
    ]
    assert apart(made[1], made[0]) < 1e-5


def test_block_weights_and_measures_go_by_the_lora_s_own_layers(tmp_path: Path) -> None:
    one, other = both(tmp_path)
    items = (Source(one, weights="0,S02@1"), Source(other, weights="1,NOT D00@1"))
    plan = plan_merge(Recipe("merge", items, tmp_path / "out.safetensors"))
    measures = measure(plan)
    assert {(each.first, each.second) for each in measures.overlaps} == {(0, 1)}
    assert set(measures.energies[0]) == {"S02"}
    wanted = {
        name: float(weight.norm()) ** 2 for name, weight in dense(other).items() if name.startswith("single_blocks")
    }
    assert measures.energies[1]["S02"] == pytest.approx(sum(wanted.values()))
    told = plan_report(plan)["sources"]
    assert [each["of"] >= each["modules"] > 0 for each in told] == [True, True]


def test_what_cannot_be_cut_is_refused_with_the_reason(tmp_path: Path) -> None:
    one, _ = both(tmp_path)
    dora = write(tmp_path, "dora", {"transformer_blocks.0.attn.to_q": "dora"}, "peft")
    wrong = LoraFiles(tmp_path).write(
        "wrong",
        {"lora_transformer_transformer_blocks_0_attn_to_q": (H + 1, H)},
        metadata={"ss_base_model_version": "flux1"},
    )
    for path, sentence in ((dora, "cannot be cut or joined"), (wrong, "is none of that model")):
        recipe = Recipe("merge", (Source(one), Source(path)), tmp_path / "out.safetensors")
        with pytest.raises(MergeError, match=sentence):
            merged(recipe)


def test_one_file_alone_and_files_alike_stay_as_they_are(tmp_path: Path) -> None:
    one, other = both(tmp_path)
    for path in (one, other):
        result = merged(Recipe("bake", (Source(path, 0.5),), tmp_path / f"{path.stem}-baked.safetensors"))
        assert names(result.path) == names(path)
    again = write(tmp_path, "again", dict.fromkeys(names(other), "lora"), "kohya", seed=3)
    result = merged(Recipe("merge", (Source(again), Source(other)), tmp_path / "out.safetensors"))
    assert names(result.path) == names(other)
    assert {module.spelled.split("transformer_")[0] for module in LoraFile(result.path).modules} == {"lora_"}


def test_a_file_that_holds_both_is_put_in_order(tmp_path: Path) -> None:
    mixed = write(tmp_path, "mixed", {"double_blocks.0.img_attn.qkv": "lora", "transformer_blocks.0.attn.to_k": "lora"})
    result = merged(Recipe("merge", (Source(mixed),), tmp_path / "out.safetensors"))
    assert names(result.path) == {"double_blocks.0.img_attn.qkv"}
    assert apart(dense(result.path), dense(mixed)) < 1e-6


def test_other_transformers_whose_layers_have_two_names_are_refused(tmp_path: Path) -> None:
    paths = [
        LoraFiles(tmp_path).write(name, {f"lora_unet_{name}_{n}_{layer}": (8, 8) for n in range(24)}, seed=n0)
        for n0, (name, layer) in enumerate(
            (("joint_blocks", "x_block_attn_proj"), ("transformer_blocks", "attn_to_add_out"))
        )
    ]
    families = {LoraFile(path).family.id for path in paths}
    assert families == {"dit:sd3"}
    with pytest.raises(FamilyError, match="joint_blocks and transformer_blocks, which nothing joins"):
        plan_merge(Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors"))


def test_layers_are_taken_apart_as_diffusers_takes_them_apart(tmp_path: Path) -> None:
    """Its own reader of kohya files, for all layers but one, whose widths it knows by heart.

    Rank and alpha are 1, for outside the blocks it does not look at alpha.
    """
    utils = pytest.importorskip("diffusers.loaders.lora_conversion_utils")
    layers = [name for name in LAYERS if name != "single_blocks.2.linear1"]
    fused = write(tmp_path, "fused", dict.fromkeys(layers, "lora"), rank=1)
    dummy = write(tmp_path, "dummy", {"transformer_blocks.0.attn.to_out.0": "lora"}, "peft")
    result = merged(Recipe("merge", (Source(dummy, 0.0), Source(fused)), tmp_path / "out.safetensors", dtype="fp32"))
    theirs = utils._convert_kohya_flux_lora_to_diffusers(load_file(fused))
    theirs = {key.removeprefix("transformer."): tensor.double() for key, tensor in theirs.items()}
    file = LoraFile(result.path)
    ours = {
        module.id.path: module_delta(module, file.read(module), dtype=torch.float64).weight for module in file.modules
    }
    ends = ".lora_A.weight", ".lora_B.weight"
    names_of_theirs = {key.removesuffix(ends[0]) for key in theirs if key.endswith(ends[0])}
    assert names_of_theirs == ours.keys()
    for name in names_of_theirs:
        wanted = theirs[name + ends[1]] @ theirs[name + ends[0]]
        torch.testing.assert_close(ours[name], wanted, rtol=1e-5, atol=1e-6)
