"""What is loaded, where it runs, and in which folders things are kept: pairs of a label and a text."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from lib_lbw import __version__
from lib_lbw.ui.i18n import Translate
from lib_lbw.ui.workbench import Workbench

_LIBRARIES = ("torch", "diffusers", "gradio")


def program(bench: Workbench, translate: Translate) -> list[tuple[str, str]]:
    """Return the model, what it runs on, and the versions: what a report of a fault needs."""
    host = bench.session.host
    return [
        (translate("Model"), host.model),
        (translate("Family"), host.family.title),
        (translate("Runs on"), host.device),
        (translate("LoRAs"), str(len(host.loras))),
        (translate("Versions"), ", ".join((f"LoRA Block Weight {__version__}", *_versions()))),
        (translate("System"), f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"),
    ]


def folders(bench: Workbench, translate: Translate) -> list[tuple[str, str]]:
    """Return the folders, each as one writes it in this system."""
    known = [
        (translate("Presets"), bench.store.folder),
        (translate("Analyses"), bench.results),
        (translate("Merged LoRAs"), bench.loras),
        (translate("Checkpoints made here"), bench.checkpoint_folder),
    ]
    others = sorted({path.parent for path in bench.session.host.loras.values()} - {bench.loras})
    known += [(translate("LoRAs"), folder) for folder in others]
    return [(label, str(folder)) for label, folder in known]


def _versions() -> list[str]:
    return [f"{name} {_version(name)}" for name in _LIBRARIES if name in sys.modules]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
