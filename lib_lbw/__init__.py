"""Weigh a LoRA block by block: prompt syntax, block analyzer, presets and exact merge.

Importing this loads nothing: a public name is looked up in its own module when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib_lbw.blocks.family import family
    from lib_lbw.engine.plan import plan
    from lib_lbw.errors import LbwError
    from lib_lbw.hosts.checkpoint import load_pipeline
    from lib_lbw.hosts.diffusers import DiffusersHost
    from lib_lbw.hosts.session import Session
    from lib_lbw.lora.file import LoraFile
    from lib_lbw.weights.grammar import find_directives, format_directive, parse_directive
    from lib_lbw.weights.presets import PresetBook
    from lib_lbw.weights.resolve import resolve

__version__ = "0.3.1"

__all__ = [
    "DiffusersHost",
    "LbwError",
    "LoraFile",
    "PresetBook",
    "Session",
    "family",
    "find_directives",
    "format_directive",
    "load_pipeline",
    "parse_directive",
    "plan",
    "resolve",
]

_HOMES = {
    "DiffusersHost": "lib_lbw.hosts.diffusers",
    "LbwError": "lib_lbw.errors",
    "LoraFile": "lib_lbw.lora.file",
    "PresetBook": "lib_lbw.weights.presets",
    "Session": "lib_lbw.hosts.session",
    "family": "lib_lbw.blocks.family",
    "find_directives": "lib_lbw.weights.grammar",
    "format_directive": "lib_lbw.weights.grammar",
    "load_pipeline": "lib_lbw.hosts.checkpoint",
    "parse_directive": "lib_lbw.weights.grammar",
    "plan": "lib_lbw.engine.plan",
    "resolve": "lib_lbw.weights.resolve",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lib_lbw' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
