"""From a directive to a number for every block.

    1. The length of a vector names the blocks it covers; a block not covered gets 0, and the user is told when the
       file really holds it.
    2. A constant vector, and a bare value, scale the whole LoRA: nothing is left under NONE.
    3. Modules outside every block are OTHER: 1, except under rule 2 or when OTHER is named.
    4. BASE stands for all text encoders; TE1, TE2, T5 may be named apart.
    5. Elements override the weight of the block. Terms apply from left to right, the elemental preset last.
    6. Every tag is resolved by itself; two tags of one file add up.

Random values: see `draw`.
"""

from collections.abc import Collection

from lib_lbw.blocks.family import Family
from lib_lbw.weights.block_weights import BlockWeights
from lib_lbw.weights.directive import KEYS, Directive
from lib_lbw.weights.draw import Draw
from lib_lbw.weights.faults import closest
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.rules import ElementRule
from lib_lbw.weights.sheet import Sheet
from lib_lbw.weights.writer import Writer

__all__ = ["BlockWeights", "ElementRule", "Notice", "resolve"]


def resolve(
    directive: Directive,
    family: Family,
    *,
    presets: PresetBook | None = None,
    elements: ElementBook | None = None,
    seed: int = 0,
    present: Collection[str] | None = None,
) -> BlockWeights:
    """Give every leaf of `family` its weight.

    `presets` and `elements` default to the shipped ones. `seed` is the picture's, for R and U. `present` are the
    leaves the file holds; without it nobody is told of silenced blocks. Raises DirectiveError for what is no preset,
    block or element, and BlockCountError for a vector of no length the family knows.
    """
    draw = Draw(seed, directive.name, 1.0 if directive.x is None else directive.x)
    writer = Writer(family, PresetBook.shipped() if presets is None else presets, draw)
    if directive.weights is not None:
        writer.apply(directive.weights)
    if directive.elements is not None:
        book = ElementBook.shipped() if elements is None else elements
        writer.apply_elements(directive.elements, directive.elements_at, book)
    notices = [*_odd_keys(directive), *writer.notices, *_silenced(writer.sheet, family, present)]
    return BlockWeights(
        lora=directive.name,
        family=family.id,
        te=directive.te,
        unet=directive.te if directive.unet is None else directive.unet,
        weights=tuple(writer.sheet.weights.items()),
        rules=tuple(writer.sheet.rules),
        schedule=directive.schedule,
        dyn=directive.dyn,
        tag=directive.tag,
        extra=directive.extra,
        notices=tuple(notices),
    )


def _odd_keys(directive: Directive) -> list[Notice]:
    """Ask about unknown keys that look like a slip of the pen; they are left alone all the same."""
    asked = [(key.strip(), closest(key.strip(), KEYS)) for key, _ in directive.extra]
    template = "{key}= is left to other extensions; did you mean {nearest}=?"
    return [Notice.of(template, key=key, nearest=nearest) for key, nearest in asked if nearest]


def _silenced(sheet: Sheet, family: Family, present: Collection[str] | None) -> list[Notice]:
    """Name the blocks of the file that are off only because the vector has no value for them."""
    return [
        Notice.of(
            "a vector of {length} values silences {blocks}, which this LoRA holds ({family})",
            length=length,
            blocks=" ".join(leaves),
            family=family.title,
        )
        for length, leaves in sheet.silenced(present or ()).items()
    ]
