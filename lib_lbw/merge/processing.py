"""What is done for one module on a worker: read, sum, cut, store, read back, measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from lib_lbw.blocks.module import ModuleId
from lib_lbw.errors import MergeError
from lib_lbw.merge.bake import bake
from lib_lbw.merge.device import CPU, threads
from lib_lbw.merge.finishing import DoesNotFitError, Finisher, Outcome
from lib_lbw.merge.job import Job
from lib_lbw.merge.numbers.dense import seed_of
from lib_lbw.merge.numbers.reduce import decompose
from lib_lbw.merge.plan import MergePlan
from lib_lbw.merge.reading import NotFiniteError, read_finite, shares
from lib_lbw.merge.sizing import is_sized, ranks_of_size
from lib_lbw.merge.spool import Spool
from lib_lbw.merge.stacking import Stacker
from lib_lbw.merge.summing import Wanted, wanted
from lib_lbw.merge.workers import OnProgress, ShouldStop, map_modules

_NAMED = 5
_Fault = NotFiniteError | DoesNotFitError
Result = TypeVar("Result")


def process(
    plan: MergePlan, spool: Spool, on_progress: OnProgress, should_stop: ShouldStop, device: torch.device = CPU
) -> list[Outcome]:
    """Carry out every job of the plan on `device`, storing in `spool`.

    Raises MergeError naming the modules with numbers that are not finite or that the precision does not hold.
    """
    sized = [job for job in plan.jobs if is_sized(job)] if plan.recipe.ranks.size is not None else []
    total = len(sized) + len(plan.jobs)
    worker = _Worker(plan, _finisher(plan, spool), device)
    count = threads(device)
    limits: Mapping[ModuleId, int] = {}
    if sized:
        spectra = map_modules(
            worker.spectrum, sized, _name, lambda done, _, name: on_progress(done, total, name), should_stop, count
        )
        limits = ranks_of_size(plan, list(zip(sized, _sound(spectra), strict=True)), should_stop)
    worker = _Worker(plan, worker.finisher, device, limits)

    def tell(done: int, _: int, name: str) -> None:
        on_progress(len(sized) + done, total, name)

    outcomes = map_modules(worker.outcome, plan.jobs, _name, tell, should_stop, count)
    return _sound(outcomes)


@dataclass(frozen=True)
class _Worker:
    plan: MergePlan
    finisher: Finisher
    device: torch.device
    limits: Mapping[ModuleId, int] = field(default_factory=dict)

    def spectrum(self, job: Job) -> Tensor | _Fault:
        """Return the singular values of a job's sum, as many as it may keep."""
        try:
            term = self._wanted(job).term
        except NotFiniteError as fault:
            return fault
        if term is None:
            return torch.zeros(0)
        return decompose(term, job.limit, seed_of(str(job.id))).singular[: job.limit].cpu()

    def outcome(self, job: Job) -> Outcome | _Fault:
        """Return what became of a job."""
        try:
            if job.way == "keep":
                part = job.parts[0]
                before = read_finite(part, self.plan.opened)
                return self.finisher.keep(job, bake(part.module, before, part.scale), before)
            stacked = Stacker(self.plan.opened, self.finisher).outcome(job)
            if stacked is not None:
                return stacked
            limit = self.limits.get(job.id, job.limit)
            return self.finisher.finish(job, self._wanted(job), self._magnitude(job), limit)
        except (NotFiniteError, DoesNotFitError) as fault:
            return fault

    def _wanted(self, job: Job) -> Wanted:
        given = shares(job.parts, self.plan.opened, self.plan.checkpoint, self.device)
        return wanted(job.id, given, self.plan.recipe.method)

    def _magnitude(self, job: Job) -> dict[str, Tensor]:
        if not job.keeps_magnitude or self.plan.checkpoint is not None:
            return {}
        return {"dora_scale": read_finite(job.parts[0], self.plan.opened)["dora_scale"]}


def _finisher(plan: MergePlan, spool: Spool) -> Finisher:
    return Finisher(spool, plan.dtype, plan.recipe.dtype == "auto", plan.recipe.ranks.rule)


def _name(job: Job) -> str:
    return str(job.id)


def _sound(found: Sequence[Result | _Fault]) -> list[Result]:
    """Return the results, all of them. Raises MergeError naming the modules that have none."""
    broken = [each for each in found if isinstance(each, NotFiniteError)]
    if broken:
        names = _named([f"{each.lora} {each.module}" for each in broken])
        raise MergeError(
            "NaN or an infinity stands in {count:module|modules}: {names}.", count=len(broken), names=names
        )
    large = [each for each in found if isinstance(each, DoesNotFitError)]
    if large:
        raise MergeError(
            "{dtype} cannot hold the numbers of {count:module|modules}: {names}. Choose fp32, or auto.",
            **{"dtype": large[0].dtype, "count": len(large), "names": _named([each.module for each in large])},
        )
    return [each for each in found if not isinstance(each, NotFiniteError | DoesNotFitError)]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
