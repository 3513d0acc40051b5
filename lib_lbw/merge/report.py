"""What a plan says, as JSON values: for `--json`, and for panels."""

from collections import Counter
from typing import Any

from lib_lbw.merge.measuring import Measures
from lib_lbw.merge.plan import MergePlan
from lib_lbw.merge.recipe_json import recipe_to_json


def plan_report(plan: MergePlan, measures: Measures | None = None) -> dict[str, Any]:
    """Return family, sources, what becomes of the modules, the costs, and what stands in the way.

    `modules`: block -> how many and how many ranks at most; `ways` as in Job.way; `measures` as in `measure`.
    """
    blocks: dict[str, dict[str, int]] = {}
    for job in sorted(plan.jobs, key=lambda job: plan.family.blocks.index(job.block)):
        told = blocks.setdefault(job.block, {"modules": 0, "most_ranks": 0})
        told["modules"] += 1
        rank = job.parts[0].module.rank or 0 if job.way == "keep" else job.most_ranks
        told["most_ranks"] = max(told["most_ranks"], rank)
    return {
        "recipe": recipe_to_json(plan.recipe),
        "output": str(plan.recipe.output),
        "family": plan.family.id,
        "sources": [_source(plan, index) for index in range(len(plan.opened))],
        "blocks": blocks,
        "ways": dict(Counter(job.way for job in plan.jobs)),
        "silent": plan.silent,
        "refused": [{"module": str(each.module), "reason": str(each.reason)} for each in plan.refused],
        "dtype": plan.dtype,
        "bytes": plan.estimate.size,
        "memory": plan.estimate.memory,
        "seconds": plan.estimate.seconds,
        "obstacle": None if plan.obstacle is None else str(plan.obstacle),
        "notices": [str(notice) for notice in plan.notices],
        **({} if measures is None else _measured(measures)),
    }


def _source(plan: MergePlan, index: int) -> dict[str, Any]:
    opened = plan.opened[index]
    modules = {part.module.id: part.module for job in plan.jobs for part in job.parts if part.source == index}
    return {
        "path": str(opened.source.path),
        "name": opened.file.name,
        "te": opened.sign * opened.weights.te,
        "unet": opened.sign * opened.weights.unet,
        "weights": dict(opened.weights.weights),
        "rules": [rule.to_json() for rule in opened.weights.rules],
        "modules": len(modules),
        "of": len(opened.file.modules),
        "ranks": dict(Counter(str(module.rank) for module in modules.values() if module.rank is not None)),
        "algorithms": dict(Counter(module.algorithm for module in modules.values())),
    }


def _measured(measures: Measures) -> dict[str, Any]:
    return {
        "energies": [dict(each) for each in measures.energies],
        "overlaps": [vars(each) for each in measures.overlaps],
    }
