"""A LoRA out of two checkpoints, and back."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import CheckpointError, FamilyError, MergeError, MergeStopped
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from lib_lbw.merge.checkpoint.extract import run_extract
from lib_lbw.merge.checkpoint.extract_plan import Extraction, ExtractPlan, plan_extract
from lib_lbw.merge.checkpoint.into import run_into
from lib_lbw.merge.checkpoint.into_plan import plan_into
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.metadata import RECIPE_KEY
from lib_lbw.merge.numbers.ranks import Fixed, SvFro
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from lib_lbw.merge.run import MergeResult
from lib_lbw.merge.stored import recipe_of
from tests.merge_checkpoint.tiny import FAMILIES, Tiny, diffusers_file, save, single_file, tiny, tuned

Key = tuple[ModuleId, str]


def values(path: Path) -> dict[Key, torch.Tensor]:
    checkpoint = Checkpoint(path)
    return {key: checkpoint.read(slot) for key, slot in checkpoint.slots.items()}


def planned(a: Path, b: Path, output: Path, ranks: Ranks | None = None, **more: Any) -> ExtractPlan:
    own = {key: more.pop(key) for key in ("encoders", "biases") if key in more}
    alpha, beta = more.pop("alpha", 1.0), more.pop("beta", 1.0)
    sources = (Source(a, ratio=alpha), Source(b, ratio=beta))
    return plan_extract(Extraction(Recipe("extract", sources, output, ranks=ranks or Ranks(), **more), **own))


def extracted(a: Path, b: Path, output: Path, ranks: Ranks | None = None, **more: Any) -> MergeResult:
    return run_extract(planned(a, b, output, ranks, **more))


@pytest.fixture(scope="module")
def bases() -> dict[str, Tiny]:
    return {family: tiny(family) for family in FAMILIES}


@pytest.fixture(scope="module")
def pair(bases: dict[str, Tiny], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An SD 1 model, tuned and as it was."""
    folder = tmp_path_factory.mktemp("pair")
    models = {"a": tuned(bases["sd1"]), "b": bases["sd1"]}
    a, b = (save(folder / f"{name}.safetensors", single_file(model)) for name, model in models.items())
    return a, b


@pytest.mark.parametrize(("family", "dtype"), [*((f, torch.float16) for f in FAMILIES), ("sdxl", torch.float32)])
def test_base_and_full_difference_make_the_tuned_model(
    bases: dict[str, Tiny], family: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    base, model = bases[family], tuned(bases[family])
    paths = [save(tmp_path / f"{n}.safetensors", single_file(m), dtype) for n, m in (("a", model), ("b", base))]
    lora = extracted(*paths, tmp_path / "lora.safetensors", biases=True, dtype="fp32")
    assert lora.error < 1e-6
    assert all(kept == pytest.approx(1) for kept in lora.kept.values())
    assert set(lora.dropped) <= {"te1.text_projection.weight"}  # SD 2 has one that nothing uses
    recipe = Recipe("into-checkpoint", (Source(lora.path),), tmp_path / "again.safetensors", base=paths[1])
    again = run_into(plan_into(recipe))
    assert again.left_out == ()
    found, wanted = values(again.path), values(paths[0])
    assert found.keys() == wanted.keys()
    ulp = torch.finfo(dtype).eps
    for key, tensor in found.items():  # to half a unit of the storage, and the noise of the factors
        torch.testing.assert_close(tensor.double(), wanted[key].double(), rtol=ulp, atol=1e-6, msg=str(key))


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), size=st.floats(1e-4, 1.0))
def test_the_difference_is_exact_at_full_rank(
    bases: dict[str, Tiny], tmp_path_factory: pytest.TempPathFactory, seed: int, size: float
) -> None:
    folder = tmp_path_factory.mktemp("property")
    base, model = bases["sd2"], tuned(bases["sd2"], seed, size, only=("te1",))
    paths = [save(folder / f"{n}.safetensors", single_file(m)) for n, m in (("a", model), ("b", base))]
    lora = LoraFile(extracted(*paths, folder / "lora.safetensors", dtype="fp32").path)
    one, other = (values(path) for path in paths)
    assert {module.id.component for module in lora.modules} == {"te1"}
    for module in lora.modules:
        key = (module.id, "weight")
        delta = module_delta(module, lora.read(module), dtype=torch.float64).weight
        wanted = (one[key].double() - other[key].double()).reshape(delta.shape)
        assert torch.linalg.vector_norm(delta - wanted) < 1e-6 * torch.linalg.vector_norm(wanted)


