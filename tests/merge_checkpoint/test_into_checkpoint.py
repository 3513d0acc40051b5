"""LoRAs built into a checkpoint: W + sum of ratio * block weight * delta, every layer once, rounded once."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import CheckpointError, FamilyError, MergeError, MergeStopped
from lib_lbw.lora.delta import module_delta
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from lib_lbw.lora.writer import HASH_KEY
from lib_lbw.merge.checkpoint.into import IntoResult, run_into
from lib_lbw.merge.checkpoint.into_plan import plan_into
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.metadata import RECIPE_KEY
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.merge.stored import recipe_of
from tests.lora.make_lora import FORMS, make_roles
from tests.merge_checkpoint.tiny import FAMILIES, Tiny, save, single_file, tiny, write_lora

WITH_WEIGHT = {"lora_up", "lora_down", "lora_mid", "a1", "a2", "b1", "b2", "bm"}
Values = Mapping[tuple[ModuleId, str], torch.Tensor]


def roles(form: str, shape: tuple[int, ...], seed: int) -> dict[str, torch.Tensor]:
    made = make_roles(form, shape, rank=3, seed=seed)
    return {
        f"{r}.weight" if r in WITH_WEIGHT else r: t.float() if t.is_floating_point() else t for r, t in made.items()
    }


def lora(
    path: Path,
    model: Tiny,
    endings: tuple[str, ...],
    form: str = "lora",
    seed: int = 0,
    components: str = "unet te1 te2",
) -> Path:
    """A LoRA of `form` for every layer whose path ends so, with alpha half the rank."""
    tensors = {}
    for number, (id, layer) in enumerate(sorted(model.layers().items(), key=lambda each: each[0])):
        if id.path.endswith(endings) and id.component in components.split():
            tensors[id] = roles(form, tuple(layer.weight.shape), seed * 1000 + number)
            if form in ("lora", "loha", "dora"):
                tensors[id]["alpha"] = torch.tensor(1.5)
    assert tensors
    return write_lora(path, model.family, tensors)


def values(path: Path) -> dict[tuple[ModuleId, str], torch.Tensor]:
    checkpoint = Checkpoint(path)
    return {key: checkpoint.read(slot) for key, slot in checkpoint.slots.items()}


def added(before: Values, file: Path, scale: Callable[[ModuleId], float] = lambda _: 1.0) -> dict[Any, torch.Tensor]:
    """The layers with a LoRA on top, in float64: the definition, one layer at a time."""
    now = {key: tensor.double() for key, tensor in before.items()}
    opened = LoraFile(file)
    for module in opened.modules:
        weight, bias = now[module.id, "weight"], now.get((module.id, "bias"))
        delta = module_delta(module, opened.read(module), base=weight, base_bias=bias, dtype=torch.float64)
        if delta.weight is not None:
            now[module.id, "weight"] = weight + scale(module.id) * delta.weight
        if delta.bias is not None and bias is not None:
            now[module.id, "bias"] = bias + scale(module.id) * delta.bias
    return now


def close(found: Values, wanted: Values, tolerance: float = 2e-5) -> None:
    assert found.keys() == wanted.keys()
    for key, tensor in found.items():
        torch.testing.assert_close(tensor.double(), wanted[key].double(), rtol=tolerance, atol=tolerance, msg=str(key))


class Bench:
    """A base of each family on the disk, and what is made of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models = {family: tiny(family) for family in FAMILIES}
        self.bases = {f: save(folder / f"{f}.safetensors", single_file(m)) for f, m in self.models.items()}
        self.values = {family: values(path) for family, path in self.bases.items()}
        self._number = 0

    def path(self) -> Path:
        self._number += 1
        return self.folder / f"made_{self._number}.safetensors"

    def lora(self, family: str, endings: tuple[str, ...], form: str = "lora", **more: Any) -> Path:
        return lora(self.path(), self.models[family], endings, form, **more)

    def into(self, base: Path, *sources: Source, **more: Any) -> IntoResult:
        plan_settings = {key: more.pop(key) for key in ("seed", "replace") if key in more}
        output = more.pop("output", None) or self.path()
        recipe = Recipe("into-checkpoint", sources, output, base=base, **more)
        return run_into(plan_into(recipe, **plan_settings))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("into"))


