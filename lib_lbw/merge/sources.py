"""The LoRAs of a recipe, opened and weighed: the same numbers as the same tag has in a prompt."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lib_lbw.blocks.family import Family
from lib_lbw.blocks.kinds import kinds
from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import FamilyError, MergeError
from lib_lbw.lora.file import LoraFile
from lib_lbw.merge.dialects import Dialect, common_dialect, is_joined
from lib_lbw.merge.recipe import Recipe, Source
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.parser import parse_weights
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.resolve import BlockWeights, resolve


@dataclass(frozen=True)
class Opened:
    """A source with its file and its weights; `sign` is -1 for what a slider subtracts.

    `drawn`: some of the weights are random numbers, drawn from the seed of the source.
    """

    source: Source
    file: LoraFile
    weights: BlockWeights
    sign: float = 1.0
    drawn: bool = False

    def scale(self, module: ModuleId) -> float:
        """Return what the delta of `module` is multiplied with."""
        return self.sign * self.weights.scale(module, self.file.family)

    @cached_property
    def identity(self) -> Path:
        """The file itself, whatever path leads to it."""
        return self.source.path.resolve()


def open_sources(recipe: Recipe, presets: PresetBook | None, elements: ElementBook | None) -> tuple[Opened, ...]:
    """Open the files, resolve their weights, and see that they are of one family.

    Raises LoraFileError, DirectiveError, and FamilyError naming both families and why.
    """
    opened = []
    for index, source in enumerate(recipe.sources):
        file = LoraFile(source.path)
        directive, present = directive_of(source), tuple(file.blocks)
        weights, others = (
            resolve(directive, file.family, presets=presets, elements=elements, seed=seed, present=present)
            for seed in (source.seed, source.seed + 1)
        )
        drawn = (weights.weights, weights.rules) != (others.weights, others.rules)
        opened.append(Opened(source, file, weights, recipe.sign(index), drawn))
    _check_family(tuple(opened))
    _check_names(tuple(opened))
    return tuple(opened)


def directive_of(source: Source) -> Directive:
    """Return the tag that the source stands for. Raises DirectiveError for weights that cannot be read."""
    return Directive(
        name=re.sub("[:<>]", "_", source.path.stem).strip() or "_",
        te=source.ratio * source.te,
        unet=source.ratio * source.unet,
        weights=parse_weights(source.weights) if source.weights else None,
        elements=source.elements or None,
        x=source.x,
    )


def source_of(directive: Directive, path: Path, seed: int = 0) -> Source:
    """Return the source that a tag of a prompt stands for. Raises MergeError for what changes while drawing."""
    if directive.schedule is not None or directive.dyn is not None:
        item = "dyn=" if directive.schedule is None else "start=, stop= and step="
        raise MergeError("{name}: {item} cannot be put into a file; leave it out.", name=directive.name, item=item)
    apart = directive.unet is not None
    return Source(
        path=path,
        ratio=1.0 if apart else directive.te,
        te=directive.te if apart else 1.0,
        unet=1.0 if directive.unet is None else directive.unet,
        weights="" if directive.weights is None else str(directive.weights),
        elements=directive.elements or "",
        seed=seed,
        x=directive.x,
    )


def family_of(opened: Sequence[Opened]) -> Family:
    """Return the family that all sources have."""
    return opened[0].file.family


def one_dialect(opened: Sequence[Opened]) -> Dialect | None:
    """Return the dialect that the layers are to be brought to; None where all sources name them alike."""
    family = family_of(opened)
    return common_dialect((module.id for each in opened for module in each.file.modules), family)


def _check_family(opened: tuple[Opened, ...]) -> None:
    first = opened[0].file
    for file in (each.file for each in opened[1:]):
        if file.family.id != first.family.id:
            raise FamilyError(
                "{first} and {second} are for different models. {first}: {family}. {reason} "
                "{second}: {other_family}. {other_reason}",
                **{"first": first.path.name, "family": first.family.title, "reason": first.family_reason},
                **{"second": file.path.name, "other_family": file.family.title, "other_reason": file.family_reason},
            )


def _check_names(opened: tuple[Opened, ...]) -> None:
    """Refuse LoRAs of one transformer that name its layers in two ways that nothing joins: they would not be added."""
    family = family_of(opened)
    ways = (
        [] if is_joined(family) else [each.names for kind in kinds() if kind.family == family.id for each in kind.lists]
    )
    for names in ways:
        used: dict[str, LoraFile] = {}
        for file in (each.file for each in opened):
            used |= {name: file for name in names if name in _lists(file) and name not in used}
        if len({file.path for file in used.values()}) > 1:
            (first, one), (second, other), *_ = used.items()
            raise FamilyError(
                "{first} and {second} name the layers of {family} in two ways, {one} and {other}, which nothing joins.",
                **{"first": one.path.name, "second": other.path.name, "family": family.title},
                **{"one": first, "other": second},
            )


def _lists(file: LoraFile) -> set[str]:
    return {module.id.path.partition(".")[0] for module in file.modules if module.id.component == "transformer"}