def test_names_are_those_that_hosts_know(bases: dict[str, Tiny], tmp_path: Path) -> None:
    for family, names in (
        (
            "sd1",
            ("lora_unet_down_blocks_0_attentions_0_proj_in", "lora_te_text_model_encoder_layers_0_self_attn_q_proj"),
        ),
        ("sdxl", ("lora_unet_input_blocks_4_1_proj_in", "lora_te2_text_model_encoder_layers_0_self_attn_q_proj")),
    ):
        a = save(tmp_path / f"a{family}.safetensors", single_file(tuned(bases[family])))
        b = save(tmp_path / f"b{family}.safetensors", single_file(bases[family]))
        lora = LoraFile(extracted(a, b, tmp_path / f"{family}.safetensors", Ranks(linear=2)).path)
        assert set(names) <= {module.spelled for module in lora.modules}
        assert lora.family.id == family
        assert {module.alpha for module in lora.modules} == {2.0}
        assert lora.metadata["ss_network_dim"] == "2"


def test_ranks_are_apart_for_linear_layers_convolutions_and_text_encoders(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = pair
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=4, conv=2, te=3))
    for module in LoraFile(result.path).modules:
        conv = module.tensors["lora_down"].shape[2:] == (3, 3)
        assert module.rank == (3 if module.id.is_text_encoder else 2 if conv else 4), module.id
    assert set(result.ranks) == {2, 3, 4}
    fixed = extracted(a, b, tmp_path / "f.safetensors", Ranks(linear=4, rule=Fixed(3)))
    assert set(fixed.ranks) == {3}
    with pytest.raises(MergeError, match="no target size"):
        planned(a, b, tmp_path / "s.safetensors", Ranks(size=10**6))


def test_a_rule_takes_the_least_rank_that_keeps_enough(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = pair
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(rule=SvFro(0.9)), dtype="fp32")
    assert result.error <= (1 - 0.9**2) ** 0.5 + 1e-6
    one, other, lora = values(a), values(b), LoraFile(result.path)
    for module in lora.modules[::15]:
        difference = one[module.id, "weight"].double() - other[module.id, "weight"].double()
        squares = torch.linalg.svdvals(difference.flatten(1)).square()
        least = int((squares.cumsum(0) < 0.81 * squares.sum()).sum()) + 1
        assert module.rank == least


def test_what_is_kept_is_told_truly(bases: dict[str, Tiny], tmp_path: Path) -> None:
    """No clamping of outliers: peers lose 10 % to a quantile even where the rank suffices."""
    a = save(tmp_path / "a.safetensors", single_file(tuned(bases["sdxl"], only=("unet",))))
    b = save(tmp_path / "b.safetensors", single_file(bases["sdxl"]))
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=3))
    one, other, lora = values(a), values(b), LoraFile(result.path)
    lost = energy = best = 0.0
    for module in lora.modules:
        difference = one[module.id, "weight"].double() - other[module.id, "weight"].double()
        delta = module_delta(module, lora.read(module), dtype=torch.float64).weight
        lost += float((delta.reshape(difference.shape) - difference).square().sum())
        energy += float(difference.square().sum())
        best += float(torch.linalg.svdvals(difference.flatten(1))[3:].square().sum())
    assert result.error == pytest.approx((lost / energy) ** 0.5, rel=1e-4)
    assert result.error == pytest.approx((best / energy) ** 0.5, rel=1e-3)


def test_layers_that_do_not_differ_are_left_out(bases: dict[str, Tiny], tmp_path: Path) -> None:
    base = single_file(bases["sd1"])
    name = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
    a = save(tmp_path / "a.safetensors", {**base, name: base[name] + 0.1})
    b = save(tmp_path / "b.safetensors", base)
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=4))
    (module,) = LoraFile(result.path).modules
    assert str(module.id).endswith("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q")
    assert module.rank == 1  # the difference has no more
    assert len(result.dropped) > 100
    with pytest.raises(MergeError, match="nothing to extract"):
        extracted(b, b, tmp_path / "n.safetensors", Ranks(linear=4))
    assert not (tmp_path / "n.safetensors").exists()


def test_rounding_alone_is_no_difference(bases: dict[str, Tiny], tmp_path: Path) -> None:
    base = single_file(bases["sd1"])
    name = "model.diffusion_model.out.2.weight"
    a = save(tmp_path / "a.safetensors", {**base, name: base[name] + 0.1}, torch.float16)
    b = save(tmp_path / "b.safetensors", base)
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=4))
    assert [str(module.id) for module in LoraFile(result.path).modules] == ["unet.conv_out"]