MATRICES = ("to_q", "to_k", "q_proj", "v_proj", "fc2", "proj_in", "conv1", "downsamplers.0.conv", "text_projection")
NARROW = ("to_q", "q_proj", "proj_in")  # GLoRA and the rotations want room and even sides
SPECIAL = {
    "norm": ("norm1", "layer_norm2", "conv_norm_out"),
    "tucker": ("conv1", "conv2"),
    "loha_tucker": ("conv1",),
    "lokr_tucker": ("conv1",),
    "lokr_spread": ("conv1",),
    "glora_tucker": ("conv1",),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_algorithm_lands_on_its_layer(bench: Bench, form: str) -> None:
    file = bench.lora(
        "sdxl", SPECIAL.get(form, NARROW if form.startswith(("glora", "oft", "boft")) else MATRICES), form
    )
    result = bench.into(bench.bases["sdxl"], Source(file, ratio=0.5))
    close(values(result.path), added(bench.values["sdxl"], file, lambda _: 0.5), 1e-4)
    lacking = [left for left in result.left_out if not left.endswith(".bias")]  # `full` has one for every layer
    assert lacking == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(bench: Bench, family: str) -> None:
    file = bench.lora(family, (*MATRICES, "k_proj", "out_proj", "time_emb_proj", "conv_out", "linear_2"))
    result = bench.into(bench.bases[family], Source(file))
    close(values(result.path), added(bench.values[family], file))
    assert result.left_out == ()


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_9_q_k_and_v_of_a_fused_encoder_get_their_delta_exactly_once(bench: Bench, family: str) -> None:
    """SuperMerger looks the three up under a name they do not have, and drops them."""
    component = "te2" if family == "sdxl" else "te1"
    file = bench.lora(family, ("q_proj", "k_proj", "v_proj"), components=component)
    result = bench.into(bench.bases[family], Source(file))
    assert result.changed == 3  # one fused matrix in each of three layers
    found, before = values(result.path), bench.values[family]
    opened = LoraFile(file)
    assert len(opened.modules) == 9
    for module in opened.modules:
        delta = module_delta(module, opened.read(module)).weight
        assert delta is not None
        torch.testing.assert_close(
            found[module.id, "weight"] - before[module.id, "weight"], delta, rtol=1e-4, atol=1e-5
        )
    others = [key for key in found if not key[0].path.endswith(("q_proj", "k_proj", "v_proj"))]
    assert all(torch.equal(found[key], before[key]) for key in others)


@pytest.mark.parametrize("form", ["loha", "lokr"])
def test_alpha_over_rank_counts_once_in_loha_and_lokr(bench: Bench, form: str) -> None:
    """LyCORIS' own merge tool applies it twice: alpha 1.5 of rank 3 becomes a quarter."""
    id = ModuleId("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q")
    held = roles(form, (16, 16), seed=5)
    file = write_lora(bench.path(), "sd1", {id: {**held, "alpha": torch.tensor(1.5)}})
    if form == "loha":
        product = (held["hada_w1_a"] @ held["hada_w1_b"]) * (held["hada_w2_a"] @ held["hada_w2_b"])
    else:
        product = torch.kron(held["lokr_w1"], held["lokr_w2_a"] @ held["lokr_w2_b"])
    found = values(bench.into(bench.bases["sd1"], Source(file)).path)[id, "weight"]
    torch.testing.assert_close(found, bench.values["sd1"][id, "weight"] + 0.5 * product, rtol=1e-4, atol=1e-5)


RATIOS = st.floats(-2, 2).map(lambda value: round(value, 3))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=RATIOS, second=RATIOS, te=RATIOS, block=RATIOS)
def test_the_sum_is_linear_in_every_number(bench: Bench, first: float, second: float, te: float, block: float) -> None:
    """Peers square ratios (0.5 -> 0.25, -1 -> +1) or lose them beside inline weights."""
    files = [
        bench.lora("sd1", ("to_q", "q_proj"), "lora", seed=1),
        bench.lora("sd1", ("to_q", "conv1"), "loha", seed=2),
    ]
    sources = (Source(files[0], first, te=te, weights=f"ALL,IN04@{block}"), Source(files[1], second))
    if not any((first, second)):
        return
    result = bench.into(bench.bases["sd1"], *sources)

    def scale(id: ModuleId) -> float:
        if id.is_text_encoder:
            return first * te
        return first * (block if id.path.startswith("down_blocks.1.attentions.0") else 1.0)

    close(values(result.path), added(added(bench.values["sd1"], files[0], scale), files[1], lambda _: second), 1e-4)
    for path in (*files, result.path):
        path.unlink()


