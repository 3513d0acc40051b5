"""From the name of a patched parameter to the module it belongs to.

The hosts name the parameters of their own model classes: `diffusion_model.input_blocks.4.1.proj_in.weight`,
`diffusion_model.double_blocks.0.img_attn.qkv.weight`, `clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight`.
"""

from functools import lru_cache

from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.names import parse_module
from lib_lbw.errors import KeyNameError

_DENOISER = "diffusion_model"
_ENCODERS = {"clip_l": "clip_l", "clip_h": "clip_l", "clip_g": "clip_g", "t5xxl": "t5xxl"}
"""Name of a text encoder in the host -> the one whose module names `parse_module` reads; others are language models."""
_LANGUAGE_MODEL = "qwen3_4b"
_COMPONENTS = {"clip_g": "te2", "t5xxl": "te3"}


@lru_cache(maxsize=65536)
def module_of(key: str) -> ModuleId | None:
    """Return the module of the parameter `key`; None when no known model has a module of that name."""
    module, _, _ = key.rpartition(".")
    head, _, path = module.partition(".")
    if head == _DENOISER:
        return _parsed(module)
    encoder = _ENCODERS.get(head, _LANGUAGE_MODEL)
    return _parsed(f"text_encoders.{encoder}.transformer.{_inside(key, path)}")


def place_of(key: str) -> ModuleId:
    """Return the module of `key`, or for an unknown name one that lies outside every block of its part."""
    known = module_of(key)
    if known is not None:
        return known
    head, _, path = key.partition(".")
    if head == _DENOISER:
        return ModuleId("unet", path or key)
    return ModuleId(_COMPONENTS.get(head, "te1"), path.removeprefix("transformer.") or key)


def is_denoiser(key: str) -> bool:
    """Tell whether `key` belongs to what makes the image, not to a text encoder."""
    return key.startswith(f"{_DENOISER}.")


def _inside(key: str, path: str) -> str:
    """Return the module's path inside its text encoder; a bare parameter such as `text_projection` names itself."""
    return path.removeprefix("transformer.") if path not in ("", "transformer") else key.rpartition(".")[2]


def _parsed(name: str) -> ModuleId | None:
    try:
        return parse_module(name)
    except KeyNameError:
        return None