@pytest.mark.parametrize(
    ("size", "choice", "taken"),
    [(1e-3, "auto", True), (1e-7, "auto", False), (1e-7, "yes", True), (1e-2, "no", False), (0.0, "auto", False)],
)
def test_a_text_encoder_is_taken_by_its_relative_change(
    bases: dict[str, Tiny], tmp_path: Path, size: float, choice: Any, taken: bool
) -> None:
    """Peers drop an encoder unless one weight moved by 0.1 or 0.01: a trained one moves by less."""
    model = tuned(bases["sdxl"], only=("unet",))
    changed = tuned(bases["sdxl"], seed=2, size=size, only=("te2",))
    model.parts["te2"] = changed.parts["te2"]
    a = save(tmp_path / "a.safetensors", single_file(model))
    b = save(tmp_path / "b.safetensors", single_file(bases["sdxl"]))
    plan = planned(a, b, tmp_path / "l.safetensors", Ranks(linear=2), encoders={"te2": choice})
    te1, te2 = plan.encoders
    assert (te1.change, te1.taken, te2.taken) == (0.0, False, taken)
    assert any(("te2" in str(n) and ("is taken" if taken else "is left out") in str(n)) for n in plan.notices)
    if (size, choice) != (1e-3, "auto"):  # one is enough to go through with
        return
    lora = LoraFile(run_extract(plan).path)
    assert {module.id.component for module in lora.modules} == {"unet", "te2"}
    told = json.loads(lora.metadata[RECIPE_KEY])["result"]["encoders"]
    assert told["te2"] == {"change": te2.change, "taken": taken}
    biggest = max(
        float((changed.parts["te2"].state_dict()[k] - v).abs().max())
        for k, v in bases["sdxl"].parts["te2"].state_dict().items()
    )
    assert size > 1e-3 or biggest < 0.01


def test_an_encoder_that_is_not_there_cannot_be_asked_for(bases: dict[str, Tiny], tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", single_file(tuned(bases["sd1"])))
    b = save(tmp_path / "b.safetensors", bases["sd1"].parts["unet"].state_dict())
    with pytest.raises(MergeError, match="te1 is asked for"):
        planned(a, b, tmp_path / "l.safetensors", encoders={"te1": "yes"})
    plan = planned(a, b, tmp_path / "l.safetensors")
    assert any("only a.safetensors has" in str(n) and "te1" in str(n) for n in plan.notices)


def test_both_layouts_give_the_same_lora(bases: dict[str, Tiny], tmp_path: Path) -> None:
    model = tuned(bases["sdxl"], only=("te1", "te2"))
    b = save(tmp_path / "b.safetensors", single_file(bases["sdxl"]))
    hashes = set()
    for name, tensors in (("ldm", single_file(model)), ("diffusers", diffusers_file(model))):
        a = save(tmp_path / f"{name}.safetensors", tensors)
        hashes.add(extracted(a, b, tmp_path / f"l{name}.safetensors", Ranks(linear=2)).sha256)
    assert len(hashes) == 1


def test_coefficients_count_and_unequal_ones_are_warned_of(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = pair
    plan = planned(a, b, tmp_path / "l.safetensors", alpha=0.5, beta=0.25, dtype="fp32")
    assert any("0.25 of the whole model" in str(notice) for notice in plan.notices)
    lora = LoraFile(run_extract(plan).path)
    one, other = values(a), values(b)
    for module in lora.modules[::20]:
        key = (module.id, "weight")
        delta = module_delta(module, lora.read(module)).weight
        torch.testing.assert_close(delta, 0.5 * one[key] - 0.25 * other[key], rtol=1e-4, atol=1e-5)
    half = planned(a, b, tmp_path / "h.safetensors", alpha=0.5, beta=0.5)
    assert not any("whole model" in str(notice) for notice in half.notices)


def test_what_no_lora_holds_is_told(bases: dict[str, Tiny], tmp_path: Path) -> None:
    base = single_file(bases["sd1"])
    words = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    vae = "first_stage_model.decoder.conv_in.weight"
    other = {words: base[words] + 1, vae: base[vae] + 1, "v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    out = "model.diffusion_model.out.2.weight"
    a = save(tmp_path / "a.safetensors", {**base, **other, out: base[out] + 1})
    b = save(tmp_path / "b.safetensors", base)
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=1), encoders={"te1": "yes"})
    told = " ".join(map(str, result.notices))
    for part in ("token_embedding differ", "VAEs differ in 1 ", "marked v_pred", "marked ztsnr"):
        assert part in told
    assert [str(module.id) for module in LoraFile(result.path).modules] == ["unet.conv_out"]


def test_biases_and_norms_come_only_when_asked_for(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = pair
    plain = LoraFile(extracted(a, b, tmp_path / "p.safetensors", Ranks(linear=1)).path)
    whole = LoraFile(extracted(a, b, tmp_path / "w.safetensors", Ranks(linear=1), biases=True).path)
    assert {role for module in plain.modules for role in module.tensors} == {"lora_up", "lora_down", "alpha"}
    roles = {module.id: set(module.tensors) for module in whole.modules}
    assert roles[ModuleId("unet", "conv_norm_out")] == {"w_norm", "b_norm"}
    assert roles[ModuleId("unet", "conv_out")] == {"lora_up", "lora_down", "alpha", "diff_b"}


def test_an_inpainting_model_leaves_its_first_layer_out(bases: dict[str, Tiny], tmp_path: Path) -> None:
    model = single_file(tuned(bases["sd1"]))
    first = "model.diffusion_model.input_blocks.0.0.weight"
    a = save(tmp_path / "a.safetensors", {**model, first: torch.cat([model[first]] * 2, dim=1)})
    b = save(tmp_path / "b.safetensors", single_file(bases["sd1"]))
    result = extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=1))
    assert any("unet.conv_in.weight" in str(notice) for notice in result.notices)
    assert not any(module.id.path == "conv_in" for module in LoraFile(result.path).modules)


