"""What a layer is made of at one step: which LoRAs, each with its scale.

A recipe is the sum of all plans at one moment. The weight of a layer is always `base + sum(scale x delta)` of its
recipe, so equal recipes mean equal weights, and comparing recipes tells which layers a change really touches.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lib_lbw.blocks.module import ModuleId
from lib_lbw.engine.plan import ScalePlan

Recipe: TypeAlias = tuple[tuple[str, float], ...]
"""(LoRA file, scale) pairs, sorted by file, each file once, no scale 0. The empty recipe is the model's own weight."""

Recipes: TypeAlias = Mapping[ModuleId, Recipe]
"""Recipes of the modules that are not at their own weight."""


@dataclass(frozen=True)
class Group:
    """The samples of a batch that share one recipe for one module."""

    recipe: Recipe
    samples: tuple[int, ...]


def recipes(plans: Iterable[ScalePlan], step: int, steps: int) -> dict[ModuleId, Recipe]:
    """Add up `plans` at `step` (0-based) of `steps`. Plans of the same file add their scales."""
    sums: dict[ModuleId, dict[str, float]] = {}
    for plan in plans:
        for module, scale in plan.at(step, steps).items():
            files = sums.setdefault(module, {})
            files[plan.lora] = files.get(plan.lora, 0.0) + scale
    made = {module: tuple(sorted((f, s) for f, s in files.items() if s != 0.0)) for module, files in sums.items()}
    return {module: recipe for module, recipe in made.items() if recipe}


def moments(plans: Sequence[ScalePlan], steps: int) -> tuple[dict[ModuleId, Recipe], ...]:
    """Return the recipes of a whole pass: one entry for each set of plans that act together, in no set order."""
    first: dict[tuple[bool, ...], int] = {}
    for step in range(steps):
        first.setdefault(tuple(plan.active(step, steps) for plan in plans), step)
    return tuple(recipes(plans, step, steps) for step in first.values())


def text_part(recipes: Recipes) -> dict[ModuleId, Recipe]:
    """Keep the text encoders' modules: the part that decides how a prompt is encoded."""
    return {module: recipe for module, recipe in recipes.items() if module.is_text_encoder}


def image_part(recipes: Recipes) -> dict[ModuleId, Recipe]:
    """Keep all but the text encoders' modules: the part that may change from step to step."""
    return {module: recipe for module, recipe in recipes.items() if not module.is_text_encoder}


def by_module(samples: Sequence[Recipes]) -> dict[ModuleId, tuple[Recipe, ...]]:
    """Turn the recipes of a batch's samples into the samples' recipes of each module.

    A module on which all samples agree has one recipe only, whatever the size of the batch, and is left out where that
    recipe is empty.
    """
    made: dict[ModuleId, tuple[Recipe, ...]] = {}
    for module in sorted(set().union(*samples)):
        row = tuple(recipes.get(module, ()) for recipes in samples)
        if any(row):
            made[module] = row[:1] if len(set(row)) == 1 else row
    return made


def changed(
    old: Mapping[ModuleId, tuple[Recipe, ...]], new: Mapping[ModuleId, tuple[Recipe, ...]]
) -> tuple[ModuleId, ...]:
    """Return the modules, sorted, that two moments (`by_module` values) do not agree on."""
    return tuple(sorted(module for module in old.keys() | new.keys() if old.get(module) != new.get(module)))


def groups(samples: Sequence[Recipe]) -> tuple[Group, ...]:
    """Partition samples by equal recipe, the largest group first; ties keep the order of the first sample."""
    members: dict[Recipe, list[int]] = {}
    for sample, recipe in enumerate(samples):
        members.setdefault(recipe, []).append(sample)
    made = [Group(recipe, tuple(indices)) for recipe, indices in members.items()]
    return tuple(sorted(made, key=lambda group: (-len(group.samples), group.samples[0])))