def test_what_depends_on_the_weight_sees_the_rows_before_it(bench: Bench) -> None:
    plain, dora = bench.lora("sd1", ("to_q",), seed=3), bench.lora("sd1", ("to_q",), "dora", seed=4)
    before = bench.values["sd1"]
    results = {}
    for order in ((plain, dora), (dora, plain)):
        result = bench.into(bench.bases["sd1"], *map(Source, order))
        results[order] = values(result.path)
        close(results[order], added(added(before, order[0]), order[1]), 1e-4)
        assert any("the rows act in their order" in str(notice) for notice in result.notices)
    key = next(key for key in before if key[0].path.endswith("to_q"))
    assert not torch.allclose(results[plain, dora][key], results[dora, plain][key], atol=1e-3)
    alone = bench.into(bench.bases["sd1"], Source(dora))
    assert not any("order" in str(notice) for notice in alone.notices)


def test_many_loras_are_rounded_once(bench: Bench) -> None:
    base = save(bench.path(), single_file(bench.models["sd1"]), torch.float16)
    files = [bench.lora("sd1", ("to_q",), seed=seed) for seed in range(4)]
    result = bench.into(base, *(Source(file, 1e-4) for file in files))
    wanted = values(base)
    for file in files:
        wanted = added(wanted, file, lambda _: 1e-4)
    found = values(result.path)
    assert {tensor.dtype for tensor in found.values()} == {torch.float16}
    different = sum(int((found[key] != wanted[key].half()).sum()) for key in found)
    assert different <= 3  # float32 and float64 on two sides of a tie
    survived = result.survival["unet"]
    assert 0 < survived.error < 1
    assert "te1" not in result.survival


def test_what_no_lora_touches_is_the_same_byte_for_byte(bench: Bench) -> None:
    base = save(bench.path(), {**single_file(bench.models["sd1"]), "v_pred": torch.zeros(0)}, torch.bfloat16)
    file = bench.lora("sd1", ("to_q",), components="unet")
    result = bench.into(base, Source(file))
    one, other = Checkpoint(base), Checkpoint(result.path)
    assert one.header.tensors.keys() == other.header.tensors.keys()
    changed = {name for name in one.header.tensors if one.raw(name) != other.raw(name)}
    assert changed == {name for name in one.header.tensors if name.endswith("to_q.weight")}
    assert len(changed) == result.changed
    assert all(one.header.tensors[n].dtype == other.header.tensors[n].dtype for n in one.header.tensors)


@pytest.mark.parametrize(("dtype", "stored"), [("fp16", "F16"), ("bf16", "BF16"), ("fp32", "F32")])
def test_another_type_is_that_of_the_layers_alone(bench: Bench, dtype: Any, stored: str) -> None:
    result = bench.into(bench.bases["sd1"], Source(bench.lora("sd1", ("to_q",))), dtype=dtype)
    checkpoint = Checkpoint(result.path)
    for name, info in checkpoint.header.tensors.items():
        assert info.dtype == (stored if name in checkpoint.held else "F32")


def test_a_seed_draws_the_rounding(bench: Bench) -> None:
    base = save(bench.path(), single_file(bench.models["sd1"]), torch.float16)
    file = Source(bench.lora("sd1", ("to_q",)), 1e-4)
    hashes = [bench.into(base, file, **more).sha256 for more in ({}, {"seed": 1}, {"seed": 1}, {"seed": 2})]
    assert hashes[1] == hashes[2]
    assert len(set(hashes)) == 3
    with pytest.raises(MergeError, match="no seed"):
        bench.into(base, file, seed=-1)


