"""Questions of the merge panel: look through, measure, begin, how far, stop, and the LoRAs of a prompt as rows."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from lib_lbw.errors import LbwError
from lib_lbw.merge.checkpoint.extract import run_extract
from lib_lbw.merge.checkpoint.extract_plan import Extraction, ExtractPlan, plan_extract
from lib_lbw.merge.checkpoint.into import run_into
from lib_lbw.merge.checkpoint.into_plan import IntoPlan, plan_into
from lib_lbw.merge.destination import Replace
from lib_lbw.merge.device import devices
from lib_lbw.merge.measuring import measure
from lib_lbw.merge.plan import MergePlan, plan_merge
from lib_lbw.merge.run import MergeResult, run_merge
from lib_lbw.merge.sources import source_of
from lib_lbw.merge.workers import OnProgress, ShouldStop
from lib_lbw.ui.door.desk import Desk, Question
from lib_lbw.ui.door.door import Answer, error_json
from lib_lbw.ui.i18n import Translate
from lib_lbw.ui.merging.form import device_of, recipe_of, replace_of
from lib_lbw.ui.merging.names import by_name, telling_names
from lib_lbw.ui.merging.place import Place, names_once
from lib_lbw.ui.merging.stored import stored_form
from lib_lbw.ui.merging.work import Work, Worker
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import find_directives
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.resolve import resolve

AnyPlan = MergePlan | ExtractPlan | IntoPlan
_NAMED = 12


def merge_answers(place: Place) -> Mapping[str, Answer]:
    """Return the questions of the panel, answered for `place`; they share one worker."""
    worker = Worker()

    def options(desk: Desk, question: Question) -> dict[str, Any]:
        loras = names_once(desk.loras())
        return {
            "loras": sorted(loras, key=str.lower),
            "checkpoints": sorted(place.checkpoints(), key=str.lower),
            "devices": list(devices()),
        }

    def plan(desk: Desk, question: Question) -> dict[str, Any]:
        return plan_told(planned(place, question), question.translate)

    def overlap(desk: Desk, question: Question) -> dict[str, Any]:
        return _begin(worker, _measuring(planned(place, question, replace="file"), device_of(question)), question)

    def start(desk: Desk, question: Question) -> dict[str, Any]:
        return _begin(worker, merging(place, planned(place, question), device_of(question)), question)

    def state(desk: Desk, question: Question) -> dict[str, Any]:
        return _state(worker, question.translate)

    def stop(desk: Desk, question: Question) -> dict[str, Any]:
        worker.stop()
        return _state(worker, question.translate)

    def rows(desk: Desk, question: Question) -> dict[str, Any]:
        return {"rows": list(_rows(desk, question))}

    def recipe(desk: Desk, question: Question) -> dict[str, Any]:
        return stored_form(place, question)

    answers: dict[str, Callable[[Desk, Question], dict[str, Any]]] = {
        "options": options, "plan": plan, "measure": overlap, "start": start, "state": state, "stop": stop,
        "rows": rows, "recipe": recipe,
    }  # fmt: skip
    return {f"merge.{name}": telling_names(answer) for name, answer in answers.items()}


def planned(place: Place, question: Question, replace: Replace | None = None) -> AnyPlan:
    """Look the recipe through. Raises what the plans raise: see plan_merge, plan_extract, plan_into."""
    recipe, replace, store = recipe_of(place, question), replace or replace_of(question), place.desk.store
    if recipe.operation == "extract":
        return plan_extract(Extraction(recipe, biases=bool(question.values.get("biases"))), replace=replace)
    if recipe.operation == "into-checkpoint":
        seed = int(question.number("seed", 0)) if question.values.get("stochastic") else None
        return plan_into(recipe, store.presets(), store.elements(), seed=seed, replace=replace)
    return plan_merge(recipe, store.presets(), store.elements(), replace=replace)


def plan_told(plan: AnyPlan, translate: Translate) -> dict[str, Any]:
    """Return what the panel shows before anything is computed."""
    told: dict[str, Any] = {"output": _output(plan).stem, "notices": _sentences(plan.notices, translate)}
    if isinstance(plan, MergePlan):
        estimate = plan.estimate
        ranks = [job.most_ranks for job in plan.jobs]
        told |= {
            "family": plan.family.title,
            "reasons": [each.file.family_reason for each in plan.opened],
            "modules": len(plan.jobs),
            "ranks": [min(ranks, default=0), max(ranks, default=0)],
            "silent": plan.silent,
            "dtype": plan.dtype,
            "bytes": estimate.size,
            "memory": estimate.memory,
            "seconds": estimate.seconds,
            "refused": [f"{each.module}: {each.reason.localized(translate)}" for each in plan.refused[:_NAMED]],
            "refused_count": len(plan.refused),
            "obstacle": plan.obstacle and by_name(plan.obstacle).localized(translate),
        }
    elif isinstance(plan, IntoPlan):
        told |= {"family": plan.checkpoint.family.title, "modules": len(plan.terms), "bytes": plan.size,
                 "refused": list(plan.left_out[:_NAMED]), "refused_count": len(plan.left_out)}  # fmt: skip
    else:
        told |= {"family": plan.family.title, "modules": len(plan.layers), "bytes": plan.size}
    return told


def _output(plan: AnyPlan) -> Path:
    return (plan.extraction.recipe if isinstance(plan, ExtractPlan) else plan.recipe).output


def merging(place: Place, plan: AnyPlan, device: torch.device) -> Work:
    """Return the work of a plan on `device`; a new LoRA is told to the home."""

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> dict[str, Any]:
        if isinstance(plan, IntoPlan):
            made = run_into(plan, on_progress, should_stop, device)
            survival = {
                part: {"error": each.error, "unchanged": each.unchanged} for part, each in made.survival.items()
            }
            return {"name": made.path.stem, "bytes": made.size, "sha256": made.sha256, "checkpoint": True,
                    "survival": survival, "notices": made.notices}  # fmt: skip
        if isinstance(plan, ExtractPlan):
            result = run_extract(plan, on_progress, should_stop, device)
        else:
            result = run_merge(plan, on_progress, should_stop, device)
        place.made(result.path)
        return _result(result)

    return work


def _result(result: MergeResult) -> dict[str, Any]:
    return {
        "name": result.path.stem, "bytes": result.size, "sha256": result.sha256, "error": result.error,
        "kept": dict(result.kept), "ranks": {str(rank): count for rank, count in result.ranks.items()},
        "dropped": len(result.dropped), "notices": result.notices,
    }  # fmt: skip


def _measuring(plan: AnyPlan, device: torch.device) -> Work:
    if not isinstance(plan, MergePlan):
        raise LbwError("energies are measured of LoRAs only")

    def work(on_progress: OnProgress, should_stop: ShouldStop) -> dict[str, Any]:
        found = measure(plan, on_progress, should_stop, device)
        return {
            "energies": [dict(each) for each in found.energies],
            "overlaps": [vars(each) for each in found.overlaps],
            "blocks": [block for block in plan.family.blocks if any(block in each for each in found.energies)],
            "names": [each.file.name for each in plan.opened],
            "notices": (),
        }

    return work


def _begin(worker: Worker, work: Work, question: Question) -> dict[str, Any]:
    worker.start(work)
    return _state(worker, question.translate)


def _state(worker: Worker, translate: Translate) -> dict[str, Any]:
    state = worker.state
    result = state.result and {**state.result, "notices": _sentences(state.result["notices"], translate)}
    return {
        **{name: getattr(state, name) for name in ("number", "running", "done", "all", "name", "seconds", "left")},
        "stopped": state.stopped,
        "result": result,
        "error": state.error and error_json(by_name(state.error), translate),
    }


def _rows(desk: Desk, question: Question) -> Any:
    """Give one row for each readable tag of a prompt. Raises MergeError for what changes while drawing."""
    for found in find_directives(question.text("prompt")):
        if found.error is not None:
            raise found.error
        if found.directive is not None:
            source = source_of(_without_x(desk, found.directive), Path(found.directive.name))
            yield {
                "name": found.directive.name, "ratio": source.ratio, "te": source.te, "unet": source.unet,
                "weights": source.weights, "elements": source.elements,
            }  # fmt: skip


def _without_x(desk: Desk, directive: Directive) -> Directive:
    """Return the directive with the number of its `x=` inside the weights, for a row has no field for it."""
    if directive.x is None:
        return directive
    family = desk.file(directive.name).family
    return resolve(directive, family, presets=desk.store.presets(), elements=desk.store.elements()).resolved()


def _sentences(notices: tuple[Notice, ...], translate: Translate) -> list[str]:
    return [notice.localized(translate) for notice in notices]
