"""What a merged file says of itself, and that its recipe makes it again."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from lib_lbw.errors import MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.lora.header import read_header
from lib_lbw.merge.distance import between
from lib_lbw.merge.metadata import RECIPE_KEY
from lib_lbw.merge.numbers.ranks import Fixed, SvCumulative, SvFro, SvRatio
from lib_lbw.merge.plan import plan_merge
from lib_lbw.merge.reading import term_of
from lib_lbw.merge.recipe import Method, Ranks, Recipe, Source
from lib_lbw.merge.recipe_json import recipe_from_json, recipe_to_json
from lib_lbw.merge.run import run_merge
from lib_lbw.merge.stored import find_sources, recipe_of
from lib_lbw.merge.tags import merged_tags
from tests.lora.make_lora import LoraFiles, make_state
from tests.merge.merging import LAYERS, METADATA, Made, merged

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "unet.mid_block.resnets.0.conv1"


def legacy_hash(path: Path) -> str:
    """Hash as sd-scripts does: serialise again with the `ss_` metadata alone, and hash 64 KiB from 1 MiB on."""
    metadata = {key: value for key, value in read_header(path).metadata.items() if key.startswith("ss_")}
    stream = io.BytesIO(save(load_file(path), metadata))
    stream.seek(0x100000)
    return hashlib.sha256(stream.read(0x10000)).hexdigest()[:8]


@pytest.mark.parametrize("rank", [4, 500])
def test_both_hashes_are_those_that_webuis_compute(tmp_path: Path, rank: int) -> None:
    names = {"lora_unet_mid_block_attentions_0_proj_in": (640, 640)}
    paths = [
        LoraFiles(tmp_path).write(f"l{n}", names, rank=rank // 2, seed=n, metadata={**METADATA, "ss_日本": "ü"})
        for n in range(2)
    ]
    result = merged(Recipe("merge", tuple(map(Source, paths)), tmp_path / "out.safetensors"))
    header = read_header(result.path)
    payload = result.path.read_bytes()[header.data_start :]
    assert header.metadata["sshs_model_hash"] == hashlib.sha256(payload).hexdigest()
    assert header.metadata["sshs_legacy_hash"] == legacy_hash(result.path)
    assert (legacy_hash(result.path) == "e3b0c442") == (rank == 4)


def test_the_training_is_told_where_all_agree_and_the_network_as_it_is_now(tmp_path: Path) -> None:
    shared = {
        **METADATA,
        "ss_clip_skip": "2",
        "ss_network_dim": "99",
        "sshs_model_hash": "old",
        "ss_output_name": "old",
    }
    own = {"modelspec.title": "First", "modelspec.trigger_phrase": "cat, dog", "ss_seed": "1"}
    other = {"modelspec.title": "Second", "modelspec.trigger_phrase": "dog, bird", "ss_seed": "2"}
    modules = {"lora_unet_mid_block_attentions_0_proj_in": (8, 8), "lora_unet_mid_block_resnets_0_conv1": (8, 8, 3, 3)}
    files = LoraFiles(tmp_path)
    big = {"ss_thumbnail": "x" * 70_000}
    a = files.save("a", make_state(modules, rank=2), {**shared, **own, **big, "ss_tag_frequency": '{"d": {"cat": 2}}'})
    b = files.save(
        "b", make_state(modules, rank=3), {**shared, **other, **big, "ss_tag_frequency": '{"d": {"cat": 1}}'}
    )
    result = merged(Recipe("merge", (Source(a), Source(b, 0.5)), tmp_path / "new.safetensors", ranks=Ranks(5, conv=4)))
    found = read_header(result.path).metadata
    assert (found["ss_clip_skip"], "ss_seed" in found, "ss_thumbnail" in found) == ("2", False, False)
    assert found["ss_network_module"] == "networks.lora"
    assert (found["ss_network_dim"], found["ss_network_alpha"]) == ("5", "5")
    assert json.loads(found["ss_network_args"]) == {"algo": "lora", "conv_dim": "4", "conv_alpha": "4"}
    assert found["ss_output_name"] == found["modelspec.title"] == "new"
    assert (found["ss_base_model_version"], found["ss_v2"]) == ("sd_v1", "False")
    assert json.loads(found["ss_tag_frequency"]) == {"d": {"cat": 3}}
    assert found["modelspec.merged_from"] == "First, Second"
    assert found["modelspec.trigger_phrase"] == "cat, dog, bird"
    assert found["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert "a x1, b x0.5" in found["ss_training_comment"]


def test_ranks_that_vary_are_dynamic_and_lycoris_is_named(tmp_path: Path) -> None:
    a = Made({LAYER: "lora", CONV: "loha"}).write(tmp_path, "a")
    b = Made({LAYER: "lora", "te1.text_model.encoder.layers.0.mlp.fc1": "lora"}, rank=3).write(tmp_path, "b")
    found = read_header(merged(Recipe("merge", (Source(a), Source(b)), tmp_path / "out.safetensors")).path).metadata
    assert (found["ss_network_dim"], found["ss_network_alpha"]) == ("Dynamic", "Dynamic")
    assert found["ss_network_module"] == "lycoris.kohya"


def test_the_error_in_the_file_is_that_of_the_tensors_in_the_file(tmp_path: Path) -> None:
    made = Made({LAYER: "lora"}, rank=3, dtype=torch.float16)
    items = (Source(made.write(tmp_path, "a"), 0.7), Source(replace(made, seed=3).write(tmp_path, "b"), -0.3))
    result = merged(Recipe("merge", items, tmp_path / "out.safetensors"))
    told = json.loads(read_header(result.path).metadata[RECIPE_KEY])["result"]
    file = LoraFile(result.path)
    stored = term_of(file.modules[0], file.read(file.modules[0]))
    dense = torch.zeros(12, 8, dtype=torch.float64)
    for item in items:
        source = LoraFile(item.path)
        term = term_of(source.modules[0], source.read(source.modules[0]))
        dense += item.ratio * term.dense()  # type: ignore[union-attr]
    measured = between(stored.dense(), dense).error  # type: ignore[union-attr]
    assert told["error"] == result.error == pytest.approx(measured, rel=1e-3)
    assert 1e-5 < told["error"] < 1e-3
    assert told["blocks"]["IN04"]["kept"] > 0.999999


def test_the_recipe_makes_the_same_file_again_from_moved_and_renamed_sources(tmp_path: Path) -> None:
    a = Made(dict.fromkeys(LAYERS, "lora")).write(tmp_path, "a")
    b = Made(dict.fromkeys(LAYERS, "lora"), seed=4).write(tmp_path, "b")
    items = (Source(a, 0.7, weights="R,R,R,R,R,R,R,R,R,R,R,R,R,R,R,R,R", seed=7), Source(b, -0.4, weights="X", x=0.5))
    first = merged(Recipe("merge", items, tmp_path / "out.safetensors", ranks=Ranks(3)))
    (tmp_path / "sub").mkdir()
    a.rename(tmp_path / "sub" / "renamed.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    recipe = replace(find_sources(recipe_of(first.path), [tmp_path]), output=tmp_path / "again.safetensors")
    assert recipe.sources[0].path.name == "renamed.safetensors"
    assert "R" not in recipe.sources[0].weights
    assert merged(recipe).sha256 == first.sha256


def test_a_changed_source_is_refused(tmp_path: Path) -> None:
    a = Made({LAYER: "lora"}).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(a, 0.5),), tmp_path / "out.safetensors"))
    recipe = recipe_of(result.path)
    Made({LAYER: "lora"}, seed=9).write(tmp_path, "a")
    with pytest.raises(MergeError, match=r"a\.safetensors was changed since"):
        find_sources(recipe, [tmp_path])
    with pytest.raises(MergeError, match="was changed since"):
        run_merge(plan_merge(replace(recipe, output=tmp_path / "again.safetensors")))
    a.unlink()
    with pytest.raises(MergeError, match=r"a\.safetensors is not there any more"):
        find_sources(recipe, [tmp_path])


def test_files_without_a_recipe(tmp_path: Path) -> None:
    a = Made({LAYER: "lora"}).write(tmp_path, "a")
    with pytest.raises(MergeError, match="holds no recipe"):
        recipe_of(a)
    for text, sentence in (("{", "not JSON"), ("{}", "version None"), ('{"recipe": {"version": 1}}', "damaged")):
        path = LoraFiles(tmp_path).save("b", make_state({"lora_unet_conv_in": (4, 4)}), {**METADATA, RECIPE_KEY: text})
        with pytest.raises(MergeError, match=sentence):
            recipe_of(path)


def test_no_folder_is_written_into_the_file(tmp_path: Path) -> None:
    a = Made({LAYER: "lora"}).write(tmp_path, "a")
    result = merged(Recipe("bake", (Source(a, 0.5),), tmp_path / "out.safetensors"))
    assert tmp_path.name.encode() not in result.path.read_bytes()


def test_a_recipe_that_names_other_folders_stays_in_its_own(tmp_path: Path) -> None:
    data = recipe_to_json(Recipe("merge", (Source(Path("a.safetensors")),), Path("out.safetensors")))
    data["output"] = "../../evil.safetensors"
    data["sources"][0]["name"] = "/etc/passwd"
    recipe = recipe_from_json(data, tmp_path)
    assert recipe.output == tmp_path / "evil.safetensors"
    assert recipe.sources[0].path == tmp_path / "passwd"


numbers = st.floats(-10, 10)
rules = st.one_of(
    st.none(),
    st.integers(1, 64).map(Fixed),
    st.floats(1, 50).map(SvRatio),
    st.floats(0.01, 1).map(SvFro),
    st.floats(0.01, 1).map(SvCumulative),
)
sources = st.builds(Source, st.just(Path("a.safetensors")), numbers, numbers, numbers, st.text(), st.text())
recipes = st.builds(
    Recipe,
    operation=st.just("merge"),
    sources=st.lists(
        st.builds(
            Source, st.just(Path("a.safetensors")), numbers, numbers, numbers, st.text(), st.text(), st.integers()
        ),
        min_size=2,
        max_size=2,
    ).map(tuple),
    output=st.just(Path("日本.safetensors")),
    method=st.builds(Method, st.sampled_from(["sum", "ties", "dare", "common", "unique"]), st.floats(0.01, 1)),
    ranks=st.builds(Ranks, st.none() | st.integers(1, 9), st.none() | st.integers(1, 9), st.none(), rules),
    dtype=st.sampled_from(["auto", "fp16", "bf16", "fp32"]),
    base=st.none() | st.just(Path("model.safetensors")),
    leave_out=st.booleans(),
    base_sha256=st.text("0123456789abcdef"),
    base_size=st.integers(0),
)


@given(recipes)
def test_recipes_survive_json(recipe: Recipe) -> None:
    assert recipe_from_json(json.loads(json.dumps(recipe_to_json(recipe)))) == recipe


@pytest.mark.parametrize(
    ("texts", "merged_"),
    [
        (['{"a": {"x": 1}}', '{"a": {"x": 2, "y": 1}, "b": {"z": 5}}'], {"a": {"x": 3, "y": 1}, "b": {"z": 5}}),
        (["[1]", "{", '{"a": 1}', '{"a": {"x": "many"}}'], {"a": {}}),
    ],
)
def test_tags_are_added_up(texts: list[str], merged_: Any) -> None:
    assert merged_tags(texts) == merged_
