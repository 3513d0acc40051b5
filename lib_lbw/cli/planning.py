"""What `lbw analyze` is asked for, as a plan; every fault of the options shows here, before a model is loaded."""

import argparse
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_lbw.cli.books import elements_of, presets_of
from lib_lbw.errors import AnalysisError

if TYPE_CHECKING:
    from lib_lbw.analysis.cell import AnalysisPlan
    from lib_lbw.analysis.study import Study
    from lib_lbw.lora.file import LoraFile

AXES = ("x", "y", "z")
OF_BLOCKS = ("blocks", "range", "inverse")
OF_BOTH = ("swap_axes", "threshold", "diff_color")
OF_PICTURE = ("negative", "steps", "cfg", "width", "height", "sampler")


def planned(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "tuple[AnalysisPlan, LoraFile]":
    """Return the plan that the options, or the file of `--again`, ask for, and the LoRA it is about.

    Raises AnalysisError, DirectiveError, LoraFileError and FamilyError.
    """
    return _new(arguments, loras) if arguments.again is None else _again(arguments, loras)


def given(arguments: argparse.Namespace, names: Iterable[str]) -> list[str]:
    """Return those of the options that stand on the command line, as they are written there."""
    values = {name: getattr(arguments, name) for name in names}
    found = [name for name, value in values.items() if value is not None and value is not False]
    return [f"--{name.replace('_', '-')}" for name in found]


def study_of(arguments: argparse.Namespace, chance: random.Random) -> "Study":
    """Return the block study or X/Y/Z plot of the options. Raises AnalysisError for what cannot be read or mixed."""
    from lib_lbw.analysis.axes import parse_seeds
    from lib_lbw.analysis.study import BlockStudy, XyzStudy, parse_range

    axes = _axes(arguments)
    seeds = parse_seeds("0" if arguments.seeds is None else arguments.seeds, chance)
    if axes and len(seeds) != 1:
        raise AnalysisError(
            "--seeds {text}: beside --x, --y and --z it takes one seed; several are an axis, as in --z seed:1,2",
            text=arguments.seeds,
        )
    shared: dict[str, Any] = {"prompt": arguments.prompt, "lora": arguments.lora}
    shared |= {name: getattr(arguments, name) for name in OF_BOTH if getattr(arguments, name) is not None}
    if axes:
        return XyzStudy(**shared, **axes, seed=seeds[0])
    if arguments.blocks is not None:
        shared["blocks"] = arguments.blocks
    if arguments.range is not None:
        shared["range"] = parse_range(arguments.range)
    return BlockStudy(**shared, inverse=arguments.inverse, seeds=seeds)


def _new(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "tuple[AnalysisPlan, LoraFile]":
    from lib_lbw.analysis.bench import Bench
    from lib_lbw.analysis.plan import plan
    from lib_lbw.analysis.tag import find_tag
    from lib_lbw.cli.library import check_tags, named_lora
    from lib_lbw.lora.file import LoraFile

    tag = find_tag(arguments.prompt, arguments.lora, presets_of(arguments))
    if arguments.on_bad_directive == "stop":
        check_tags(arguments.prompt, loras)  # those of the other LoRAs too
    lora = LoraFile(named_lora(tag.directive.name, loras))
    chance = random.Random(str(arguments.out.resolve()))  # the same for the same folder, so that a stopped run goes on
    bench = Bench(lora.family, tuple(lora.blocks), presets_of(arguments), elements_of(arguments))
    return plan(study_of(arguments, chance), bench, chance), lora


def _again(arguments: argparse.Namespace, loras: Mapping[str, Path]) -> "tuple[AnalysisPlan, LoraFile]":
    from lib_lbw.analysis.journal import read_plan
    from lib_lbw.cli.library import named_lora
    from lib_lbw.lora.file import LoraFile

    mixed = given(arguments, (*AXES, *OF_BLOCKS, "seeds", *OF_BOTH, *OF_PICTURE))
    if mixed:
        raise AnalysisError("--again takes all of it from the file; leave out {options}", options=" ".join(mixed))
    plan = read_plan(arguments.again)
    if arguments.lora not in (None, plan.lora):
        raise AnalysisError(
            "--lora {given}: the analysis to run again is of {lora}", given=arguments.lora, lora=plan.lora
        )
    lora = LoraFile(named_lora(plan.lora, loras))
    if lora.family.title != plan.family:
        raise AnalysisError(
            "the analysis to run again is of a LoRA for {wanted}, but {path} is one for {found}",
            wanted=plan.family,
            path=lora.path,
            found=lora.family.title,
        )
    return plan, lora


def _axes(arguments: argparse.Namespace) -> dict[str, Any]:
    from lib_lbw.analysis.axes import parse_axis

    axes = {name: parse_axis(text) for name in AXES if (text := getattr(arguments, name)) is not None}
    mixed = given(arguments, OF_BLOCKS) if axes else []
    if mixed:
        raise AnalysisError(
            "{options} and {axes} are two kinds of analysis; leave one out",
            options=" ".join(mixed),
            axes=" ".join(given(arguments, AXES)),
        )
    if any(axis.kind == "seed" for axis in axes.values()) and arguments.seeds is not None:
        raise AnalysisError("--seeds and an axis of seeds: leave one out")
    return axes
