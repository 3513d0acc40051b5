"""Axes for the WebUI's own X/Y/Z plot. Each rewrites `lbw=` in the prompt, so that every picture tells its weights.

| axis | a value |
|---|---|
| [LBW] Preset | the name of a preset |
| [LBW] Weights | anything that stands after `lbw=`; several values are separated by `;` (A1111 1.6: quote each) |
| [LBW] Block off | blocks as in `IN04-MID` or `NOT BASE`: these at 0 |
| [LBW] Block weight | `OUT03@0.5` |

Two axes may be ours: the weights come first, then blocks, whichever stands on x. The tag is the one with `lbw=XYZ`,
else the only one.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lib_lbw.analysis.bench import Bench
from lib_lbw.analysis.tag import find_tag
from lib_lbw.blocks.family import family
from lib_lbw.errors import AnalysisError
from lib_lbw.weights.directive import Term, Terms, Weights
from lib_lbw.weights.grammar import find_directives, format_directive, parse_weights
from lib_lbw.weights.presets import PresetBook

PRESET, WEIGHTS, BLOCK_OFF, BLOCK_WEIGHT = "[LBW] Preset", "[LBW] Weights", "[LBW] Block off", "[LBW] Block weight"

_STATE = "lbw_axes"

BenchFor = Callable[[str, Any], Bench]
"""Takes (name of a LoRA, job) and returns what its weights are worked out with."""


@dataclass(frozen=True)
class Change:
    """What the axes have set so far in one cell, in the tag number `number` of the prompt, which names `lora`.

    `start` are its starting weights, `terms` come after them.
    """

    lora: str
    number: int
    start: Weights | None
    terms: tuple[Term, ...] = field(default=())


def add_axes(module: Any, bench_for: BenchFor, presets: Callable[[], PresetBook]) -> None:
    """Add our axes to the plot's module, once."""
    if any(option.label == PRESET for option in module.axis_options):
        return

    def axis(label: str, change: Callable[[Change, str], Change], **more: Any) -> Any:
        def apply(job: Any, value: str, values: Sequence[str]) -> None:
            change_prompts(job, lambda before: change(before, value), bench_for)

        def confirm(job: Any, values: Sequence[str]) -> None:
            for value in values:
                _check(job, change(_first(job, bench_for), value), bench_for)

        return module.AxisOption(label, str, apply, confirm=confirm, **more)

    # A1111 1.6 separates all values at commas outside quotes, and knows no other way.
    split = {"prepare": split_values} if "prepare" in inspect.signature(module.AxisOption).parameters else {}
    module.axis_options += [
        axis(PRESET, with_weights, choices=lambda: list(presets().names())),
        axis(WEIGHTS, with_weights, **split),
        axis(BLOCK_OFF, with_block_off, choices=lambda: list(family("sd1").shown())),
        axis(BLOCK_WEIGHT, with_block_weight),
    ]


def split_values(text: str) -> list[str]:
    """Split a field at semicolons and line breaks, for its values hold commas."""
    return [value.strip() for value in re.split(r"[;\n]", text) if value.strip()]


def with_weights(change: Change, value: str) -> Change:
    """Return the change with other starting weights. Raises DirectiveError."""
    return replace(change, start=parse_weights(value))


def with_block_off(change: Change, value: str) -> Change:
    """Return the change with blocks at 0. Raises DirectiveError."""
    return with_block_weight(change, f"{value}@0")


def with_block_weight(change: Change, value: str) -> Change:
    """Return the change with blocks at a number. Raises DirectiveError, and AnalysisError for what names no block."""
    weights = parse_weights(value)
    if "@" not in value or not isinstance(weights, Terms):
        raise AnalysisError("{text!r} sets no block; write BLOCKS@NUMBER, as in OUT03@0.5", text=value)
    return replace(change, terms=(*change.terms, *weights.terms))


def change_prompts(job: Any, change: Callable[[Change], Change], bench_for: BenchFor) -> None:
    """Change the tag in the prompt of a cell, and in its hires prompt where the same LoRA stands there."""
    before = getattr(job, _STATE, None) or _first(job, bench_for)
    after = change(before)
    setattr(job, _STATE, after)
    bench = bench_for(after.lora, job)
    for name, number in (("prompt", after.number), ("hr_prompt", None)):
        prompt = getattr(job, name, None)
        if isinstance(prompt, str) and prompt:
            setattr(job, name, _rewritten(prompt, after, bench, _seed(job), number))


def _first(job: Any, bench_for: BenchFor) -> Change:
    """Return the state before the first axis: the tag as the user wrote it. Raises AnalysisError, DirectiveError."""
    prompt = str(job.prompt)
    lora = find_tag(prompt).directive.name
    tag = find_tag(prompt, None, bench_for(lora, job).presets)  # `lbw=XYZ` may be a preset of that name
    number = [found.start for found in find_directives(prompt)].index(tag.start)
    return Change(lora, number, tag.weights)


def _check(job: Any, change: Change, bench_for: BenchFor) -> None:
    """Raise DirectiveError for weights that come out as no numbers: the plot would draw that cell black."""
    bench, seed = bench_for(change.lora, job), _seed(job)
    found = find_directives(_rewritten(str(job.prompt), change, bench, seed, change.number))[change.number]
    if found.directive is not None:
        bench.resolve(found.directive, seed)


def _rewritten(prompt: str, change: Change, bench: Bench, seed: int, number: int | None) -> str:
    """Return the prompt with the change in the tag of that number, or in all tags of the LoRA."""
    tags = find_directives(prompt)
    for found in reversed(tags if number is None else tags[number : number + 1]):
        directive = found.directive
        if directive is not None and directive.name == change.lora:
            made = bench.extended(replace(directive, weights=change.start), change.terms, seed)
            prompt = prompt[: found.start] + format_directive(made) + prompt[found.end :]
    return prompt


def _seed(job: Any) -> int:
    seed = getattr(job, "seed", 0)
    return seed if isinstance(seed, int) and seed >= 0 else 0
