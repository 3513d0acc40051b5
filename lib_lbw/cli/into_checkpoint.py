"""`lbw into-checkpoint BASE LORA:0.7:lbw=INS --out FILE`: a checkpoint that draws as the base does with the LoRAs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.books import elements_of, presets_of
from lib_lbw.cli.checkpoint_work import STOPPED, add_overwrite, shown
from lib_lbw.cli.merge_items import sources_of
from lib_lbw.cli.merge_options import DTYPES, ITEM, add_device, device_of, file_at
from lib_lbw.cli.options import add_library, add_presets, command
from lib_lbw.cli.output import counted, emit, notes, size, table
from lib_lbw.cli.values import seed

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands
    from lib_lbw.merge.checkpoint.into_plan import IntoPlan
    from lib_lbw.merge.destination import Replace
    from lib_lbw.merge.recipe import Recipe


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "into-checkpoint", "build LoRAs, each with its weights, into a checkpoint", run)
    parser.epilog = "LoRAs act in the order in which they are named. Example: lbw into-checkpoint \
base.safetensors style:0.7:lbw=OUTALL --out mine.safetensors --lora-dir models/Lora"
    option = parser.add_argument
    option("checkpoint", metavar="BASE", type=Path, help="a single file of SD 1, SD 2 or SDXL")
    option("loras", metavar="LORA", nargs="*", help=ITEM)
    option("--prompt", metavar="TEXT", help="take the LoRAs and weights from the tags of a prompt")
    option("--out", metavar="FILE", required=True, help="the new checkpoint")
    option("--dtype", choices=DTYPES, default="auto", help="how layers are stored (default: auto, as in the base)")
    option("--stochastic", metavar="SEED", type=seed, help="round at random with the right mean, drawn from SEED")
    option("--leave-out", action="store_true", help="leave out modules of other shapes, instead of stopping")
    option("--seed", metavar="N", type=seed, default=0, help="decides R and U in weights (default: 0)")
    add_overwrite(parser)
    add_device(parser)
    add_library(parser)
    add_presets(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the checkpoint."""
    from lib_lbw.merge.recipe import Recipe

    recipe = Recipe(
        operation="into-checkpoint",
        sources=sources_of(arguments, arguments.loras, arguments.prompt),
        output=file_at(arguments.out),
        dtype=arguments.dtype,
        base=arguments.checkpoint,
        leave_out=arguments.leave_out,
    )
    return carry_out(arguments, recipe, arguments.stochastic)


def carry_out(arguments: argparse.Namespace, recipe: "Recipe", rounding: int | None) -> int:
    """Plan, build and tell; with `--dry-run` plan and tell only. Returns the exit status.

    `rounding`: the seed of stochastic rounding, None for rounding to the nearest.
    """
    from lib_lbw.merge.checkpoint.into import run_into
    from lib_lbw.merge.checkpoint.into_plan import plan_into

    device = device_of(arguments)
    presets, elements = presets_of(arguments), elements_of(arguments)
    replace: Replace = "file" if arguments.overwrite else "nothing"
    plan = plan_into(recipe, presets, elements, seed=rounding, replace=replace)
    if arguments.dry_run:
        emit(arguments, described(plan), announced(described(plan)))
        return 0
    result = shown(lambda on_progress, should_stop: run_into(plan, on_progress, should_stop, device))
    if result is None:
        return STOPPED
    emit(arguments, result.to_json(), told(result.to_json()))
    return 0


def described(plan: "IntoPlan") -> dict[str, Any]:
    """Return the pre-flight as JSON values."""
    return {
        "family": plan.checkpoint.family.id,
        "tensors": len(plan.layout),
        "changed": len(plan.terms),
        "bytes": plan.size,
        "left_out": list(plan.left_out),
        "notices": [str(notice) for notice in plan.notices],
    }


def announced(plan: dict[str, Any]) -> str:
    """Return the pre-flight as lines."""
    head = f"{plan['changed']} of {plan['tensors']} tensors would change; {size(plan['bytes'])}"
    return "\n".join([head, *notes(plan)])


def told(result: dict[str, Any]) -> str:
    """Return what came of it as lines."""
    rows = [
        [part, f"{each['error']:.2%}", f"{each['unchanged']:.2%}"] for part, each in sorted(result["survival"].items())
    ]
    return "\n".join(
        [
            f"{result['path']} ({size(result['bytes'])}), {counted(result['changed'], 'tensor')} changed",
            f"payload  {result['sha256']}",
            "what storing made of the change:",
            table(["PART", "ERROR", "COULD NOT MOVE"], rows),
            *notes(result),
        ]
    )