def test_an_inpainting_model_gets_zeros_for_its_further_channels(bench: Bench) -> None:
    tensors = single_file(bench.models["sd1"])
    name = "model.diffusion_model.input_blocks.0.0.weight"
    first = tensors[name]
    tensors[name] = torch.cat([first, torch.randn(first.shape[0], 5, 3, 3)], dim=1)
    base = save(bench.path(), tensors)
    file = bench.lora("sd1", ("conv_in",))
    opened = LoraFile(file)
    delta = module_delta(opened.modules[0], opened.read(opened.modules[0])).weight
    key = (ModuleId("unet", "conv_in"), "weight")
    found = values(bench.into(base, Source(file)).path)[key]
    assert delta is not None
    torch.testing.assert_close(found[:, :4], first + delta)
    assert torch.equal(found[:, 4:], tensors[name][:, 4:])


def test_a_linear_lora_serves_a_convolution_and_the_other_way_round(bench: Bench) -> None:
    for family, other in (("sd1", "sd2"), ("sd2", "sd1")):
        made = bench.lora(other, ("proj_in",))
        file = write_lora(bench.path(), family, renamed(made))
        result = bench.into(bench.bases[family], Source(file))
        assert result.left_out == ()
        close(values(result.path), added(bench.values[family], file))


def renamed(path: Path) -> dict[ModuleId, dict[str, torch.Tensor]]:
    opened = LoraFile(path)
    return {
        module.id: {(f"{r}.weight" if r in WITH_WEIGHT else r): t for r, t in opened.read(module).items()}
        for module in opened.modules
    }


def test_layers_that_are_not_there_are_told(bench: Bench) -> None:
    unet_only = save(bench.path(), bench.models["sd1"].parts["unet"].state_dict())
    file = bench.lora("sd1", ("to_q", "q_proj"))
    result = bench.into(unet_only, Source(file))
    assert len(result.left_out) == 3
    assert any("have no effect" in str(n) and "te1.text_model" in str(n) for n in result.notices)
    wanted = added(bench.values["sd1"], file)
    close(values(result.path), {key: tensor for key, tensor in wanted.items() if key[0].component == "unet"})
    with pytest.raises(MergeError, match="nothing would change"):
        bench.into(unet_only, Source(bench.lora("sd1", ("q_proj",))))
    with pytest.raises(MergeError, match="nothing would change"):
        bench.into(bench.bases["sd1"], Source(file, 0.0))


def test_another_shape_is_refused_by_name_or_left_out(bench: Bench) -> None:
    id = ModuleId("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q")
    tensors = {id: roles("lora", (24, 16), 0), ModuleId("unet", "conv_out"): roles("lora", (4, 16, 3, 3), 1)}
    file = write_lora(bench.path(), "sd1", tensors)
    with pytest.raises(MergeError, match=r"to_q .*\[24, 16\].*\[16, 16\]"):
        bench.into(bench.bases["sd1"], Source(file))
    result = bench.into(bench.bases["sd1"], Source(file), leave_out=True)
    assert result.changed == 1
    assert len(result.left_out) == 1


def test_a_lora_of_another_family_is_refused(bench: Bench) -> None:
    with pytest.raises(FamilyError, match=r"is for Stable Diffusion XL, .* is Stable Diffusion 1"):
        bench.into(bench.bases["sd1"], Source(bench.lora("sdxl", ("to_q",))))


def left_behind(bench: Bench) -> list[Path]:
    return [path for path in bench.folder.iterdir() if path.name.startswith(".")]


