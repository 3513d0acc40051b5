"""Which modules the sources have in common, and how much of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lib_lbw.blocks.module import ModuleId
from lib_lbw.lora.module import LoraModule
from lib_lbw.merge.dialects import Dialect, Place, places
from lib_lbw.merge.layer import probe
from lib_lbw.merge.numbers.rows import Stretch
from lib_lbw.merge.sources import Opened
from lib_lbw.weights.notice import Notice


@dataclass(frozen=True)
class Part:
    """The share of one source in a module: source number `source`, its module, and what its delta is multiplied with.

    The strength of the module itself (alpha / rank) is not in `scale`. `rows`: where its rows belong in a layer of
    `out` rows, for a module that is named, and cut, in another way than the result; none: row for row.
    """

    source: int
    module: LoraModule
    scale: float
    rows: tuple[Stretch, ...] = ()
    out: int = 0


@dataclass(frozen=True)
class Collected:
    """The parts of every module in the order of the ids, the modules that nothing is left of, and those of no layer."""

    parts: dict[ModuleId, tuple[Part, ...]]
    silent: tuple[ModuleId, ...]
    misfits: tuple[tuple[ModuleId, Notice], ...] = ()


def collect(opened: Sequence[Opened], *, join: bool = True, dialect: Dialect | None = None) -> Collected:
    """Gather the parts of every module; what counts zero is left out. `join`: one file named twice is one part.

    `dialect`: the one that all layers are brought to.
    """
    found: dict[ModuleId, list[tuple[Path, Part]]] = {}
    misfits: list[tuple[ModuleId, Notice]] = []
    for index, each in enumerate(opened):
        for module in each.file.modules:
            part = Part(index, module, each.scale(module.id))
            own = _places(part, each.file.name, dialect)
            if isinstance(own, Notice):
                misfits.append((module.id, own))
                continue
            for place in own:
                moved = replace(part, rows=place.rows, out=place.out)
                found.setdefault(place.module, []).append((each.identity, moved))
    parts = {id: tuple(_sounding(_together(found[id], join=join))) for id in sorted(found)}
    silent = tuple(id for id in parts if not parts[id])
    return Collected({id: held for id, held in parts.items() if held}, silent, tuple(misfits))


def _places(part: Part, lora: str, dialect: Dialect | None) -> tuple[Place, ...] | Notice:
    """Return the layers that a part belongs to, or why there are none."""
    module = part.module
    if dialect is None or part.scale == 0 or module.strength == 0:
        return (Place(module.id),)
    probed = probe(module)
    shape = None if probed is None else probed.layer.shape
    try:
        found = places(module.id, shape, dialect)
    except ValueError:
        template = "{lora}: the layer is to be cut or joined, but a delta of shape {shape} is none of that model"
        return Notice.of(template, lora=lora, shape="?" if shape is None else list(shape))
    if module.needs_base and any(place.rows for place in found):
        template = "{lora}: what depends on the weights of a layer cannot be cut or joined with others"
        return Notice.of(template, lora=lora)
    return found


def _together(parts: Iterable[tuple[Path, Part]], *, join: bool) -> list[Part]:
    """Add up the scales of the same file. What is no multiple of its own delta (DoRA, rotations) stays apart."""
    kept: list[Part] = []
    place: dict[tuple[Path, ModuleId], int] = {}
    for file, part in parts:
        key = file, part.module.id
        if join and key in place and not part.module.needs_base:
            earlier = kept[place[key]]
            kept[place[key]] = replace(earlier, scale=earlier.scale + part.scale)
        else:
            place[key] = len(kept)
            kept.append(part)
    return kept


def _sounding(parts: Iterable[Part]) -> Iterable[Part]:
    return (part for part in parts if part.scale != 0 and part.module.strength != 0)
