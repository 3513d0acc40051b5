"""The WebUI's folders of LoRAs and checkpoints. Reading and writing there never touches the loaded model."""

from collections.abc import Mapping
from pathlib import Path

from lib_lbw.webui import host

_FORMATS = frozenset({".safetensors", ".ckpt", ".pt", ".pth"})


def lora_folder() -> Path:
    """Return the folder that new LoRAs go to."""
    given = host.command_line("lora_dir")
    return Path(given) if given else _models() / "Lora"


def checkpoint_folder() -> Path:
    """Return the folder that new checkpoints go to."""
    return _models() / "Stable-diffusion"


def checkpoints() -> Mapping[str, Path]:
    """Return name -> file of every checkpoint that the WebUI lists."""
    from modules import sd_models

    listed = (Path(info.filename) for info in sd_models.checkpoints_list.values())
    return {path.stem: path for path in listed if path.suffix.lower() in _FORMATS}


def refresh_loras(path: Path) -> None:
    """Let the WebUI find a new LoRA, where its LoRA extension is on."""
    try:
        import networks
    except ImportError:
        return
    networks.list_available_networks()


def _models() -> Path:
    from modules import paths_internal

    return Path(paths_internal.models_path)
