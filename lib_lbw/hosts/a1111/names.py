"""From a module of the host to our name of it."""

from functools import lru_cache

from lib_lbw.blocks.keys import parse_key
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.names import parse_module
from lib_lbw.errors import KeyNameError

_HEADS = (
    ("diffusion_model_", "lora_unet_"),
    ("0_transformer_", "lora_te1_"),
    ("1_model_", "lora_te2_"),
    ("transformer_", "lora_te_"),
    ("model_", "lora_te_"),
)
"""What the host's names of layers begin with -> the prefix of files."""

_OPEN_CLIP = (
    ("transformer_resblocks_", "text_model_encoder_layers_"),
    ("_attn_", "_self_attn_"),
    ("_c_fc", "_fc1"),
    ("_c_proj", "_fc2"),
)
"""What the host renames in OpenCLIP text encoders, and what it was."""


@lru_cache(maxsize=65536)
def module_id(network_key: str, sd_key: str) -> ModuleId | None:
    """Return the module of one tensor's key in the file; if that says nothing, of the layer's name in the host."""
    for name in (network_key, f"{_spelled(sd_key)}.alpha"):
        try:
            return parse_key(name).module
        except KeyNameError:
            pass
    try:
        return parse_module(network_key.partition(".")[0])
    except KeyNameError:
        return None


def _spelled(sd_key: str) -> str:
    """Return the host's name of a layer as a file would spell it."""
    for host, prefix in _HEADS:
        if sd_key.startswith(host):
            name = prefix + sd_key.removeprefix(host)
            for renamed, original in _OPEN_CLIP if "resblocks" in sd_key else ():
                name = name.replace(renamed, original)
            return name
    return sd_key
