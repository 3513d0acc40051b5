import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks import DIALECTS, ModuleId, block_of, family, parse_key, parse_module, spell
from lib_lbw.blocks.module import COMPONENTS
from lib_lbw.blocks.roles import ROLES
from lib_lbw.errors import KeyNameError

MODULE = "lora_unet_mid_block_attentions_0_proj_in"
ATTENTION = "down_blocks.1.attentions.0.transformer_blocks.0.attn1"
CLIP = "text_model.encoder.layers.3"
CLIP_LAYERS = 12
ALPHABET = "abcdeklmnopqrstuv_.0123456789"


@pytest.mark.parametrize(
    ("suffix", "role"),
    [
        ("lora_down.weight", "lora_down"),
        ("lora_up.weight", "lora_up"),
        ("lora_up.bias", "bias"),
        ("lora_mid.weight", "lora_mid"),
        ("lora_A.weight", "lora_down"),
        ("lora_B.weight", "lora_up"),
        ("lora_A", "lora_down"),
        ("lora_B", "lora_up"),
        ("lora_A.default.weight", "lora_down"),
        ("lora_B.default_0.weight", "lora_up"),
        ("lora_B.bias", "bias"),
        ("lora_B.default.bias", "bias"),
        ("lora_magnitude_vector", "dora_scale"),
        ("lora_magnitude_vector.weight", "dora_scale"),
        ("lora_magnitude_vector.default.weight", "dora_scale"),
        ("lora.down.weight", "lora_down"),
        ("lora.up.weight", "lora_up"),
        ("lora_linear_layer.up.weight", "lora_up"),
        ("a1.weight", "a1"),
        ("bm.weight", "bm"),
        *(
            (role, role)
            for role in (
                *("alpha", "scale", "dora_scale", "bias", "reshape_weight", "diff", "diff_b", "w_norm", "b_norm"),
                *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
                *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t1", "lokr_t2"),
                *("weight", "on_input", "oft_blocks", "oft_diag", "rescale", "set_weight"),
            )
        ),
    ],
)
def test_roles(suffix: str, role: str) -> None:
    assert role in ROLES
    for name in (MODULE, "unet.mid_block.attentions.0.proj_in"):
        key = parse_key(f"{name}.{suffix}")
        assert (key.module, key.role, key.spelled) == (ModuleId("unet", "mid_block.attentions.0.proj_in"), role, name)


