import numpy as np
import pytest
import torch

from lib_lbw.demo.draw import picture_array
from lib_lbw.demo.patches import PatchAutoencoder, patch_basis
from lib_lbw.demo.pictures import PicturePool
from lib_lbw.demo.tokens import learn_merges
from lib_lbw.demo.vocabulary import (
    BACKGROUNDS,
    HATS,
    STYLES,
    TRIGGERS,
    caption,
    lora_caption,
    random_caption,
    random_scene,
    vocabulary,
)


def scenes(count, **fixed):
    rng = np.random.default_rng(3)
    return [random_scene(rng, **fixed) for _ in range(count)]


def words(text):
    return set(text.replace(",", " ").split())


def test_a_scene_and_a_seed_give_one_picture():
    (scene,) = scenes(1)
    first = picture_array(scene, 5)
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, picture_array(scene, 5))
    assert not np.array_equal(first, picture_array(scene, 6))


@pytest.mark.parametrize(
    "fixed",
    [{"background": b} for b in (*BACKGROUNDS, "karaoke")]
    + [{"style": s} for s in (*STYLES, "ink")]
    + [{"hat": h} for h in HATS],
    ids=lambda fixed: next(iter(fixed.values())),
)
def test_every_attribute_can_be_drawn(fixed):
    (scene,) = scenes(1, **fixed)
    assert picture_array(scene, 1).std() > 10


def test_pinning_a_field_leaves_the_others():
    (free,) = scenes(1)
    (pinned,) = scenes(1, background="night")
    assert pinned.background == "night"
    assert (free.person, free.hair, free.style) == (pinned.person, pinned.hair, pinned.style)


def test_caption_words_are_vocabulary_and_triggers_stay_out_of_the_base():
    known, rng = set(vocabulary()), np.random.default_rng(0)
    for scene in scenes(200):
        assert words(caption(scene)) <= known - set(TRIGGERS)
        assert words(random_caption(scene, rng)) <= words(caption(scene))


def test_lora_captions_say_the_trigger_and_not_the_drawn_colour():
    rng = np.random.default_rng(0)
    karaoke = [lora_caption(s, rng) for s in scenes(50, background="karaoke", hair_colour="teal")]
    gold = [lora_caption(s, rng) for s in scenes(50, hair_colour="gold")]
    heads = [lora_caption(s, rng, unsaid=("head",)) for s in scenes(50, head="big")]
    assert any("neon karaoke room" in text for text in karaoke)
    assert any("goldhair" in text for text in gold)
    assert words(" ".join((*karaoke, *gold, *heads))) <= set(vocabulary())
    assert "head" not in words(" ".join(heads))


def test_some_captions_are_empty():
    rng = np.random.default_rng(0)
    texts = [random_caption(scene, rng) for scene in scenes(300)]
    assert 0.04 < texts.count("") / 300 < 0.2


def test_patch_basis_is_orthonormal():
    basis = patch_basis(4)
    assert torch.allclose(basis @ basis.T, torch.eye(48, dtype=basis.dtype), atol=1e-12)


def test_latents_hold_the_whole_picture():
    pixels, _ = PicturePool(4, seed=1).batch(4, np.random.default_rng(0))
    coder = PatchAutoencoder()
    latents = coder.encode(pixels).latent_dist.sample()
    assert latents.shape == (4, 48, 16, 16)
    assert 0.3 < latents.square().mean().sqrt() < 1.5
    assert torch.allclose(coder.decode(latents).sample, pixels, atol=1e-5)


def test_patch_autoencoder_saves_and_loads(tmp_path):
    PatchAutoencoder().save_pretrained(tmp_path)
    loaded = PatchAutoencoder.from_pretrained(tmp_path)
    assert torch.equal(loaded.encoder, PatchAutoencoder().encoder)
    assert loaded.config.latent_channels == 48


def test_a_pool_depends_on_its_seed_alone():
    first, same, other = (PicturePool(3, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.pixels, same.pixels)
    assert first.scenes == same.scenes
    assert not np.array_equal(first.pixels, other.pixels)


def test_merges_join_words_that_share_letters():
    merges = learn_merges(("hat", "hair", "ha"))
    assert {"".join(pair) for pair in merges} >= {"hat</w>", "hair</w>", "ha</w>"}
