"""The file at strength 1 equals the sum that the prompt would give: every algorithm, spelling, weight and rank."""

import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.recipe import Ranks, Recipe, Source
from lib_lbw.weights.presets import ElementBook
from tests.merge.merging import CONV_ONLY, FREE, LAYERS, NORM, SPELLINGS, Made, distance, merged, merged_unless_empty

DTYPES = {torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 1.6e-2}
WEIGHTS = ("", "OUTALL", "MIDD", "1,0,0.5,0,1,1,1,1,-0.7,1,1,1,1,1,1,1,2", "MID@-0.3,OUT03@0", "attn1@0.25", "0.5", "0")


@st.composite
def forms(draw: st.DrawFn) -> dict[str, str]:
    found = {}
    for layer, shape in LAYERS.items():
        allowed = [form for form in FREE if form not in CONV_ONLY or len(shape) > 2]
        if form := draw(st.none() | st.sampled_from(allowed)):
            found[layer] = form
    if draw(st.booleans()):
        found[NORM] = "norm"
    return found or {next(iter(LAYERS)): "lora"}


files = st.builds(
    Made,
    forms=forms(),
    spelling=st.sampled_from(SPELLINGS),
    rank=st.integers(1, 9),
    alpha=st.sampled_from([None, 1.0, 0.0, 3.7, -2.0]),
    seed=st.integers(0, 9),
    dtype=st.sampled_from(list(DTYPES)),
)
ratios = st.sampled_from([1.0, -0.4, 0.7, 0.0, 1e-3, 2.5, -1.0])
sources = st.tuples(files, ratios, st.sampled_from([1.0, 0.5, -1.0]), st.sampled_from(WEIGHTS))


@given(made=st.lists(sources, min_size=1, max_size=4))
@settings(max_examples=60)
def test_the_file_is_the_sum_of_the_prompt(made: list[tuple[Made, float, float, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = tuple(
            Source(file.write(folder, f"lora{n}"), ratio, te=te, weights=weights)
            for n, (file, ratio, te, weights) in enumerate(made)
        )
        result = merged_unless_empty(Recipe("merge", items, folder / "out.safetensors"))
        if result is None:
            return
        bound = max(DTYPES[file.dtype] for file, *_ in made)
        for layer in (*LAYERS, NORM):
            assert distance(result.path, items, ModuleId.parse(layer)) < bound, layer
        assert result.error < bound


@given(left=files, right=files, ratio=ratios.filter(bool))
@settings(max_examples=30)
def test_a_capped_merge_is_no_worse_than_it_says(left: Made, right: Made, ratio: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = (Source(left.write(folder, "a")), Source(right.write(folder, "b"), ratio))
        ranks = Ranks(3, conv=2, te=1)
        result = merged_unless_empty(Recipe("merge", items, folder / "out.safetensors", ranks=ranks))
        if result is None:
            return
        layers = [ModuleId.parse(layer) for layer in (*LAYERS, NORM)]
        for module in LoraFile(result.path).modules:
            if module.algorithm == "lora" and module.rank is not None:
                cap = 1 if module.id.is_text_encoder else 2 if "conv1" in module.id.path else 3
                assert module.rank <= cap
        assert max(distance(result.path, items, layer) for layer in layers) < 1.0


def test_terms_that_share_no_module_stand_side_by_side_bit_for_bit(tmp_path: Path) -> None:
    first, second = list(LAYERS)[:2]
    a, b = Made({first: "loha"}, alpha=3.0).write(tmp_path, "a"), Made({second: "lokr"}, seed=2).write(tmp_path, "b")
    result = merged(Recipe("merge", (Source(a, 0.3), Source(b, -0.7)), tmp_path / "out.safetensors"))
    assert {module.algorithm for module in LoraFile(result.path).modules} == {"loha", "lokr"}
    assert result.error < 1e-7


def test_ranks_beyond_the_matrix_become_as_many_as_it_has(tmp_path: Path) -> None:
    layer = "unet.time_embedding.linear_1"
    paths = [Made({layer: "lora"}, rank=30, seed=n).write(tmp_path, f"l{n}") for n in range(3)]
    items = tuple(Source(path, 0.5 + n) for n, path in enumerate(paths))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    assert result.ranks == {4: 1}
    assert distance(result.path, items, ModuleId.parse(layer)) < 1e-6


def test_two_lohas_of_a_convolution_get_their_kernel_back(tmp_path: Path) -> None:
    layer = "unet.mid_block.resnets.0.conv1"
    items = tuple(Source(Made({layer: "loha"}, rank=1, seed=n).write(tmp_path, f"l{n}")) for n in range(2))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    (module,) = LoraFile(result.path).modules
    assert module.tensors["lora_down"].shape == (2, 6, 3, 3)
    assert module.tensors["lora_up"].shape == (8, 2, 1, 1)


def test_the_same_file_twice_takes_no_more_ranks(tmp_path: Path) -> None:
    path = Made(dict.fromkeys(LAYERS, "lora")).write(tmp_path, "a")
    items = (Source(path, 0.5), Source(tmp_path / "." / "a.safetensors", 0.25))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    assert result.ranks == {2: 5}
    assert distance(result.path, items, ModuleId.parse(next(iter(LAYERS)))) < 1e-6


@pytest.mark.parametrize(("weights", "ratios"), [("", (1.0, -1.0)), ("0", (1.0, 0.5)), ("", (0.0, 0.0))])
def test_a_sum_of_nothing_is_an_error(tmp_path: Path, weights: str, ratios: tuple[float, float]) -> None:
    path = Made(dict.fromkeys(LAYERS, "lora")).write(tmp_path, "a")
    items = tuple(Source(path, ratio, weights=weights) for ratio in ratios)
    with pytest.raises(MergeError, match="nothing is left to write"):
        merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]


def test_two_copies_cancel_module_by_module(tmp_path: Path) -> None:
    first, *_, last = LAYERS
    a = Made({first: "lora", last: "lora"}).write(tmp_path, "a")
    b = Made({first: "lora"}).write(tmp_path, "b")
    result = merged(Recipe("merge", (Source(a), Source(b, -1.0)), tmp_path / "out.safetensors"))
    assert result.dropped == (first,)
    assert [str(module.id) for module in LoraFile(result.path).modules] == [last]


def test_all_spellings_of_a_module_are_one(tmp_path: Path) -> None:
    layer = "unet.mid_block.resnets.0.conv1"
    items = tuple(
        Source(Made({layer: "lora"}, spelling=spelling, rank=1, seed=n).write(tmp_path, spelling))
        for n, spelling in enumerate(SPELLINGS)
    )
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    (module,) = LoraFile(result.path).modules
    assert (module.rank, module.spelled) == (6, "lora_unet_mid_block_resnets_0_conv1")


def test_elemental_presets_weigh_as_in_the_prompt(tmp_path: Path) -> None:
    layer = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    forms = {layer: "lora", "unet.mid_block.resnets.0.conv1": "loha"}
    paths = [Made(forms, seed=n).write(tmp_path, f"l{n}") for n in (0, 1)]
    elements = ElementBook.parse("HALF:IN01-IN06:attn1:0.5")
    items = (Source(paths[0], 0.7, elements="HALF"), Source(paths[1], -1.0))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"), elements=elements)
    same = (Source(paths[0], 0.7, weights="IN01-IN06.attn1@0.5"), items[1])
    for name in (layer, "unet.mid_block.resnets.0.conv1"):
        assert distance(result.path, same, ModuleId.parse(name)) < 1e-6
