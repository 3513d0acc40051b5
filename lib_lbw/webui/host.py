"""The WebUI as this extension sees it. Every import of it happens when asked for, so that all of it can be tested."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def data_folder() -> Path:
    """Return the folder for the user's presets and analyses, below the WebUI's data folder."""
    from modules.paths_internal import data_path

    return Path(data_path) / "lora-block-weight"


def option(name: str, default: Any) -> Any:
    """Return a setting; `default` before the settings are made."""
    from modules import shared

    return getattr(shared.opts, name, default)


def command_line(name: str) -> Any:
    """Return a command-line option, None for one that this WebUI does not have."""
    from modules import shared

    return getattr(shared.cmd_opts, name, None)


class LoraFiles(Mapping[str, Path]):
    """Name or alias -> file, asked of the WebUI's lists when needed: they may hold thousands, and a tag names one."""

    def __init__(self, names: Mapping[str, Any], aliases: Mapping[str, Any], forbidden: Mapping[str, Any]) -> None:
        self._names, self._aliases, self._forbidden = names, aliases, forbidden

    def __getitem__(self, name: str) -> Path:
        found = self._names.get(name)
        if found is None and name.lower() not in self._forbidden:
            found = self._aliases.get(name)
        if found is None:
            raise KeyError(name)
        return Path(found.filename)

    def __iter__(self) -> Iterator[str]:
        aliases = [each for each in list(self._aliases) if each.lower() not in self._forbidden]
        return iter(dict.fromkeys((*aliases, *list(self._names))))  # copies: another thread may fill the lists anew

    def __len__(self) -> int:
        return sum(1 for _ in self)


def lora_files() -> Mapping[str, Path]:
    """Return name -> file of every LoRA listed, aliases included; empty without the built-in LoRA extension."""
    try:
        import networks
    except ImportError:
        return {}
    forbidden: Mapping[str, Any] = getattr(networks, "forbidden_network_aliases", {})
    return LoraFiles(networks.available_networks, networks.available_network_aliases, forbidden)


def lora_folder() -> Path:
    """Return the folder that new LoRAs go to."""
    given = command_line("lora_dir")
    return Path(given) if given else _models() / "Lora"


def refresh_loras(path: Path | None = None) -> None:
    """Let the WebUI find new LoRAs (`path` is one of them), where its LoRA extension is on."""
    try:
        import networks
    except ImportError:
        return
    networks.list_available_networks()


def lora_cards() -> tuple[Any, Any] | None:
    """Return the classes of the LoRA cards' page and of their editor; None where the WebUI has none."""
    page = getattr(sys.modules.get("ui_extra_networks_lora"), "ExtraNetworksPageLora", None)
    editor = getattr(sys.modules.get("ui_edit_user_metadata"), "LoraUserMetadataEditor", None)
    return None if page is None or editor is None else (page, editor)


def checkpoint_folder() -> Path:
    """Return the folder that new checkpoints go to."""
    return _models() / "Stable-diffusion"


def checkpoints() -> dict[str, Path]:
    """Return name -> file of every checkpoint that the WebUI lists."""
    from modules import sd_models

    listed = (Path(info.filename) for info in sd_models.checkpoints_list.values())
    return {path.stem: path for path in listed}


def _models() -> Path:
    from modules import paths_internal

    return Path(paths_internal.models_path)


def script_files() -> Sequence[Path]:
    """Return the files of all scripts that are loaded."""
    from modules import scripts

    return tuple(Path(each.path) for each in scripts.scripts_data)


def plot_module() -> Any | None:
    """Return the module of the WebUI's own X/Y/Z plot, None when it is not there."""
    from modules import scripts

    for each in scripts.scripts_data:
        module = each.module
        if Path(each.path).name == "xyz_grid.py" and hasattr(module, "AxisOption") and hasattr(module, "axis_options"):
            return module
    return None


def extension_folders() -> Sequence[Path]:
    """Return the folders of all extensions, the disabled ones included."""
    from modules import paths_internal

    folder = Path(paths_internal.extensions_dir)
    return tuple(sorted(each for each in folder.iterdir() if each.is_dir())) if folder.is_dir() else ()


def tell(job: Any, sentence: str) -> None:
    """Show a sentence under the picture, where the WebUI has a place for it."""
    comment = getattr(job, "comment", None)
    if callable(comment):
        comment(sentence)


def language() -> str:
    """Return "ja" for a Japanese page, else "en"."""
    return "ja" if str(option("localization", "")).lower().startswith(("ja", "japan")) else "en"


def apply_styles(job: Any) -> None:
    """Write the styles of a job into its prompts."""
    from modules import shared

    styles = shared.prompt_styles
    job.prompt = styles.apply_styles_to_prompt(job.prompt, job.styles)
    job.negative_prompt = styles.apply_negative_styles_to_prompt(job.negative_prompt, job.styles)
    job.styles = []
