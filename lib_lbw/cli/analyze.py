"""`lbw analyze`: which block of a LoRA does what, as pictures and numbers; and X/Y/Z plots."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lib_lbw.cli.analysis_text import announced, described, told
from lib_lbw.cli.options import add_model, add_picture, add_presets, add_strictness, command
from lib_lbw.cli.output import emit, note
from lib_lbw.cli.progress import Bar, duration, stop_on_ctrl_c

if TYPE_CHECKING:
    from lib_lbw.analysis.cell import AnalysisPlan
    from lib_lbw.analysis.results import Results
    from lib_lbw.analysis.run import Progress
    from lib_lbw.cli.options import Commands
    from lib_lbw.hosts.session import Session

STOPPED = 130


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "analyze", "draw a LoRA with one block changed at a time, and measure the change", run)
    option = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", metavar="TEXT", help="'a girl <lora:NAME:1:1:lbw=XYZ>'")
    what.add_argument(
        "--again", metavar="FILE|DIR", type=Path, help="the same grid again: a results.json, or its folder"
    )
    option("--lora", metavar="FILE|NAME", help="the LoRA of the tag (default: known by the tag's name)")
    option("--out", metavar="DIR", type=Path, required=True, help="for the results; a stopped analysis goes on there")
    option("--range", metavar="LOW,HIGH", help="weights of the changed block, of the others (default: 0,1)")
    option("--blocks", metavar="LIST", help="IN04,OUT03-OUT05,MID; 12ALL; ALL of the file (default)")
    option("--seeds", metavar="LIST", help="1,2,10-13; -1 draws one (default: 0)")
    option("--inverse", action="store_true", help="the other way round: only the block is on")
    option("--x", metavar="KIND:LIST", help="an X/Y/Z plot in place of blocks: values:0,0.5,1")
    option("--y", metavar="KIND:LIST", help="'Block ID:IN04,OUT03-OUT05' seed:1,2 'elements:IN04:attn1:0'")
    option("--z", metavar="KIND:LIST", help="'Original Weights:INS,MIDD' presets:INS,MIDD")
    option("--swap-axes", action="store_true", help="blocks along the top; in a plot x and y exchanged")
    option("--threshold", metavar="N", type=int, help="0-255, for the difference in %% (default: 20)")
    option("--diff-color", metavar="COLOR", help="behind the difference maps (default: black)")
    add_picture(parser)
    add_presets(parser)
    add_strictness(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan, draw what is missing, measure, and write grid, cells, numbers and report into the folder."""
    from lib_lbw.analysis.journal import check_folder
    from lib_lbw.analysis.sources import with_sources
    from lib_lbw.cli.library import find_lora, known_loras
    from lib_lbw.cli.opening import open_session
    from lib_lbw.cli.planning import planned

    loras = known_loras(arguments.lora_dir, embedded=arguments.checkpoint is None)
    if arguments.lora is not None:
        path = find_lora(arguments.lora, loras)
        arguments.lora = path.stem
        loras = {**loras, path.stem: path}
    plan, lora = planned(arguments, loras)
    check_folder(arguments.out, plan)
    about = announced(plan, lora)
    session = open_session(arguments, loras)
    plan = settled(plan, session, again=arguments.again is not None)
    plan = with_sources(plan, model_source(arguments), loras)
    results = carry_out(plan, session, arguments.out)
    for notice in results.notices:
        if notice not in plan.notices:  # those were told before
            note(f"note: {notice}")
    emit(arguments, {**about, **told(results)}, described(results))
    if results.complete:
        return 0
    note(f"Stopped; the same command goes on in {arguments.out}.")
    return STOPPED


def settled(plan: "AnalysisPlan", session: "Session", *, again: bool) -> "AnalysisPlan":
    """Return the plan with the settings that the session draws with; `again` gives the session those of the plan.

    Raises FamilyError for a LoRA of another family than the model's, before the folder is made.
    """
    from lib_lbw.hosts.base import Picture

    if again:
        session.settings = Picture.from_json({**session.settings.to_json(), **plan.picture})
    session.prepare(plan.cells[0].prompt, plan.cells[0].seed)
    picture = session.settings.to_json()
    return replace(plan, picture=picture, study={**plan.study, "picture": picture})


def model_source(arguments: argparse.Namespace) -> str:
    """Return what tells the model that the options name, and the precision it is loaded in, from any other."""
    from lib_lbw.analysis.sources import model_identity
    from lib_lbw.cli.opening import dtype_of, usable_device
    from lib_lbw.demo import demo_path
    from lib_lbw.hosts.checkpoint import best_device

    dtype = dtype_of(arguments.dtype, usable_device(arguments.device or best_device()))
    how = str(dtype).removeprefix("torch.") + (f", {arguments.prediction}" if arguments.prediction else "")
    return model_identity(arguments.checkpoint or demo_path(), how)


def carry_out(plan: "AnalysisPlan", session: "Session", folder: Path) -> "Results":
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
        bar.show(at[0], at[1], f"{at[2]} (step {step} of {steps} in all)".strip())

    def notices() -> list[str]:
        prepared = session.prepare(plan.cells[-1].prompt, plan.cells[-1].seed)
        return [str(notice) for notice in (*prepared.notices, *session.host.notices(prepared.plans))]

    try:
        with stop_on_ctrl_c() as should_stop:
            return run_analysis(
                plan,
                session,
                folder,
                on_progress=on_progress,
                should_stop=should_stop,
                on_step=on_step,
                notices=notices,
            )
    finally:
        bar.close()
