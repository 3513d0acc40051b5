import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_lbw.blocks import ModuleId, block_of, elements_of, families, family

LAYER = "transformer_blocks.3.attn2.to_out.0"


@pytest.mark.parametrize(
    ("id", "module", "block"),
    [
        ("sd1", "te1.text_model.encoder.layers.0.mlp.fc1", "TE1"),
        ("sd1", "te2.text_model.encoder.layers.0.mlp.fc1", "OTHER"),
        ("sdxl", "te2.text_model.embeddings.token_embedding", "TE2"),
        ("sdxl", "te2.text_projection", "OTHER"),
        ("sdxl", "unet.add_embedding.linear_1", "OTHER"),
        ("sdxl", "unet.conv_in", "IN00"),
        ("sdxl", "unet.conv_out", "OTHER"),
        ("sdxl", "transformer.double_blocks.0.img_attn.qkv", "OTHER"),
        ("flux", "te1.text_model.encoder.layers.0.mlp.fc1", "CLIP"),
        ("flux", "te3.encoder.block.0.layer.0.SelfAttention.q", "T5"),
        ("chroma", "te3.encoder.block.0.layer.0.SelfAttention.q", "T5"),
        ("flux", "transformer.double_blocks.18.img_mod.lin", "D18"),
        ("flux", "transformer.double_blocks.19.img_mod.lin", "OTHER"),
        ("flux", "transformer.transformer_blocks.4.ff.net.2", "D04"),
        ("flux", "transformer.single_transformer_blocks.37.proj_out", "S37"),
        ("flux", "transformer.single_blocks.0.linear1", "S00"),
        ("flux", "transformer.img_in", "IN"),
        ("flux", "transformer.time_in.in_layer", "IN"),
        ("flux", "transformer.time_text_embed.timestep_embedder.linear_1", "IN"),
        ("flux", "transformer.final_layer.linear", "OUT"),
        ("flux", "transformer.norm_out.linear", "OUT"),
        ("chroma", "transformer.distilled_guidance_layer.layers.0.in_layer", "OTHER"),
        ("dit:sd3", "transformer.joint_blocks.23.x_block.attn.qkv", "J23"),
        ("dit:z-image", "transformer.context_refiner.1.attention.qkv", "CR01"),
        ("dit:z-image", "transformer.layers.29.attention.qkv", "L29"),
        ("dit:anima", "transformer.llm_adapter.blocks.0.mlp.0", "ADAPTER"),
        ("dit:wan", "transformer.text_embedding.0", "IN"),
    ],
)
def test_block_of(id: str, module: str, block: str) -> None:
    assert block_of(ModuleId.parse(module), family(id)) == block


@given(st.sampled_from(families()), st.sampled_from(["te1", "te2", "te3", "unet", "transformer"]), st.text(min_size=1))
def test_every_module_has_a_leaf_of_the_family(each: object, component: str, path: str) -> None:
    assert block_of(ModuleId(component, path), each) in each.blocks


@pytest.mark.parametrize(
    ("module", "elements"),
    [
        (f"unet.down_blocks.2.attentions.1.{LAYER}", ("attentions.1", "transformer_blocks", "3", "attn2", "to_out.0")),
        (f"unet.mid_block.attentions.0.{LAYER}", ("attentions.0", "transformer_blocks", "3", "attn2", "to_out.0")),
        ("unet.up_blocks.0.upsamplers.0.conv", ("upsamplers.0", "conv")),
        ("unet.conv_in", ("conv_in",)),
        ("unet.time_embedding.linear_1", ("time_embedding", "linear_1")),
        ("te1.text_model.encoder.layers.11.mlp.fc1", ("text_model", "encoder", "layers", "11", "mlp", "fc1")),
        ("te3.encoder.block.7.layer.0.SelfAttention.q", ("encoder", "block", "7", "layer.0", "SelfAttention", "q")),
        ("transformer.double_blocks.3.img_mlp.2", ("img_mlp.2",)),
        ("transformer.transformer_blocks.3.ff.net.0.proj", ("ff", "net.0", "proj")),
        ("transformer.layers.3.attention.to_q", ("attention", "to_q")),
        ("transformer.img_in", ("img_in",)),
    ],
)
def test_elements_of(module: str, elements: tuple[str, ...]) -> None:
    assert elements_of(ModuleId.parse(module)) == elements
