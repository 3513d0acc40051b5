"""The faults that only show when names and lengths are looked up."""

from lib_lbw.blocks.family import Family
from lib_lbw.errors import BlockCountError, DirectiveError
from lib_lbw.weights.faults import closest, fault
from lib_lbw.weights.presets import ElementBook, PresetBook
from lib_lbw.weights.terms import PresetTerm, Vector


def unknown_preset(name: str, position: int, book: PresetBook | ElementBook, template: str) -> DirectiveError:
    """Say that a name is unknown and which is nearest; or, when its own line is faulty, what is wrong there."""
    broken = book.fault_of(name)
    if broken is not None:
        return fault("preset {text!r} cannot be used: {reason}", name, position, reason=broken)
    return fault(template, name, position, closest(name, book.names()))


def wrong_count(vector: Vector, family: Family) -> BlockCountError:
    """Say how many values there are, how many there may be, and which of these is nearest."""
    got, fits = len(vector.values), sorted(family.layouts)
    nearest = min(fits, key=lambda length: abs(length - got))
    return BlockCountError(
        "{got} values in {text!r}: {family} takes {lengths}, the nearest is {nearest}",
        text=vector.written or str(vector),
        position=vector.at,
        nearest=str(nearest),
        got=got,
        lengths=" / ".join(map(str, fits)),
        family=family.title,
    )


def no_fitting_length(term: PresetTerm, lengths: list[int], family: Family) -> BlockCountError:
    """Say in which lengths a preset exists, none of which the family knows."""
    return BlockCountError(
        "preset {text!r} exists with {got} values; {family} takes {lengths}",
        text=term.name,
        position=term.at,
        got=" / ".join(map(str, lengths)),
        lengths=" / ".join(map(str, sorted(family.layouts))),
        family=family.title,
    )


def inside_preset(term: PresetTerm, error: DirectiveError) -> DirectiveError:
    """Blame the preset the user named for a fault in what it holds."""
    template = "in preset {text!r}: {reason}"
    return DirectiveError(template, text=term.name, position=term.at, nearest=error.nearest, reason=error)