@pytest.mark.parametrize(
    ("key", "module", "role"),
    [
        (f"{ATTENTION}.processor.to_q_lora.down.weight", f"unet.{ATTENTION}.to_q", "lora_down"),
        (f"unet.{ATTENTION}.processor.to_out_lora.up.weight", f"unet.{ATTENTION}.to_out.0", "lora_up"),
        (f"unet.{ATTENTION}.to_out.0.lora.up.weight", f"unet.{ATTENTION}.to_out.0", "lora_up"),
        (f"text_encoder.{CLIP}.self_attn.to_k_lora.up.weight", f"te1.{CLIP}.self_attn.k_proj", "lora_up"),
        (
            f"text_encoder.{CLIP}.self_attn.q_proj.lora_linear_layer.down.weight",
            f"te1.{CLIP}.self_attn.q_proj",
            "lora_down",
        ),
        ("double_blocks.7.processor.qkv_lora1.down.weight", "transformer.double_blocks.7.img_attn.qkv", "lora_down"),
        ("double_blocks.7.processor.proj_lora2.up.weight", "transformer.double_blocks.7.txt_attn.proj", "lora_up"),
        ("single_blocks.7.processor.qkv_lora.up.weight", "transformer.single_blocks.7.processor.qkv", "lora_up"),
        (
            "cond_stage_model.model.transformer.resblocks.3.attn.in_proj_weight",
            f"te1.{CLIP}.self_attn.in_proj",
            "weight",
        ),
        ("cond_stage_model.model.transformer.resblocks.3.attn.in_proj_bias", f"te1.{CLIP}.self_attn.in_proj", "bias"),
        ("conditioner.embedders.1.model.text_projection", "te2.text_projection", "weight"),
        (
            "conditioner.embedders.1.model.positional_embedding",
            "te2.text_model.embeddings.position_embedding",
            "weight",
        ),
        ("model.diffusion_model.input_blocks.3.0.op.bias", "unet.down_blocks.0.downsamplers.0.conv", "bias"),
        ("lora_te2_text_projection.alpha", "te2.text_projection", "alpha"),
    ],
)
def test_whole_keys(key: str, module: str, role: str) -> None:
    parsed = parse_key(key)
    assert (str(parsed.module), parsed.role) == (module, role)
    assert parse_module(parsed.spelled) == parsed.module
    assert key.startswith(parsed.spelled)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        (f"lora_te_{CLIP.replace('.', '_')}_mlp_fc1", f"te1.{CLIP}.mlp.fc1"),
        (f"lora_te1_{CLIP.replace('.', '_')}_mlp_fc1", f"te1.{CLIP}.mlp.fc1"),
        (f"lora_te2_{CLIP.replace('.', '_')}_self_attn_out_proj", f"te2.{CLIP}.self_attn.out_proj"),
        ("lora_te_transformer_resblocks_3_mlp_c_fc", f"te1.{CLIP}.mlp.fc1"),
        ("conditioner.embedders.1.model.transformer.resblocks.3.mlp.c_proj", f"te2.{CLIP}.mlp.fc2"),
        ("conditioner.embedders.1.model.transformer.resblocks.3.ln_2", f"te2.{CLIP}.layer_norm2"),
        (f"conditioner.embedders.0.transformer.{CLIP}.layer_norm1", f"te1.{CLIP}.layer_norm1"),
        (f"cond_stage_model.transformer.{CLIP}.mlp.fc2", f"te1.{CLIP}.mlp.fc2"),
        ("cond_stage_model.transformer.encoder.layers.3.mlp.fc2", f"te1.{CLIP}.mlp.fc2"),
        (f"text_encoders.clip_l.transformer.{CLIP}.mlp.fc1", f"te1.{CLIP}.mlp.fc1"),
        (f"text_encoders.clip_g.transformer.{CLIP}.mlp.fc1", f"te2.{CLIP}.mlp.fc1"),
        (f"base_model.model.text_encoder_2.{CLIP}.mlp.fc1", f"te2.{CLIP}.mlp.fc1"),
        (f"text_encoder_2.base_model.model.{CLIP}.mlp.fc1", f"te2.{CLIP}.mlp.fc1"),
        (f"lycoris_{CLIP.replace('.', '_')}_mlp_fc1", f"te1.{CLIP}.mlp.fc1"),
        ("lora_te2_encoder_block_3_layer_0_SelfAttention_q", "te3.encoder.block.3.layer.0.SelfAttention.q"),
        ("lora_te3_encoder_block_3_layer_1_DenseReluDense_wi_0", "te3.encoder.block.3.layer.1.DenseReluDense.wi_0"),
        ("text_encoder.encoder.block.0.layer.1.DenseReluDense.wo", "te3.encoder.block.0.layer.1.DenseReluDense.wo"),
        ("text_encoders.t5xxl.transformer.shared", "te3.shared"),
        ("text_encoders.qwen3_06b.transformer.model.layers.3.mlp.up_proj", "te1.layers.3.mlp.up_proj"),
        ("lora_te_layers_3_self_attn_q_proj", "te1.layers.3.self_attn.q_proj"),
    ],
)
def test_text_encoder_names(name: str, module: str) -> None:
    assert str(parse_module(name)) == module


@pytest.mark.parametrize("component", ["te1", "te2"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("id", ["sd1", "sdxl", "flux", "chroma", None])
def test_clip_layers_in_every_dialect(
    clip_layers: dict[str, tuple[int, ...]], component: str, dialect: str, id: str | None
) -> None:
    assert "text_projection" in clip_layers
    for path in clip_layers:
        module = ModuleId(component, path)
        assert parse_module(spell(module, dialect, family(id) if id else None)) == module


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("id", ["sd1", "flux", "chroma", None])
def test_t5_in_every_dialect(dialect: str, id: str | None) -> None:
    module = ModuleId("te3", "encoder.block.5.layer.0.SelfAttention.o")
    assert parse_module(spell(module, dialect, family(id) if id else None)) == module


def test_the_family_decides_between_spellings() -> None:
    clip, t5 = ModuleId("te1", f"{CLIP}.mlp.fc1"), ModuleId("te3", "shared")
    assert spell(clip, "kohya", family("sd1")).startswith("lora_te_")
    assert spell(clip, "kohya", family("sdxl")).startswith("lora_te1_")
    assert spell(t5, "diffusers", family("flux")) == "text_encoder_2.shared"
    assert spell(t5, "diffusers", family("chroma")) == "text_encoder.shared"
    upsampler = ModuleId("unet", "up_blocks.0.upsamplers.0.conv")
    assert spell(upsampler, "kohya_ldm", family("sd1")) == "lora_unet_output_blocks_2_1_conv"
    assert spell(upsampler, "kohya_ldm", family("sdxl")) == "lora_unet_output_blocks_2_2_conv"


def test_spell_refuses_what_it_cannot_write() -> None:
    with pytest.raises(KeyNameError, match=r"'latin'.*kohya"):
        spell(ModuleId("te1", "x"), "latin")
    with pytest.raises(KeyNameError, match=r"unet\.nowhere"):
        spell(ModuleId("unet", "nowhere"), "kohya_ldm")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("lora_unet_input_blocs_4_1_proj_in", "lora_unet_input_blocks_4_1_proj_in"),
        ("lora_unet_input_block_4_1_proj_in", "lora_unet_input_blocks_4_1_proj_in"),
        ("lora_unet_input_blocks_4_1_proj_inn", "lora_unet_input_blocks_4_1_proj_in"),
        ("unet.down_block.1.resnets.0.conv1", "unet.down_blocks.1.resnets.0.conv1"),
        ("unet.mid_block.resnets.0.convv1", "unet.mid_block.resnets.0.conv1"),
        (f"unet.{ATTENTION}.to_w", f"unet.{ATTENTION}.to_q"),
        (f"text_encoder.{CLIP}.mpl.fc1", f"text_encoder.{CLIP}.mlp.fc1"),
        ("lora_unett_conv_in", "lora_unet_"),
        ("transformr.double_blocks.1.img_attn.qkv", "transformer."),
    ],
)
def test_a_wrong_name_gets_the_nearest_right_one(name: str, nearest: str) -> None:
    with pytest.raises(KeyNameError) as caught:
        parse_module(name)
    assert caught.value.fields["nearest"] == nearest
    assert repr(name) in str(caught.value)
    assert repr(nearest) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        (f"{MODULE}.lora_dwon.weight", "lora_down.weight"),
        (f"{MODULE}.alfa", "alpha"),
        ("unet.mid_block.attentions.0.proj_in.hada_w1_c", "hada_w1_b"),
    ],
)
def test_a_wrong_role_gets_the_nearest_right_one(key: str, nearest: str) -> None:
    with pytest.raises(KeyNameError) as caught:
        parse_key(key)
    assert caught.value.fields["nearest"] == nearest