def test_other_shapes_and_families_are_refused(bases: dict[str, Tiny], tmp_path: Path) -> None:
    base = single_file(bases["sd1"])
    b = save(tmp_path / "b.safetensors", base)
    other = save(tmp_path / "xl.safetensors", single_file(bases["sdxl"]))
    with pytest.raises(FamilyError, match="a difference needs two of one kind"):
        planned(other, b, tmp_path / "l.safetensors")
    name = "model.diffusion_model.out.2.weight"
    a = save(tmp_path / "a.safetensors", {**base, name: base[name][:3]})
    with pytest.raises(MergeError, match=r"unet\.conv_out"):
        planned(a, b, tmp_path / "l.safetensors")
    plan = planned(a, b, tmp_path / "l.safetensors", leave_out=True)
    assert any("unet.conv_out.weight" in str(notice) for notice in plan.notices)


def test_nan_is_refused_and_leaves_nothing(bases: dict[str, Tiny], tmp_path: Path) -> None:
    base = single_file(bases["sd1"])
    name = "model.diffusion_model.out.2.weight"
    a = save(tmp_path / "a.safetensors", {**base, name: torch.full_like(base[name], torch.nan)})
    b = save(tmp_path / "b.safetensors", base)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CheckpointError, match=r"out\.2\.weight holds NaN"):
        extracted(a, b, tmp_path / "l.safetensors", Ranks(linear=1))
    assert sorted(tmp_path.iterdir()) == before


def test_stopping_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = pair
    plan = planned(a, b, tmp_path / "l.safetensors", Ranks(linear=1))
    seen: list[tuple[int, int]] = []
    first = run_extract(plan, lambda done, whole, _: seen.append((done, whole)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    first.path.unlink()
    before = sorted(tmp_path.iterdir())
    for point in (0, len(seen) // 2, len(seen)):
        told = iter(range(len(seen) + 1))
        with pytest.raises(MergeStopped):
            run_extract(plan, should_stop=partial(reached, told, point))
        assert sorted(tmp_path.iterdir()) == before


def reached(told: Iterator[int], point: int) -> bool:
    return next(told) >= point


def test_the_recipe_and_the_same_bytes_again(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = pair
    one, other = (extracted(a, b, tmp_path / f"{n}.safetensors", Ranks(linear=2)) for n in "xy")
    assert one.sha256 == other.sha256 == read_header(one.path).metadata["sshs_model_hash"]
    again = recipe_of(one.path)
    assert [source.path.name for source in again.sources] == ["a.safetensors", "b.safetensors"]
    assert again.operation == "extract"
    with pytest.raises(MergeError, match="there already"):
        planned(a, b, one.path)
    with pytest.raises(MergeError, match="go in"):
        planned(a, b, a)
    with pytest.raises(MergeError, match="two checkpoints"):
        Extraction(Recipe("extract", (Source(a),), tmp_path / "z.safetensors"))


def test_a_tiny_difference_is_stored_in_float32(bases: dict[str, Tiny], tmp_path: Path) -> None:
    """In float16 its factors would sink among the subnormals."""
    a = save(tmp_path / "a.safetensors", single_file(tuned(bases["sd1"], size=1e-7, only=("unet",))))
    b = save(tmp_path / "b.safetensors", single_file(bases["sd1"]))
    result = extracted(a, b, tmp_path / "l.safetensors")
    assert result.error < 2e-3
