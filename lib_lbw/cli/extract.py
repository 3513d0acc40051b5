"""`lbw extract TUNED BASE --out NAME`: a LoRA of what one checkpoint has and the other has not."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.checkpoint_work import STOPPED, add_overwrite, shown
from lib_lbw.cli.merge_options import DTYPES, add_device, add_ranks, device_of, output_of, ranks_of
from lib_lbw.cli.options import add_library, command
from lib_lbw.cli.output import counted, emit, notes, size, table
from lib_lbw.cli.values import number

if TYPE_CHECKING:
    from lib_lbw.cli.options import Commands
    from lib_lbw.merge.checkpoint.extract_plan import Extraction, ExtractPlan

RANK = 64
_CHOICES = ("auto", "yes", "no")


def add(commands: "Commands") -> None:
    """Add the command."""
    parser = command(commands, "extract", "make a LoRA of the difference of two checkpoints", run)
    parser.epilog = f"Without a rank or a rule, the rank is {RANK}. Example: lbw extract tuned.safetensors \
base.safetensors --out mine --rank 32 --lora-dir models/Lora"
    option = parser.add_argument
    option("tuned", metavar="A", type=Path, help="the checkpoint with what the LoRA shall hold")
    option("base", metavar="B", type=Path, help="the checkpoint that is taken away from it")
    option("--alpha", metavar="N", type=number, default=1.0, help="what A counts (default: 1)")
    option("--beta", metavar="N", type=number, default=1.0, help="what B counts (default: 1)")
    option("--out", metavar="NAME|FILE", required=True, help="a name in the first --lora-dir, or a path")
    add_ranks(parser)
    option("--full-rank", action="store_true", help="as many ranks as the difference has")
    option("--te", choices=_CHOICES, default="auto", help="take the text encoders (default: where they changed)")
    option("--te2", choices=_CHOICES, help="take the second text encoder (default: as --te)")
    option("--biases", action="store_true", help="biases and norms too, which not every program reads")
    option("--dtype", choices=DTYPES, default="auto", help="how numbers are stored (default: auto, fp16)")
    option("--leave-out", action="store_true", help="leave out layers of other shapes, instead of stopping")
    add_overwrite(parser)
    add_device(parser)
    add_library(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the LoRA."""
    from lib_lbw.merge.checkpoint.extract_plan import Extraction
    from lib_lbw.merge.recipe import Ranks, Recipe, Source

    ranks = ranks_of(arguments)
    if ranks == Ranks() and not arguments.full_rank:
        ranks = Ranks(linear=RANK)
    recipe = Recipe(
        operation="extract",
        sources=(Source(arguments.tuned, arguments.alpha), Source(arguments.base, arguments.beta)),
        output=output_of(arguments),
        ranks=ranks,
        dtype=arguments.dtype,
        leave_out=arguments.leave_out,
    )
    encoders = {"all": arguments.te, **({"te2": arguments.te2} if arguments.te2 else {})}
    return carry_out(arguments, Extraction(recipe, encoders, arguments.biases))


def carry_out(arguments: argparse.Namespace, extraction: "Extraction") -> int:
    """Plan, extract and tell; with `--dry-run` plan and tell only. Returns the exit status."""
    from lib_lbw.merge.checkpoint.extract import run_extract
    from lib_lbw.merge.checkpoint.extract_plan import plan_extract

    device = device_of(arguments)
    plan = plan_extract(extraction, replace="file" if arguments.overwrite else "nothing")
    if arguments.dry_run:
        emit(arguments, described(plan), announced(described(plan)))
        return 0
    result = shown(lambda on_progress, should_stop: run_extract(plan, on_progress, should_stop, device))
    if result is None:
        return STOPPED
    emit(arguments, result.to_json(), told(result.to_json()))
    return 0


def described(plan: "ExtractPlan") -> dict[str, Any]:
    """Return the pre-flight as JSON values."""
    return {
        "family": plan.family.id,
        "layers": len(plan.layers),
        "most_bytes": plan.size,
        "encoders": {each.component: {"change": each.change, "taken": each.taken} for each in plan.encoders},
        "notices": [str(notice) for notice in plan.notices],
    }


def announced(plan: dict[str, Any]) -> str:
    """Return the pre-flight as lines."""
    return "\n".join([f"{counted(plan['layers'], 'layer')}, at most {size(plan['most_bytes'])}", *notes(plan)])


def told(result: dict[str, Any]) -> str:
    """Return what came of it as lines."""
    rows = [[block, f"{share:.2%}"] for block, share in result["kept"].items()]
    return "\n".join(
        [
            f"{result['path']} ({size(result['bytes'])})",
            f"payload  {result['sha256']}",
            f"error    {result['error']:.2%} of the difference",
            *(
                [f"dropped  {counted(len(result['dropped']), 'layer')} without a difference"]
                if result["dropped"]
                else []
            ),
            table(["BLOCK", "KEPT"], rows),
            *notes(result),
        ]
    )
