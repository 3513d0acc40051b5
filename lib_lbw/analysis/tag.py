"""The LoRA tag of a prompt that an analysis changes, and the prompt around it.

The tag is the one with `lbw=XYZ`, else the one named, else the only one. Its own weights are the starting weights;
`XYZ` itself stands for the preset of that name, or for 1 everywhere; in a block study it is a mark only. A second tag
with `lbw=ZYX` mirrors the first: each of its blocks gets 1 minus the weight there. Tags of other LoRAs may be such as
only the drawing program can read, with multipliers of another extension (`<lora:NAME:1@0,0.5@1>`): they stay as typed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from lib_lbw.errors import AnalysisError, LbwError
from lib_lbw.weights.directive import AllTerm, Directive, PresetTerm, Terms, Value, Weights
from lib_lbw.weights.grammar import Found, find_directives, format_directive
from lib_lbw.weights.presets import PresetBook

MARK, MIRROR = "XYZ", "ZYX"
ONE = Terms((AllTerm(Value("number", 1.0)),))

_NAMED = re.compile(r"<(?:lora|lyco):([^:<>]*[^:<>\s][^:<>]*)")
_MEANT = re.compile(rf"<[^:]*:[^:]*:.*\b{MARK}\b")


@dataclass(frozen=True)
class Tag:
    """A prompt with one tag singled out: prompt[start:end]. `directive` is that tag without the XYZ mark.

    `rest` are the other tags of the prompt that can be read.
    """

    prompt: str
    start: int
    end: int
    directive: Directive
    rest: tuple[Found, ...] = ()

    @property
    def weights(self) -> Weights:
        """The starting weights: the tag's own, or 1 everywhere."""
        return self.directive.weights or ONE

    @property
    def others(self) -> tuple[Directive, ...]:
        """The directives of `rest`."""
        return tuple(found.directive for found in self.rest if found.directive is not None)

    def prompt_with(self, directive: Directive, others: Sequence[Directive]) -> str:
        """Return the prompt with `directive` in place of the tag and these in place of `self.others`."""
        edits = [(self.start, self.end, directive)]
        for found, other in zip(self.rest, others, strict=True):
            if other != found.directive:  # what stays the same keeps its spelling
                edits.append((found.start, found.end, other))
        prompt = self.prompt
        for start, end, changed in sorted(edits, key=lambda edit: edit[0], reverse=True):
            prompt = prompt[:start] + format_directive(changed) + prompt[end:]
        return prompt


def find_tag(prompt: str, lora: str | None = None, presets: PresetBook | None = None) -> Tag:
    """Single out the tag to change; `lora` names it where several could be meant.

    Raises DirectiveError when that tag cannot be read, or another one has no name; AnalysisError when no tag or more
    than one could be meant.
    """
    tags = find_directives(prompt)
    chosen = _choose(tags, lora)
    directive = chosen.directive
    if directive is None:
        raise _error(chosen)
    marked = replace(
        directive,
        weights=_unmarked(directive.weights, presets or PresetBook.shipped()),
        elements=None if directive.elements == MARK else directive.elements,
    )
    rest = tuple(found for found in tags if found is not chosen and found.directive is not None)
    return Tag(prompt, chosen.start, chosen.end, marked, rest)


def is_mirror(directive: Directive) -> bool:
    """Tell whether a tag follows the chosen one the other way round."""
    return _is_only(directive.weights, MIRROR)


def is_marked(directive: Directive) -> bool:
    """Tell whether a tag is marked as the one to analyse."""
    return directive.elements == MARK or _is_only(directive.weights, MARK)


def _choose(tags: tuple[Found, ...], lora: str | None) -> Found:
    if not tags:
        raise AnalysisError("the prompt holds no LoRA; write <lora:NAME:1> into it")
    names = [_name(found) for found in tags]
    if lora is not None and lora not in names:
        nearest = get_close_matches(lora, names, 1, 0.0)[0]
        raise AnalysisError("the prompt holds no LoRA {name}; the nearest is {nearest}", name=lora, nearest=nearest)
    named = [found for found, name in zip(tags, names, strict=True) if lora in (None, name)]
    marked = [found for found in named if _is_meant(found)]
    candidates = marked or named
    if len(candidates) > 1:
        raise AnalysisError(
            "the prompt holds several LoRAs ({names}); write lbw=XYZ into the one to analyse",
            names=", ".join(names),
        )
    return candidates[0]


def _is_meant(found: Found) -> bool:
    """Tell whether a tag is marked, also one that cannot be read: its fault is what to tell of then."""
    return is_marked(found.directive) if found.directive is not None else _MEANT.match(found.text) is not None


def _is_only(weights: Weights | None, name: str) -> bool:
    return isinstance(weights, Terms) and weights.terms == (PresetTerm(name),)


def _unmarked(weights: Weights | None, presets: PresetBook) -> Weights | None:
    return None if _is_only(weights, MARK) and not presets.find(MARK) else weights


def _name(found: Found) -> str:
    """Return the name in a tag. Raises DirectiveError for one that has none."""
    if found.directive is not None:
        return found.directive.name
    name = _NAMED.match(found.text)
    if name is None:
        raise _error(found)
    return name[1].strip()


def _error(found: Found) -> LbwError:
    return found.error or AnalysisError("{text} is no sound tag", text=found.text)