@pytest.mark.parametrize(
    "key",
    [
        "",
        "alpha",
        "unet..alpha",
        "first_stage_model.decoder.conv_in.weight",
        "bundle_emb.name.string_to_param.*",
        f"{MODULE}.lora_A.adapter.more.weight",
        f"{MODULE}.lora_A.adapter.wait",
        "lora_unet_down_blocks_01_resnets_0_conv1.alpha",
        "lora_unet_down_blocks_0_resnets_0.alpha",
        "unet.conv_in.conv_in.alpha",
        "diffusion_model.inputt_blocks.4.1.proj_in.alpha",
    ],
)
def test_nonsense_is_refused(key: str) -> None:
    with pytest.raises(KeyNameError):
        parse_key(key)


@given(
    st.one_of(st.text(max_size=40), st.text(ALPHABET, max_size=40), st.from_regex(r"(unet|lora_te|net)[._][a-z_.0-9]+"))
)
def test_any_text_is_read_or_refused(text: str) -> None:
    for known in (text, f"{MODULE}.{text}", f"unet.{text}.alpha"):
        try:
            key = parse_key(known)
        except KeyNameError:
            continue
        assert parse_module(key.spelled) == key.module


@given(st.from_regex(r"([a-z0-9]+(_[a-z0-9]+){0,3})(\.[a-z0-9]+(_[a-z0-9]+){0,3}){0,3}", fullmatch=True))
def test_whatever_a_known_list_holds_is_accepted_and_stays_in_its_block(rest: str) -> None:
    module = parse_key(f"transformer.blocks.3.{rest}.alpha").module
    assert block_of(module, family("dit:wan")) == "B03"
    assert parse_module(spell(module, "diffusers")) == module


def test_names_of_open_clip_are_those_of_diffusers_converter(clip_layers: dict[str, tuple[int, ...]]) -> None:
    table = importlib.import_module("diffusers.loaders.single_file_utils").DIFFUSERS_TO_LDM_MAPPING["openclip"]
    checked = 0
    for path in clip_layers:
        if path.endswith(("q_proj", "k_proj", "v_proj")):
            continue
        name = f"{path}.weight"
        written = table["layers"].get(name)
        if written is None:
            for ours, theirs in table["transformer"].items():
                name = name.replace(ours, theirs)
            written = f"transformer.{name}"
        key = parse_key(f"conditioner.embedders.1.model.{written}")
        assert (str(key.module), key.role) == (f"te2.{path}", "weight")
        checked += 1
    assert checked == 5 * CLIP_LAYERS + 4


@given(st.sampled_from(["te1", "te2", "te3", "transformer", "unet"]), st.text(min_size=1))
def test_module_ids_read_back(component: str, path: str) -> None:
    assert ModuleId.parse(str(ModuleId(component, path))) == ModuleId(component, path)


def test_which_components_are_text_encoders() -> None:
    assert {name for name in COMPONENTS if ModuleId(name, "x").is_text_encoder} == {"te1", "te2", "te3"}


@pytest.mark.parametrize("text", ["", "unet", "unet.", "vae.conv_in"])
def test_no_module_id(text: str) -> None:
    with pytest.raises(KeyNameError, match=r"COMPONENT\.PATH"):
        ModuleId.parse(text)
