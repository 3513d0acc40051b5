"""Which words are parts of sub-module names, and when such a word fits a module.

The words guard against typing errors: an element nobody has heard of would silently weigh nothing.
Sources: module names of diffusers `UNet2DConditionModel`, transformers `CLIPTextModel` and `T5EncoderModel`,
black-forest-labs/flux, and the DiTs of diffusers (SD3, Lumina-2, Qwen-Image, Wan, HunyuanVideo).
"""

import re

ELEMENT_NAMES = (
    # U-Net
    *("attentions", "resnets", "transformer_blocks", "downsamplers", "upsamplers"),
    *("attn1", "attn2", "to_q", "to_k", "to_v", "to_out", "to_qkv", "proj_in", "proj_out"),
    *("norm", "norm1", "norm2", "norm3", "conv", "conv1", "conv2", "conv_shortcut", "conv_in", "conv_out"),
    *("conv_norm_out", "time_emb_proj", "time_embedding", "add_embedding", "linear_1", "linear_2"),
    # text encoders
    *("text_model", "encoder", "layers", "self_attn", "q_proj", "k_proj", "v_proj", "out_proj", "mlp", "fc1", "fc2"),
    *("layer_norm1", "layer_norm2", "final_layer_norm", "embeddings", "token_embedding", "text_projection"),
    *("SelfAttention", "DenseReluDense", "wi_0", "wi_1", "wo"),
    # transformers
    *("img_attn", "txt_attn", "qkv", "img_mlp", "txt_mlp", "img_mod", "txt_mod", "modulation", "linear1", "linear2"),
    *("attn", "cross_attn", "attention", "to_add_out", "add_q_proj", "add_k_proj", "add_v_proj", "norm_q", "norm_k"),
    *("norm_added_q", "norm_added_k", "query_norm", "key_norm", "norm1_context", "context_block", "x_block"),
    *("ff", "net", "ff_context", "ffn", "feed_forward", "proj", "proj_mlp", "w1", "w2", "w3", "gate_proj", "up_proj"),
    *("down_proj", "adaLN_modulation", "img_in", "txt_in", "time_in", "vector_in", "guidance_in", "final_layer"),
    *("context_embedder", "x_embedder", "t_embedder", "time_text_embed", "q_norm", "k_norm", "o_proj"),
)
"""Names of sub-modules; an element is a part of one, or several joined."""

_WORD = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_FOLDED = tuple(name.casefold() for name in ELEMENT_NAMES)


def is_element(text: str) -> bool:
    """Tell whether `text` can be part of a sub-module's name: `attn`, `attn1.to_k`, `ff_net`, `to_out.0`; or `3`.

    A number alone is the number of a transformer layer. Letter case does not count.
    """
    if not is_word(text):
        return False
    folded = text.casefold()
    known = (part.isdigit() or any(part in name for name in _FOLDED) for part in re.split(r"[._]", folded))
    return folded.isdigit() or (len(folded) > 1 and all(known))


def is_word(text: str) -> bool:
    """Tell whether `text` is built as an element must be: words of letters, digits and `_`, joined by points."""
    return _WORD.fullmatch(text) is not None and "__" not in text


def element_matches(element: str, path: tuple[str, ...]) -> bool:
    """Tell whether `element` is part of the module name `path` (its parts inside the block).

    A number matches the part that counts transformer layers, and only as a whole: 3 is not in 13. Anything else
    matches as a substring; points and underscores are the same, as the two ways of writing module names differ in them.
    """
    if element.isdigit():
        return element in path
    name = "_" + "_".join(path).replace(".", "_").casefold() + "_"
    wanted = element.replace(".", "_").casefold()
    segments = wanted.split("_")
    return ("_" if segments[0].isdigit() else "") + wanted + ("_" if segments[-1].isdigit() else "") in name
