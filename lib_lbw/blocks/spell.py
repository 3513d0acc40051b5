"""From a `ModuleId` to the name a kind of file gives it: the inverse of `parse_module`."""

from __future__ import annotations

from functools import lru_cache

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.rules import CANONICAL, rewrite, rule
from lib_lbw.errors import KeyNameError

DIALECTS = ("kohya", "kohya_ldm", "diffusers", "peft", "lycoris")
"""kohya lora_unet_down_blocks_…, kohya_ldm lora_unet_input_blocks_…, diffusers unet.down_blocks.…,
peft base_model.model.down_blocks.…, lycoris lycoris_down_blocks_…"""

_DOTTED = {"unet": "unet", "transformer": "transformer", "te1": "text_encoder", "te2": "text_encoder_2"}
_T5 = {"flux": "text_encoder_2", "chroma": "text_encoder"}
_FOUR_LEVELS = ("sd1", "sd2")
_SD1_UPSAMPLER = ("output_blocks.2.2.conv", "output_blocks.2.1.conv")


@lru_cache(maxsize=65536)
def spell(module: ModuleId, dialect: str, family: Family | None = None) -> str:
    """Return the name of `module` in one of `DIALECTS`: `parse_module(spell(m, d)) == m`.

    The family decides what dialects leave open: the first text encoder is `lora_te_` in SD1 and SD2 and `lora_te1_`
    elsewhere, T5 is diffusers' second text encoder in Flux.1 and its only one in Chroma, the first upsampler is child 1
    of output_blocks.2 in SD1 and SD2 and child 2 in SDXL. Without a family "kohya" follows SD1 and the rest SDXL, as
    their trainers do. Text encoders in "lycoris" are spelled as in "kohya".
    Raises KeyNameError for an unknown dialect, or a U-Net path that the LDM names do not know.
    """
    if dialect not in DIALECTS:
        raise KeyNameError("{dialect!r} is none of the spellings {known}", dialect=dialect, known=", ".join(DIALECTS))
    if dialect in ("diffusers", "peft"):
        return _dotted(module, dialect, family)
    path = _ldm_path(module, family) if dialect == "kohya_ldm" and module.component == "unet" else module.path
    return f"{_prefix(module.component, dialect, family)}_{path.replace('.', '_')}"


def _dotted(module: ModuleId, dialect: str, family: Family | None) -> str:
    if module.component == "te3":
        head = _T5.get(family.id, "text_encoder_3") if family else "text_encoder_3"
    else:
        head = _DOTTED[module.component]
    if dialect == "diffusers":
        return f"{head}.{module.path}"
    if module.component in ("unet", "transformer"):
        return f"base_model.model.{module.path}"
    return f"{head}.base_model.model.{module.path}"


def _prefix(component: str, dialect: str, family: Family | None) -> str:
    if component in ("unet", "transformer"):
        return "lycoris" if dialect == "lycoris" else "lora_unet"
    if component != "te1":
        return f"lora_{component}"
    single = family.id in _FOUR_LEVELS if family else dialect == "kohya"
    return "lora_te" if single else "lora_te1"


def _ldm_path(module: ModuleId, family: Family | None) -> str:
    path = rewrite(module.path, rule("ldm"), ".", CANONICAL)
    if path is None:
        raise KeyNameError("{module} has no name in an LDM checkpoint", module=module)
    if family is not None and family.id in _FOUR_LEVELS and path == _SD1_UPSAMPLER[0]:
        return _SD1_UPSAMPLER[1]
    return path
