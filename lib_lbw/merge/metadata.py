"""The metadata of a result: what trainers, WebUIs and model sites look for, and the recipe.

Keys as in kohya sd-scripts (`ss_`) and Stability's ModelSpec 1.0.1 (`modelspec.`). What describes a training is kept
where all sources agree.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lib_lbw import __version__
from lib_lbw.blocks.family import Family
from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.layer import Layer
from lib_lbw.merge.recipe import Recipe
from lib_lbw.merge.tags import merged_tags

RECIPE_KEY = "lbw_recipe"
PROGRAM = f"LoRA Block Weight {__version__}"
_LARGEST = 1 << 16  # bytes of an entry that is passed on; beyond are thumbnails
_REPLACED = (
    "ss_network_",
    "ss_output_name",
    "ss_tag_frequency",
    "ss_training_comment",
    "ss_base_model_version",
    "ss_v2",
)
_PASSED_ON = ("implementation", "resolution", "prediction_type", "author", "license", "timestep_range", "encoder_layer")
_VERSIONS = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0", "flux": "flux1", "chroma": "chroma"}
_ARCHITECTURES = {
    "sd1": "stable-diffusion-v1/lora",
    "sd2": "stable-diffusion-v2-512/lora",
    "sdxl": "stable-diffusion-xl-v1-base/lora",
    "flux": "flux-1-dev/lora",
    "chroma": "chroma/lora",
}
_VARIES = "Dynamic"

StoredModule = tuple[LoraModule, Layer]
"""A module of the result, and the layer it changes."""


def describe(
    recipe: Recipe,
    stored: Mapping[str, Any],
    family: Family,
    sources: Sequence[Mapping[str, str]],
    modules: Sequence[StoredModule],
) -> dict[str, str]:
    """Return the metadata of a file with these `modules`, hashes aside.

    `stored` is what `recipe_of` reads again, with the result; `sources` the metadata of the files that went in.
    """
    return {
        **_training(sources),
        **_network(modules),
        "ss_base_model_version": _agreed(sources, "ss_base_model_version") or _VERSIONS.get(family.id, family.id),
        "ss_v2": str(family.id == "sd2"),
        "ss_output_name": recipe.output.stem,
        "ss_training_comment": sentence(recipe),
        **_tag_frequency(sources),
        **_modelspec(recipe, family, sources),
        RECIPE_KEY: json.dumps(stored, ensure_ascii=False, separators=(",", ":")),
    }


def sentence(recipe: Recipe) -> str:
    """Return the recipe in a line that people read: "merge: A x0.7 lbw=OUTALL, B x-0.4"."""
    named = []
    for source in recipe.sources:
        apart = f" te x{source.te:g} unet x{source.unet:g}" if (source.te, source.unet) != (1, 1) else ""
        weights = f" lbw={source.weights}" if source.weights else ""
        elements = f" lbwe={source.elements}" if source.elements else ""
        named.append(f"{source.path.stem} x{source.ratio:g}{apart}{weights}{elements}")
    method = "" if recipe.method.kind == "sum" else f" ({recipe.method.kind})"
    return f"{recipe.operation}{method}: {', '.join(named)} - {PROGRAM}"


def _training(sources: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the `ss_` entries that all sources have alike."""
    shared = {key: value for key, value in sources[0].items() if all(each.get(key) == value for each in sources)}
    return {
        key: value
        for key, value in shared.items()
        if key.startswith("ss_") and not key.startswith(_REPLACED) and len(value.encode()) <= _LARGEST
    }


def _network(modules: Sequence[StoredModule]) -> dict[str, str]:
    """Return module type, ranks and alphas, those of convolutions apart."""
    plain = all(module.algorithm == "lora" and not module.tucker and not module.dora for module, _ in modules)
    conv = [module for module, layer in modules if module.rank is not None and layer.conv]
    linear = [module for module, layer in modules if module.rank is not None and not layer.conv]
    arguments = {"algo": _one(module.algorithm for module, _ in modules)}
    if conv:
        arguments |= {"conv_dim": _ranks(conv), "conv_alpha": _alphas(conv)}
    return {
        "ss_network_module": "networks.lora" if plain else "lycoris.kohya",
        "ss_network_dim": _ranks(linear or conv),
        "ss_network_alpha": _alphas(linear or conv),
        "ss_network_args": json.dumps(arguments),
    }


def _ranks(modules: Iterable[LoraModule]) -> str:
    return _one(str(module.rank) for module in modules)


def _alphas(modules: Iterable[LoraModule]) -> str:
    return _one(f"{module.rank if module.alpha is None else module.alpha:g}" for module in modules)


def _one(values: Iterable[str]) -> str:
    """Return the value that all have; "Dynamic", as trainers write it, where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else _VARIES


def _agreed(sources: Sequence[Mapping[str, str]], key: str) -> str:
    """Return the value that all sources have, or nothing."""
    values = {each.get(key, "") for each in sources}
    return values.pop() if len(values) == 1 else ""


def _tag_frequency(sources: Sequence[Mapping[str, str]]) -> dict[str, str]:
    merged = merged_tags([each["ss_tag_frequency"] for each in sources if "ss_tag_frequency" in each])
    return {"ss_tag_frequency": json.dumps(merged, ensure_ascii=False)} if merged else {}


def _modelspec(recipe: Recipe, family: Family, sources: Sequence[Mapping[str, str]]) -> dict[str, str]:
    titles = [
        each.get("modelspec.title") or source.path.stem for each, source in zip(sources, recipe.sources, strict=True)
    ]
    entries = {
        "sai_model_spec": "1.0.1",
        "architecture": _agreed(sources, "modelspec.architecture") or _ARCHITECTURES.get(family.id, ""),
        "title": recipe.output.stem,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "merged_from": ", ".join(dict.fromkeys(titles)),
        "trigger_phrase": _union(sources, "modelspec.trigger_phrase"),
        "tags": _union(sources, "modelspec.tags"),
        **{key: _agreed(sources, f"modelspec.{key}") for key in _PASSED_ON},
    }
    return {f"modelspec.{key}": value for key, value in entries.items() if value}


def _union(sources: Sequence[Mapping[str, str]], key: str) -> str:
    """Return the comma-separated words of all sources, each once."""
    words = [word.strip() for each in sources for word in each.get(key, "").split(",")]
    return ", ".join(dict.fromkeys(word for word in words if word))