def test_stopping_leaves_nothing(bench: Bench) -> None:
    output = bench.path()
    recipe = Recipe("into-checkpoint", (Source(bench.lora("sd1", ("to_q",))),), output, base=bench.bases["sd1"])
    seen: list[tuple[int, int]] = []
    run_into(plan_into(recipe), lambda done, all, _: seen.append((done, all)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]
    output.unlink()
    for point in (1, len(seen) // 2, len(seen) - 2):
        told = iter(range(len(seen)))
        with pytest.raises(MergeStopped):
            run_into(plan_into(recipe), should_stop=partial(reached, told, point))
        assert not output.exists()
        assert left_behind(bench) == []


def reached(told: Iterator[int], point: int) -> bool:
    return next(told) >= point


def test_inputs_are_never_overwritten(bench: Bench) -> None:
    file = bench.lora("sd1", ("to_q",))
    base = bench.bases["sd1"]
    before = base.read_bytes()
    for output in (base, file):
        with pytest.raises(MergeError, match="one of the files that go in"):
            bench.into(base, Source(file), output=output, replace="file")
    assert base.read_bytes() == before
    there = bench.into(base, Source(file)).path
    with pytest.raises(MergeError, match="there already"):
        bench.into(base, Source(file), output=there)
    bench.into(base, Source(file), output=there, replace="file")


def test_nan_is_refused_with_its_name(bench: Bench) -> None:
    tensors = single_file(bench.models["sd1"])
    name = "first_stage_model.decoder.conv_in.bias"
    broken = save(bench.path(), {**tensors, name: torch.full_like(tensors[name], torch.nan)})
    file = bench.lora("sd1", ("to_q",))
    with pytest.raises(CheckpointError, match=f"{name} holds NaN"):
        bench.into(broken, Source(file))
    held = renamed(file)
    next(iter(held.values()))["lora_up.weight"][0, 0] = torch.inf
    with pytest.raises(MergeError, match=r"lora_unet_down_blocks_0_attentions_0.* holds NaN or an infinity"):
        bench.into(bench.bases["sd1"], Source(write_lora(bench.path(), "sd1", held)))
    assert left_behind(bench) == []


def test_numbers_too_large_for_float16_are_refused(bench: Bench) -> None:
    file = bench.lora("sd1", ("to_q",))
    with pytest.raises(MergeError, match=r"to_q\.weight holds numbers that do not fit F16"):
        bench.into(bench.bases["sd1"], Source(file, 1e6), dtype="fp16")
    bench.into(bench.bases["sd1"], Source(file, 1e6), dtype="bf16")


def test_the_recipe_stands_in_the_file(bench: Bench) -> None:
    file = bench.lora("sd1", ("to_q",))
    result = bench.into(bench.bases["sd1"], Source(file, 0.5, weights="ALL,IN04@0", seed=3), seed=7)
    metadata = read_header(result.path).metadata
    data = json.loads(metadata[RECIPE_KEY])
    source, told = data["recipe"]["sources"][0], data["result"]
    payload = file.read_bytes()[read_header(file).data_start :]
    assert source["sha256"] == hashlib.sha256(payload).hexdigest()
    assert told["base_sha256"] == hashlib.sha256(bench.bases["sd1"].read_bytes()).hexdigest()
    assert told["rounding_seed"] == 7
    assert metadata[HASH_KEY] == result.sha256
    again = recipe_of(result.path)
    assert (again.base, again.sources[0].path, again.sources[0].ratio) == (bench.bases["sd1"], file, 0.5)
    assert str(bench.folder) not in metadata[RECIPE_KEY]


def test_metadata_of_the_base_stays_but_for_its_hashes(bench: Bench, tmp_path: Path) -> None:
    base = tmp_path / "base.safetensors"
    told = {"modelspec.title": "A", "modelspec.hash_sha256": "0xab", "sshs_legacy_hash": "1"}
    save_file(load_file(bench.bases["sd1"]), base, told)
    metadata = read_header(bench.into(base, Source(bench.lora("sd1", ("to_q",)))).path).metadata
    assert metadata["modelspec.title"] == "A"
    assert "modelspec.hash_sha256" not in metadata
    assert "sshs_legacy_hash" not in metadata


def test_ema_weights_are_told_of(bench: Bench) -> None:
    base = save(bench.path(), {**single_file(bench.models["sd1"]), "model_ema.decay": torch.tensor(0.9)})
    result = bench.into(base, Source(bench.lora("sd1", ("to_q",))))
    assert any("EMA" in str(notice) for notice in result.notices)


def test_a_checkpoint_is_needed(bench: Bench) -> None:
    with pytest.raises(MergeError, match="needs the checkpoint"):
        bench.into(None, Source(bench.lora("sd1", ("to_q",))))  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="is a LoRA"):
        bench.into(bench.lora("sd1", ("to_k",)), Source(bench.lora("sd1", ("to_q",))))
