"""The pre-flight: what a recipe would do to every module, before a tensor is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lib_lbw.blocks.family import Family
from lib_lbw.errors import FamilyError, MergeError
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.destination import Replace, check_destination, prompt_hint
from lib_lbw.merge.estimate import Estimate, estimate
from lib_lbw.merge.job import Job, Refused, Sorter
from lib_lbw.merge.parts import collect
from lib_lbw.merge.precision import common_dtype
from lib_lbw.merge.recipe import OF_LORAS, Recipe
from lib_lbw.merge.sources import Opened, family_of, one_dialect, open_sources
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.presets import ElementBook, PresetBook

EMBEDDING = "bundle_emb."
"""How the names of textual inversions begin that come with a LoRA; they are passed on."""
_NAMED = 5


@dataclass(frozen=True)
class MergePlan:
    """A recipe that was looked through. `jobs`: one for each module of the result; `refused`: what has none.

    `silent` is the number of modules that nothing is left of, because all their weights are zero. `dtype` is the
    safetensors name of the precision. `replace`: what may be overwritten.
    """

    recipe: Recipe
    opened: tuple[Opened, ...]
    jobs: tuple[Job, ...]
    refused: tuple[Refused, ...]
    silent: int
    dtype: str
    estimate: Estimate
    notices: tuple[Notice, ...]
    checkpoint: Checkpoint | None = None
    replace: Replace = "nothing"

    @property
    def family(self) -> Family:
        """The family of all sources."""
        return family_of(self.opened)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """All files that go in."""
        return (*(source.path for source in self.recipe.sources), *_paths(self.recipe.base))

    @cached_property
    def obstacle(self) -> MergeError | None:
        """Why it cannot be carried out, or None."""
        if self.refused and not self.recipe.leave_out:
            return _refusal(self.refused)
        if not self.jobs:
            return MergeError("nothing is left to write: every module has the weight 0 or cannot be merged.")
        return None


def plan_merge(
    recipe: Recipe,
    presets: PresetBook | None = None,
    elements: ElementBook | None = None,
    *,
    replace: Replace = "nothing",
) -> MergePlan:
    """Look a recipe through; headers are read, tensors are not.

    Raises LoraFileError, CheckpointError, DirectiveError, FamilyError and MergeError for what makes a plan impossible.
    Modules that cannot be merged stand in `refused`.
    """
    if recipe.operation not in OF_LORAS:
        raise MergeError("{operation} is no merge of LoRAs.", operation=recipe.operation)
    opened = open_sources(recipe, presets, elements)
    checkpoint = _opened_base(recipe, family_of(opened))
    check_destination(recipe.output, [*(source.path for source in recipe.sources), *_paths(recipe.base)], replace)
    dialect = one_dialect(opened)
    collected = collect(opened, join=recipe.method.kind == "sum", dialect=dialect)
    modules = [part.module for parts in collected.parts.values() for part in parts]
    dtype = common_dtype(recipe.dtype, modules)
    sorter = Sorter(recipe, opened, checkpoint)
    found = [*map(sorter.misfit, collected.misfits), *(sorter.job(id, parts) for id, parts in collected.parts.items())]
    jobs = tuple(each for each in found if isinstance(each, Job))
    return MergePlan(
        recipe=recipe,
        opened=opened,
        jobs=jobs,
        refused=tuple(each for each in found if isinstance(each, Refused)),
        silent=len(collected.silent),
        dtype=dtype,
        estimate=estimate(recipe, jobs, dtype, opened),
        notices=tuple(dict.fromkeys(_notices(recipe, opened, jobs))),
        checkpoint=checkpoint,
        replace=replace,
    )


def _paths(path: Path | None) -> list[Path]:
    return [] if path is None else [path]


def _opened_base(recipe: Recipe, family: Family) -> Checkpoint | None:
    if recipe.base is None:
        return None
    checkpoint = Checkpoint(recipe.base)
    if checkpoint.family.id != family.id:
        raise FamilyError(
            "{base} is a checkpoint of {base_family}, the LoRAs are for {family}.",
            **{"base": recipe.base.name, "base_family": checkpoint.family.title, "family": family.title},
        )
    return checkpoint


def _notices(recipe: Recipe, opened: Sequence[Opened], jobs: Sequence[Job]) -> Iterator[Notice]:
    for each in opened:
        yield from each.weights.notices
        if each.drawn:
            template = "{lora}: R and U are drawn from the seed {seed}, and the result holds the numbers."
            yield Notice.of(template, lora=each.file.name, seed=each.source.seed)
        lost = [key for key in each.file.unknown_keys if not key.startswith(EMBEDDING)]
        if lost:
            template = "{lora}: left out {count:tensor|tensors} of no known module, as {first}."
            yield Notice.of(template, lora=each.file.name, count=len(lost), first=lost[0])
    if one_dialect(opened) is not None:
        template = "The layers are named in two ways, cut in one and whole in the other; the result is like {lora}."
        yield Notice.of(template, lora=opened[0].file.name)
    whole = sum(job.way == "dense" for job in jobs)
    if whole:
        yield Notice.of(
            "{count:module has|modules have} no exact low-rank form but the whole matrix; a rank makes it small.",
            count=whole,
        )
    kept = sum(job.way == "keep" and recipe.operation == "resize" and job.exact_rank is None for job in jobs)
    if kept:
        yield Notice.of("{count:module has|modules have} no rank that could be changed.", count=kept)
    letters = prompt_hint(recipe.output.stem)
    if letters:
        yield Notice.of("A prompt cannot name {name}, because of {letters}.", name=recipe.output.stem, letters=letters)


def _refusal(refused: Sequence[Refused]) -> MergeError:
    """Return one sentence for all of them, each reason told once."""
    reasons: dict[str, list[str]] = {}
    for each in refused:
        reasons.setdefault(str(each.reason), []).append(str(each.module))
    named = "; ".join(f"{_some(modules)} ({reason})" for reason, modules in list(reasons.items())[:_NAMED])
    more = f"; and {len(reasons) - _NAMED} more reasons" if len(reasons) > _NAMED else ""
    return MergeError(
        "{count:module|modules} cannot be merged: {named}{more}.", count=len(refused), named=named, more=more
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
