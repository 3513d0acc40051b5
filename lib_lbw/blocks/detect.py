"""Which family a LoRA file is for, and why we think so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lib_lbw.blocks.evidence import (
    Modules,
    four_levels_sign,
    input_width,
    linear_projections,
    sdxl_sign,
    wide_text_encoder,
)
from lib_lbw.blocks.family import Family, family
from lib_lbw.blocks.generic import UNKNOWN, generic_family
from lib_lbw.blocks.keys import parse_key
from lib_lbw.blocks.module import ModuleId
from lib_lbw.blocks.resources import read_data
from lib_lbw.errors import FamilyError, KeyNameError

_NO_METADATA: Mapping[str, str] = MappingProxyType({})
_VERSION_FIELDS = ("ss_base_model_version", "modelspec.architecture")
_NUMBERED_TE = "lora_te1_"
_WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""Width of the text the cross-attention of a U-Net reads: CLIP ViT-L, OpenCLIP ViT-H, both of SDXL side by side."""


@dataclass(frozen=True)
class Detection:
    """A family and the reason for it, in one English sentence."""

    family: Family
    reason: str


def detect_family(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str] = _NO_METADATA) -> Detection:
    """Return the family of a file from the shapes of its tensors (key -> shape) and its metadata.

    The width of the text that a U-Net reads decides before metadata, metadata before structure. Keys that are no
    module names are passed over.
    Raises FamilyError when nothing tells the family.
    """
    modules, first_fault = _parsed(shapes)
    if not modules:
        raise FamilyError(
            "none of the {count} tensors belongs to a module of a known model: {fault}",
            count=len(shapes),
            fault=first_fault or "the file is empty",
        )
    components = Counter(module.component for module in modules)
    stated = _stated(metadata)
    if components["transformer"] > components["unet"]:
        return _transformer(modules, stated)
    if components["unet"]:
        return _from_width(modules) or stated or _from_structure(modules)
    return stated or _from_text_encoders(modules, any(key.startswith(_NUMBERED_TE) for key in shapes))


def _parsed(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Modules, KeyNameError | None]:
    modules: dict[ModuleId, dict[str, tuple[int, ...]]] = {}
    first_fault: KeyNameError | None = None
    for key, shape in shapes.items():
        try:
            parsed = parse_key(key)
        except KeyNameError as fault:
            first_fault = first_fault or fault
            continue
        modules.setdefault(parsed.module, {})[parsed.role] = tuple(shape)
    return modules, first_fault


def _stated(metadata: Mapping[str, str]) -> Detection | None:
    """Return what the metadata says, when it says something we know."""
    for name in _VERSION_FIELDS:
        value = metadata.get(name, "").lower()
        for entry in read_data("families")["families"]:
            if value.startswith(tuple(entry["versions"])):
                return Detection(family(entry["id"]), f"The metadata says so: {name} is {value!r}.")
    return None


def _transformer(modules: Modules, stated: Detection | None) -> Detection:
    found = generic_family(modules)
    if found.id == "flux":
        if stated is not None and stated.family.id == "chroma":
            return stated
        if any(module.path.startswith("distilled_guidance_layer.") for module in modules):
            return Detection(family("chroma"), "Double and single blocks with a distilled_guidance_layer: Chroma.")
    numbered = Counter(
        module.path.partition(".")[0]
        for module in modules
        if module.component == "transformer" and f"{module.path.split('.')[0]}.0" in found.places
    )
    lists = ", ".join(f"{name} ({count} modules)" for name, count in sorted(numbered.items()))
    if found.id == UNKNOWN:
        return Detection(found, f"A transformer we have no name for; its lists of blocks are {lists}.")
    return Detection(found, f"The numbered lists fit {found.title}: {lists}.")


def _from_width(modules: Modules) -> Detection | None:
    """Read the width of the text that the cross-attention takes in."""
    widths = Counter(
        width
        for module, tensors in modules.items()
        if module.component == "unet"
        and module.path.endswith((".attn2.to_k", ".attn2.to_v"))
        and (width := input_width(tensors)) in _WIDTHS
    )
    if not widths:
        return None
    width, count = widths.most_common(1)[0]
    found = family(_WIDTHS[width or 0])
    return Detection(found, f"The cross-attention of {count} modules reads text {width} wide, as in {found.title}.")


def _from_structure(modules: Modules) -> Detection:
    sdxl = sdxl_sign(modules)
    if sdxl is not None:
        return Detection(family("sdxl"), f"No known text width; {sdxl}, as in Stable Diffusion XL.")
    levels = four_levels_sign(modules)
    if levels is None:
        raise FamilyError(
            "these {count} modules are of a Stable Diffusion U-Net, but fit SD1, SD2 and SDXL alike", count=len(modules)
        )
    if linear_projections(modules) or wide_text_encoder(modules):
        return Detection(family("sd2"), f"No known text width; {levels}, and its layers are those of SD2.")
    return Detection(family("sd1"), f"No known text width; {levels}, as in Stable Diffusion 1.x.")


def _from_text_encoders(modules: Modules, numbered: bool) -> Detection:
    """Tell the family of a file that touches text encoders only."""
    components = {module.component for module in modules}
    if "te3" in components:
        return Detection(family("flux"), "Text encoders only, T5 among them, as in Flux.1.")
    if "te2" in components or numbered:
        return Detection(family("sdxl"), "Text encoders only, numbered as in Stable Diffusion XL.")
    if wide_text_encoder(modules):
        return Detection(family("sd2"), "One text encoder only, 1024 wide as in Stable Diffusion 2.x.")
    return Detection(family("sd1"), "One text encoder only, as in Stable Diffusion 1.x.")
