"""The modules of the WebUI that its LoRA extension imports, as small as they can be."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from safetensors.torch import load_file

from tests.hosts_a1111.model import Model


def webui_modules(folder: Path, family: str) -> dict[str, Any]:
    """Return the modules of the WebUI that its LoRA extension imports, as small as they can be."""
    opts = SimpleNamespace(
        sd_lora="None",
        extra_networks_default_multiplier=1.0,
        lora_functional=False,
        lora_in_memory_limit=0,
        lora_add_hashes_to_infotext=True,
        lora_preferred_name="Filename",
        lora_not_found_warning_console=False,
        lora_not_found_gradio_warning=False,
        lora_bundled_ti_to_infotext=True,
    )
    cpu = torch.device("cpu")
    shown: list[BaseException] = []
    embeddings = SimpleNamespace(word_embeddings={}, expected_shape=-1, skipped_embeddings={})
    parts: dict[str, dict[str, Any]] = {
        "shared": {
            "opts": opts,
            "cmd_opts": SimpleNamespace(lora_dir=str(folder), lyco_dir_backcompat=str(folder / "none")),
            "sd_model": Model(family),
            "walk_files": lambda root, allowed_extensions: map(str, sorted(Path(root).rglob("*.safetensors"))),
        },
        "devices": {
            "cpu": cpu,
            "device": cpu,
            "dtype": torch.float32,
            "torch_gc": lambda: None,
            "cond_cast_unet": lambda x: x,
        },
        "errors": {"shown": shown, "display": lambda e, *_: shown.append(e), "report": lambda *_, **__: None},
        "sd_models": {"read_state_dict": load_file, "read_metadata_from_safetensors": lambda _: {}},
        "cache": {"cached_data_for_file": lambda _kind, _title, _file, read: read()},
        "hashes": {"sha256_from_cache": lambda *_, **__: "", "sha256": lambda *_, **__: "0" * 64},
        "scripts": {},
        "sd_hijack": {"model_hijack": SimpleNamespace(embedding_db=embeddings, comments=[])},
        "processing": {
            "StableDiffusionProcessing": type(
                "StableDiffusionProcessing", (_Processing,), {"cached_params": _cached_params}
            )
        },
        "textual_inversion": {},
        "textual_inversion.textual_inversion": {},
        "models": {},
        "models.sd3": {},
        "models.sd3.mmdit": {"QkvLinear": type("QkvLinear", (torch.nn.Linear,), {})},
    }
    made: dict[str, Any] = {"modules": ModuleType("modules"), "gradio": ModuleType("gradio")}
    made["modules"].__path__ = []
    for name, content in parts.items():
        module = made[f"modules.{name}"] = ModuleType(f"modules.{name}")
        module.__dict__.update(content, __path__=[])
        parent, _, child = f"modules.{name}".rpartition(".")
        setattr(made[parent], child, module)
    return made


class _Processing:
    """The host's processing object, as far as tags concern it."""

    def __init__(self) -> None:
        self.scripts = None
        self.steps = 10
        self.all_prompts: list[str] = []
        self.extra_generation_params: dict[str, Any] = {}


def _cached_params(
    self: Any, required_prompts: Any, steps: int, extra_network_data: Any, hires_steps: Any = None, *_: Any
) -> tuple[Any, ...]:
    return required_prompts, steps, hires_steps, extra_network_data
