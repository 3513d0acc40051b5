import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, safe_open

from lib_lbw.demo import demo_lora_names, demo_lora_path, demo_path
from lib_lbw.demo.draw import picture_array
from lib_lbw.demo.lora_files import payload_hash
from lib_lbw.demo.lora_modules import lora_applied, lora_targets
from lib_lbw.demo.model import load_demo_pipeline
from lib_lbw.demo.sheet import draw_prompts
from lib_lbw.demo.tokens import write_tokenizer
from lib_lbw.demo.vocabulary import random_scene, vocabulary


@pytest.fixture(scope="module")
def pipeline():
    return load_demo_pipeline()


def pixels(image):
    return np.asarray(image, dtype=np.float32)


def draw(pipeline, prompt, seed=0, steps=6):
    return pixels(draw_prompts(pipeline, [prompt], [seed], steps)[0])


def test_it_is_an_ordinary_pipeline_of_sd15_topology(pipeline):
    assert isinstance(pipeline, StableDiffusionPipeline)
    names = [type(block).__name__ for block in (*pipeline.unet.down_blocks, *pipeline.unet.up_blocks)]
    down = ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"]
    assert names == [*down, *(name.replace("Down", "Up") for name in reversed(down))]
    attentions = [n for n, m in pipeline.unet.named_modules() if type(m).__name__ == "Transformer2DModel"]
    assert len(attentions) == 16
    assert pipeline.vae_scale_factor == 4


def test_the_same_seed_draws_the_same_picture(pipeline):
    prompt = "a girl, red dress, beach"
    first = draw(pipeline, prompt)
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, draw(pipeline, prompt))
    assert not np.array_equal(first, draw(pipeline, prompt, seed=1))


def test_loading_leaves_torchs_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    load_demo_pipeline()
    assert torch.equal(torch.rand(1), expected)


def test_every_word_is_one_token(pipeline):
    for word in vocabulary():
        assert pipeline.tokenizer.tokenize(word) == [word + "</w>"]


def test_stored_tokenizer_is_what_the_vocabulary_gives(tmp_path):
    write_tokenizer(tmp_path)
    for name in ("vocab.json", "merges.txt"):
        assert (tmp_path / name).read_text() == (demo_path() / "tokenizer" / name).read_text()


def mean_colours(background):
    rng = np.random.default_rng(0)
    drawn = [picture_array(random_scene(rng, background=background), i) for i in range(20)]
    return np.stack(drawn).mean((0, 1, 2))


@pytest.mark.parametrize(("wanted", "other"), [("beach", "night"), ("night", "snow"), ("forest", "street")])
def test_the_background_follows_the_prompt(pipeline, wanted, other):
    prompts = [f"a girl, {wanted}"] * 3
    found = np.stack([pixels(i) for i in draw_prompts(pipeline, prompts, range(3), steps=8)])
    colour = found.mean((0, 1, 2))
    near, far = (np.abs(colour - mean_colours(place)).sum() for place in (wanted, other))
    assert near < far


@pytest.mark.parametrize(("colour", "channel"), [("red", 0), ("blue", 2)])
def test_the_dress_follows_the_prompt(pipeline, colour, channel):
    prompts = [f"a girl, {colour} dress, snow, flat style"] * 3
    found = np.stack([pixels(i) for i in draw_prompts(pipeline, prompts, range(3), steps=8)])
    skirt = found[:, 48:53, 28:36].mean((0, 1, 2))
    assert skirt.argmax() == channel


def test_all_files_together_are_small():
    assert sum(f.stat().st_size for f in demo_path().rglob("*.safetensors")) < 12_000_000


def test_names_of_the_loras():
    assert demo_lora_names() == ("karaokeroom", "inkstyle", "headsize", "goldhair", "bighead", "smallhead")
    with pytest.raises(KeyError):
        demo_lora_path("../unet")


@pytest.mark.parametrize("name", demo_lora_names())
def test_lora_files_have_kohya_names_and_metadata(pipeline, name):
    path = demo_lora_path(name)
    tensors = load_file(path)
    modules = {key.partition(".")[0] for key in tensors}
    assert modules <= set(lora_targets(pipeline, convolutions=True, text=True))
    assert len(modules) >= 192
    assert all(f"{module}.alpha" in tensors for module in modules)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["ss_output_name"] == name
    assert metadata["ss_base_model_version"] == "lbw_demo_v1"
    assert json.loads(metadata["ss_tag_frequency"])["drawn"]
    assert metadata["sshs_model_hash"] == payload_hash(path.read_bytes())


def test_each_lora_has_its_form():
    keys = {name: set(load_file(demo_lora_path(name))) for name in demo_lora_names()}
    block = "lora_unet_down_blocks_0_"
    attention = block + "attentions_0_transformer_blocks_0_attn1_to_q"
    assert f"{attention}.lora_down.weight" in keys["karaokeroom"]
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha" in keys["karaokeroom"]
    assert block + "resnets_0_conv1.lora_up.weight" in keys["inkstyle"]
    assert f"{attention}.hada_w1_a" in keys["goldhair"]
    assert not any(key.startswith("lora_te_") for key in keys["headsize"])


@pytest.mark.parametrize("name", demo_lora_names())
def test_a_lora_changes_the_picture_and_leaves_no_trace(pipeline, name):
    prompt, tensors = "a girl, red dress, room", load_file(demo_lora_path(name))
    before = draw(pipeline, prompt, steps=4)
    with lora_applied(pipeline, tensors):
        assert np.abs(draw(pipeline, prompt, steps=4) - before).mean() > 1
    assert np.array_equal(draw(pipeline, prompt, steps=4), before)
