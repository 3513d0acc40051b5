"""A picture's parameters pasted into the page: its weights work again, also where its presets are not known."""

from collections.abc import Callable
from dataclasses import dataclass

from lib_lbw.errors import LbwError
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.grammar import Found, find_directives

Numbers = Callable[[Directive], Directive | None]
"""Returns a directive with its weights as numbers, as it is understood here and now; None for a LoRA that is not here.

Raises LbwError for one that is not understood.
"""


@dataclass(frozen=True)
class _Record:
    """One recorded tag: its exact text, and what it says."""

    text: str
    directive: Directive


def restored(prompt: str, record: str, numbers: Numbers) -> str:
    """Return `prompt` with the recorded tags in place of those that would draw something else here.

    `record` is the value of LBW in the parameters. A tag that means the same here stays as the user typed it, preset
    and all, and so does everything around the tags.
    """
    left = [_Record(found.text, found.directive) for found in find_directives(record) if found.directive is not None]
    edits: list[tuple[Found, str]] = []
    for found in find_directives(prompt):
        if not _is_ours(found):
            continue
        match = next((each for each in left if each.directive.name == _name(found)), None)
        if match is None:
            continue
        left.remove(match)
        if not _means(found, match.directive, numbers):
            edits.append((found, match.text))
    for found, text in reversed(edits):
        prompt = prompt[: found.start] + text + prompt[found.end :]
    return prompt


def _is_ours(found: Found) -> bool:
    """Tell whether a tag has block weights, an elemental preset or a schedule: only those are recorded."""
    made = found.directive
    if made is None:
        return True
    return made.weights is not None or made.elements is not None or made.schedule is not None


def _name(found: Found) -> str:
    return found.directive.name if found.directive else found.text.strip("<>").split(":")[1].strip()


def _means(found: Found, recorded: Directive, numbers: Numbers) -> bool:
    """Tell whether a tag comes out here as it did where the picture was drawn."""
    if found.directive is None:
        return False
    try:
        here, there = numbers(found.directive), numbers(recorded)
    except LbwError:
        return False
    return here is not None and here == there
