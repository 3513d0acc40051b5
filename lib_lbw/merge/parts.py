"""Which modules the sources have in common, and how much of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.sources import Opened


@dataclass(frozen=True)
class Part:
    """The share of one source in a module: source number `source`, its module, and what its delta is multiplied with.

    The strength of the module itself (alpha / rank) is not in `scale`.
    """

    source: int
    module: LoraModule
    scale: float


@dataclass(frozen=True)
class Collected:
    """The parts of every module in the order of the ids, and the modules that nothing is left of."""

    parts: dict[ModuleId, tuple[Part, ...]]
    silent: tuple[ModuleId, ...]


def collect(opened: Sequence[Opened], *, join: bool = True) -> Collected:
    """Gather the parts of every module; what counts zero is left out. `join`: one file named twice is one part."""
    found: dict[ModuleId, list[tuple[Path, Part]]] = {}
    for index, each in enumerate(opened):
        for module in each.file.modules:
            part = Part(index, module, each.scale(module.id))
            found.setdefault(module.id, []).append((each.identity, part))
    parts = {id: tuple(_sounding(_together(found[id], join=join))) for id in sorted(found)}
    return Collected({id: held for id, held in parts.items() if held}, tuple(id for id in parts if not parts[id]))


def _together(parts: Iterable[tuple[Path, Part]], *, join: bool) -> list[Part]:
    """Add up the scales of the same file. What is no multiple of its own delta (DoRA, rotations) stays apart."""
    kept: list[Part] = []
    place: dict[Path, int] = {}
    for file, part in parts:
        if join and file in place and not part.module.needs_base:
            earlier = kept[place[file]]
            kept[place[file]] = replace(earlier, scale=earlier.scale + part.scale)
        else:
            place[file] = len(kept)
            kept.append(part)
    return kept


def _sounding(parts: Iterable[Part]) -> Iterable[Part]:
    return (part for part in parts if part.scale != 0 and part.module.strength != 0)
