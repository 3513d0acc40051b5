"""The selectable script: an analysis block by block, or an X/Y/Z plot, drawn by the WebUI's own processing."""

import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from lib_lbw.analysis.cell import AnalysisPlan
from lib_lbw.analysis.files import read_image
from lib_lbw.analysis.generator import Request
from lib_lbw.analysis.plan import plan
from lib_lbw.analysis.results import CellResult, Results
from lib_lbw.analysis.run import run_analysis
from lib_lbw.analysis.sources import with_sources
from lib_lbw.analysis.tag import find_tag
from lib_lbw.hosts.base import Picture
from lib_lbw.ui.folders import new_folder
from lib_lbw.ui.form import study_of
from lib_lbw.ui.outcome import summary
from lib_lbw.webui import host
from lib_lbw.webui.arguments import Arguments, read_arguments
from lib_lbw.webui.benches import bench_for
from lib_lbw.webui.drawing import Drawing
from lib_lbw.webui.engine import Engine
from lib_lbw.webui.grids import grids_of
from lib_lbw.webui.overlay import Books, Overlay, attach, books
from lib_lbw.webui.resolver import Resolver
from lib_lbw.weights.grammar import find_directives


def run(job: Any, values: Sequence[Any], resolver: Resolver, engine: Engine, folder: Path) -> Any:
    """Run what the arguments ask for and return the WebUI's result. `folder` is where analyses are kept.

    Raises LbwError for what cannot be planned; nothing is drawn then.
    """
    arguments = read_arguments(values)
    if arguments.kind == "off" or not arguments.active:
        return engine.process(job)
    engine.fix_seed(job)
    _prepare(job)
    known = books(resolver.desk.store, Overlay(True, arguments.presets, arguments.elements))
    made = _plan(job, arguments, resolver, known)
    # The pictures' prompts hold numbers, whatever the accordion says; tags that only the WebUI reads stay as typed.
    attach(job, Overlay(True, arguments.presets, arguments.elements, fixed=True))
    drawing = Drawing(job, engine.process, engine.state)
    engine.expect_steps(len(made.requests()) * int(job.steps))
    results = run_analysis(
        made,
        drawing,
        new_folder(folder, made.lora, datetime.now()),
        should_stop=lambda: is_stopping(engine.state),
        notices=lambda: list(getattr(job, "comments", ())),
    )
    by_seed = arguments.kind == "blocks" and arguments.seed_count > 1 and not arguments.seeds
    return _result(job, results, drawing, engine, by_seed=by_seed)


def is_stopping(state: Any) -> bool:
    """Tell whether the user has asked to stop, at once or after the picture."""
    return bool(getattr(state, "interrupted", False) or getattr(state, "stopping_generation", False))


def _prepare(job: Any) -> None:
    """Write styles into a prompt that has no tag of its own: the LoRA may stand in one of them."""
    if isinstance(job.prompt, list):
        job.prompt = job.prompt[0]
    if getattr(job, "styles", None) and not find_directives(job.prompt):
        host.apply_styles(job)


def _plan(job: Any, arguments: Arguments, resolver: Resolver, known: Books) -> AnalysisPlan:
    chance = random.Random()
    tag = find_tag(job.prompt, arguments.lora or None, known.presets)
    study = study_of(arguments.form(job.prompt, _settings(job)), chance)
    resolver.look_for(tag.directive.name)
    made = plan(study, bench_for(resolver.desk, tag.directive.name, known), chance)
    model = str(getattr(job, "sd_model_hash", None) or "")
    return with_sources(made, model, resolver.desk.loras())


def _settings(job: Any) -> Picture:
    negative = job.negative_prompt[0] if isinstance(job.negative_prompt, list) else job.negative_prompt
    return Picture(
        prompt="",
        negative_prompt=negative,
        seed=int(job.seed),
        steps=int(job.steps),
        cfg_scale=float(job.cfg_scale),
        sampler=str(job.sampler_name),
        width=int(job.width),
        height=int(job.height),
    )


def _result(job: Any, results: Results, drawing: Drawing, engine: Engine, *, by_seed: bool) -> Any:
    """Return the grids, the pictures and the maps of the differences, each with its parameters."""
    drawn = [cell for cell in results.cells if cell.file is not None]
    of_job = _grid_text(job, results, drawing)
    grids = grids_of(results, by_seed=by_seed) if drawn else []
    shown = [(image, of_job) for image in grids]
    seen: set[str] = set()
    for cell in drawn:
        shown += _pictures(cell, results.folder, drawing, seen)
    for image in grids:
        engine.save_grid(job, image, of_job)
    sentence = summary(results, lambda template: template)
    for comment in (*results.notices, f"{sentence} ({results.folder})"):
        host.tell(job, comment)
    return engine.processed(
        job,
        [image for image, _ in shown],
        job.seed,
        of_job,
        index_of_first_image=len(grids),
        infotexts=[text for _, text in shown],
    )


def _pictures(cell: CellResult, folder: Path, drawing: Drawing, seen: set[str]) -> list[tuple[Image.Image, str]]:
    """Return a picture and the map of its difference; places that share a picture show it once."""
    if cell.file is None or cell.file in seen:
        return []
    seen.add(cell.file)
    text = drawing.texts.get(Request(cell.cell.prompt, cell.cell.seed), "")
    files = [cell.file, *([cell.diff_file] if cell.diff_file else [])]
    return [(read_image(folder / file), text) for file in files]


def _grid_text(job: Any, results: Results, drawing: Drawing) -> str:
    """Return the parameters of the grids: those of the picture that others are measured by, with the user's prompt.

    So a grid that is pasted back asks for the LoRA as it was before the analysis changed it.
    """
    cells = sorted((each.cell for each in results.cells if each.file), key=lambda cell: cell.kind != "reference")
    requests = (Request(cell.prompt, cell.seed) for cell in cells)
    request = next((each for each in requests if each in drawing.texts), None)
    if request is None:
        return str(job.prompt)
    settings = drawing.texts[request].removeprefix(request.prompt)
    return f"{job.prompt}{settings}, LBW analysis: {results.folder.name}"
