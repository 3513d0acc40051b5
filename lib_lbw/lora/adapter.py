"""Alphas that PEFT and diffusers keep outside the tensors, as JSON.

PEFT writes `adapter_config.json` beside `adapter_model.safetensors`; diffusers packs the same entries, each prefixed
with the pipeline part, into the metadata entry `lora_adapter_metadata`. Scaling is lora_alpha / r (LoHa and LoKr call
it alpha), with `use_rslora` lora_alpha / sqrt(r) (Kalajdzievski 2023, arXiv 2312.03732).
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import LoraFileError, UnsupportedLoraError

METADATA_KEY = "lora_adapter_metadata"
CONFIG_NAME = "adapter_config.json"
WEIGHTS_NAME = "adapter_model.safetensors"
_TOO_MUCH = 1e30  # neither infinite nor beyond a float
_PARTS: Mapping[str, tuple[str, ...]] = {
    "unet": ("unet.",),
    "transformer": ("transformer.",),
    "te1": ("text_encoder.",),
    "te2": ("text_encoder_2.",),
    "te3": ("text_encoder_3.", "text_encoder_2."),
}


@dataclass(frozen=True)
class AdapterConfig:
    """The entries of an adapter configuration, prefixed by pipeline part or not."""

    entries: Mapping[str, Any]

    def alpha(self, module: ModuleId, rank: int) -> float | None:
        """Return the alpha which, divided by `rank`, gives the scaling of `module`; None where nothing is said.

        Raises UnsupportedLoraError for a pattern that is no plain module name.
        """
        prefix, alpha = self._number(module, ("lora_alpha", "alpha"), "alpha_pattern")
        if alpha is None:
            return None
        return alpha * math.sqrt(rank) if self.entries.get(prefix + "use_rslora") else alpha

    def full_scaling(self, module: ModuleId) -> float | None:
        """Return the scaling of a module whose tensors show no rank; PEFT, alone, scales two full LoKr factors too."""
        _, rank = self._number(module, ("r",), "rank_pattern")
        if rank is None or rank < 1:
            return None
        alpha = self.alpha(module, int(rank))
        return None if alpha is None else alpha / rank

    def _number(self, module: ModuleId, names: tuple[str, ...], pattern: str) -> tuple[str, float | None]:
        """Return the first number found and the prefix under which it stands."""
        for prefix in (*_PARTS.get(module.component, ()), ""):
            default = next((self.entries[prefix + name] for name in names if prefix + name in self.entries), None)
            patterns = self.entries.get(prefix + pattern)
            found = _matching(patterns if isinstance(patterns, dict) else {}, module.path, default)
            if type(found) in (int, float) and abs(found) < _TOO_MUCH:
                return prefix, float(found)
        return "", None


def read_adapter_config(path: Path, metadata: Mapping[str, str]) -> AdapterConfig:
    """Return the configuration that belongs to the LoRA file at `path`, empty when there is none.

    Raises LoraFileError when it is there and is not a JSON object.
    """
    text = metadata.get(METADATA_KEY)
    beside = path.with_name(CONFIG_NAME)
    if text is None and path.name == WEIGHTS_NAME and beside.is_file():
        text = beside.read_text("utf-8", errors="replace")
    try:
        entries = json.loads(text) if text is not None else {}
    except (ValueError, RecursionError) as error:
        raise LoraFileError("{path}: the adapter configuration is not JSON.", path=path) from error
    if not isinstance(entries, dict):
        raise LoraFileError("{path}: the adapter configuration is not a JSON object.", path=path)
    return AdapterConfig(entries)


def _matching(patterns: Mapping[str, Any], path: str, default: Any) -> Any:
    """Return the value of the first pattern that matches the end of `path`.

    PEFT takes patterns for regular expressions. One out of a file is not run, as it may never end; a name is enough
    in practice, and anything else is refused.
    """
    for pattern, value in patterns.items():
        name = pattern.strip("^$").replace("\\.", ".")
        if not re.fullmatch(r"[\w.\-]+", name):
            raise UnsupportedLoraError("The adapter configuration has the pattern {pattern!a}.", pattern=pattern)
        if path == name or path.endswith("." + name):
            return value
    return default
