"""`lbw analyze`: which block of a LoRA does what, as pictures and numbers."""

import argparse
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.options import add_model, add_picture, add_presets, command
from lib_lbw.cli.output import emit, note, table
from lib_lbw.cli.progress import Bar, duration, stop_on_ctrl_c

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lib_lbw.analysis.cell import AnalysisPlan
    from lib_lbw.analysis.generator import Generator
    from lib_lbw.analysis.results import Results, Row
    from lib_lbw.analysis.run import Progress
    from lib_lbw.analysis.study import BlockStudy
    from lib_lbw.cli.options import Commands

STOPPED = 130
SHOWN = ("diff_percent", "color_difference", "composition", "line_energy", "amount")


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "analyze", "draw a LoRA with one block changed at a time, and measure the change", run)
    option = parser.add_argument
    option("--prompt", metavar="TEXT", required=True, help="'a girl <lora:NAME:1:1:lbw=XYZ>'")
    option("--lora", metavar="FILE|NAME", help="the LoRA of the tag (default: known by the tag's name)")
    option("--out", metavar="DIR", type=Path, required=True, help="for the results; a stopped analysis goes on there")
    option("--range", metavar="LOW,HIGH", default="0,1", help="weights of the changed block, of the others (0,1)")
    option("--blocks", metavar="LIST", default="ALL", help="IN04,OUT03-OUT05,MID; 12ALL; ALL of the file (default)")
    option("--seeds", metavar="LIST", default="0", help="1,2,10-13; -1 draws one (default: 0)")
    option("--inverse", action="store_true", help="the other way round: only the block is on")
    option("--swap-axes", action="store_true", help="blocks along the top")
    option("--threshold", metavar="N", type=int, default=20, help="0-255, for the difference in %% (default: 20)")
    option("--diff-color", metavar="COLOR", default="black", help="behind the difference maps (default: black)")
    add_picture(parser)
    add_presets(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan, draw what is missing, measure, and write grid, cells, numbers and report into the folder."""
    from lib_lbw.cli.library import find_lora, known_loras
    from lib_lbw.cli.opening import open_session

    loras = known_loras(arguments.lora_dir, embedded=arguments.checkpoint is None)
    if arguments.lora is not None:
        path = find_lora(arguments.lora, loras)
        arguments.lora = path.stem
        loras = {**loras, path.stem: path}
    plan = planned(arguments, loras)
    session = open_session(arguments, loras)
    session.prepare(
        plan.cells[0].prompt, plan.cells[0].seed
    )  # a LoRA of another family shows before the folder is made
    picture = session.settings.to_json()
    plan = replace(plan, picture=picture, study={**plan.study, "picture": picture})
    for notice in plan.notices:
        note(f"note: {notice}")
    results = carry_out(plan, session, arguments.out)
    emit(arguments, told(results), described(results))
    if results.complete:
        return 0
    note(f"Stopped; the same command goes on in {arguments.out}.")
    return STOPPED


def planned(arguments: argparse.Namespace, loras: "Mapping[str, Path]") -> "AnalysisPlan":
    """Return the plan; every fault of the options shows here, before a model is loaded."""
    from lib_lbw.analysis.bench import Bench
    from lib_lbw.analysis.plan import plan
    from lib_lbw.analysis.tag import find_tag
    from lib_lbw.cli.library import find_lora, preset_book
    from lib_lbw.lora.file import LoraFile

    presets = preset_book(arguments.presets)
    tag = find_tag(arguments.prompt, arguments.lora, presets)
    lora = LoraFile(find_lora(tag.directive.name, loras))
    chance = random.Random(str(arguments.out.resolve()))  # the same for the same folder, so that a stopped run goes on
    study = study_of(arguments, chance)
    return plan(study, Bench(lora.family, tuple(lora.blocks), presets), chance)


def study_of(arguments: argparse.Namespace, chance: random.Random) -> "BlockStudy":
    """Return what the options ask for. Raises AnalysisError for a list or range that cannot be read."""
    from lib_lbw.analysis.axes import parse_seeds
    from lib_lbw.analysis.study import BlockStudy, parse_range

    return BlockStudy(
        prompt=arguments.prompt,
        lora=arguments.lora,
        blocks=arguments.blocks,
        range=parse_range(arguments.range),
        inverse=arguments.inverse,
        swap_axes=arguments.swap_axes,
        seeds=parse_seeds(arguments.seeds, chance),
        threshold=arguments.threshold,
        diff_color=arguments.diff_color,
    )


def carry_out(plan: "AnalysisPlan", generator: "Generator", folder: Path) -> "Results":
    """Run the plan with a bar on stderr; Ctrl+C ends it after the step at work and keeps what is drawn."""
    from lib_lbw.analysis.run import run_analysis

    bar = Bar()
    at = (0, 0, "")

    def on_progress(progress: "Progress") -> None:
        nonlocal at
        left = duration(progress.seconds_left)
        at = (progress.done, progress.total, progress.label + (f", {left} left" if left else ""))
        bar.show(*at)

    def on_step(step: int, steps: int) -> None:
        bar.show(at[0], at[1], f"{at[2]} (step {step} of {steps})".strip())

    try:
        with stop_on_ctrl_c() as should_stop:
            return run_analysis(
                plan, generator, folder, on_progress=on_progress, should_stop=should_stop, on_step=on_step
            )
    finally:
        bar.close()


def told(results: "Results") -> dict[str, Any]:
    """Return where the results are and the numbers of each row: median, lowest and highest over the seeds."""
    files = {"grid": results.grid, "diff_grid": results.diff_grid, "report": results.report}
    return {
        "folder": str(results.folder),
        "complete": results.complete,
        **{name: str(path) for name, path in files.items()},
        "results": str(results.folder / "results.json"),
        "csv": str(results.folder / "results.csv"),
        "rows": results.to_json()["rows"],
    }


def described(results: "Results") -> str:
    """Return the blocks, the strongest first, and where the pictures are."""
    rows = results.ranked()
    shown = [name for name in SHOWN if any(name in row.numbers for row in rows)]
    body = [[row.label, *(_median(row, name) for name in shown)] for row in rows]
    files = f"grid    {results.grid}\nreport  {results.report}"
    return f"{table(['BLOCK', *(name.upper() for name in shown)], body)}\n\n{files}" if body else files


def _median(row: "Row", name: str) -> str:
    return f"{row.numbers[name].median:.4g}" if name in row.numbers else "-"
