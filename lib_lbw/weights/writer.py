"""Applies the terms of a directive to a sheet, looking presets and blocks up as they come."""

from dataclasses import dataclass, field

from lib_lbw.blocks.family import Family, families
from lib_lbw.errors import DirectiveError
from lib_lbw.weights.complaints import inside_preset, no_fitting_length, unknown_preset, wrong_count
from lib_lbw.weights.draw import Draw
from lib_lbw.weights.element_presets import ElementBook, ElementSource
from lib_lbw.weights.faults import fault, placed
from lib_lbw.weights.notice import Notice
from lib_lbw.weights.presets import PresetBook
from lib_lbw.weights.sheet import Sheet
from lib_lbw.weights.targets import WHOLE, Part, check_element, select
from lib_lbw.weights.terms import AllTerm, PresetTerm, TargetTerm, Terms, Vector, Weights


@dataclass
class Writer:
    """Applies terms to a sheet."""

    family: Family
    presets: PresetBook
    draw: Draw
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sheet = Sheet(self.family)

    def apply(self, weights: Weights, within: tuple[str, ...] = ()) -> None:
        """Write weights; `within` are the presets being read, outermost first."""
        if isinstance(weights, Vector):
            return self._apply_vector(weights)
        for index, term in enumerate(weights.terms):
            if isinstance(term, AllTerm):
                self._apply_everywhere(term, first=index == 0)
            elif isinstance(term, TargetTerm):
                self._apply_target(term)
            else:
                self._apply_preset(term, within)
        return None

    def apply_elements(self, name: str, position: int, book: ElementBook) -> None:
        """Write the rules of an elemental preset, over everything."""
        rules = book.find(name)
        if not rules:
            raise unknown_preset(name, position, book, "{text!r} is no elemental preset")
        for rule in rules:
            try:
                selection = self._selection(rule)
            except DirectiveError as error:
                raise placed(error, name, position) from None
            self.sheet.write(selection, self.draw.number(rule.value, _place(rule)))

    def _apply_vector(self, vector: Vector) -> None:
        names = self.family.layouts.get(len(vector.values))
        if names is None:
            if not is_constant(vector):
                raise wrong_count(vector, self.family)
            return self.sheet.fill(self.draw.number(vector.values[0], "*"))
        numbers = [self.draw.number(value, name) for value, name in zip(vector.values, names, strict=True)]
        return self.sheet.write_vector([self.family.leaves(name) for name in names], numbers)

    def _apply_everywhere(self, term: AllTerm, *, first: bool) -> None:
        if not first:
            self.notices.append(
                Notice.of(
                    "{value} sets every block, whatever stands before it (a decimal is written with a point)",
                    value=term.value,
                )
            )
        self.sheet.fill(self.draw.number(term.value, "*"))

    def _apply_target(self, term: TargetTerm) -> None:
        selection = select(term.target, self.family)
        if not selection:
            self.notices.append(
                Notice.of("{target} has no module in {family}", target=term.target, family=self.family.title)
            )
        self.sheet.write(selection, self.draw.number(term.value, str(term.target)))

    def _apply_preset(self, term: PresetTerm, within: tuple[str, ...]) -> None:
        if term.name in within:
            raise fault("preset {text!r} is made of itself", term.name, term.at)
        found = self.presets.find(term.name)
        if not found:
            raise unknown_preset(term.name, term.at, self.presets, "{text!r} is neither a preset nor a number")
        chosen = self._fitting(term, found)
        try:
            self.apply(chosen, (*within, term.name))
        except DirectiveError as error:
            raise inside_preset(term, error) from None

    def _fitting(self, term: PresetTerm, found: tuple[Weights, ...]) -> Weights:
        """Choose the line of a preset: all blocks, else those with attention, else terms, else by block name."""
        by_length = {len(line.values): line for line in found if isinstance(line, Vector)}
        lengths = (self.family.full_length, self.family.attention_length)
        own: list[Weights] = [by_length[length] for length in lengths if length in by_length]
        own += [line for line in found if isinstance(line, Terms)]
        if own:
            return own[0]
        foreign = sorted(n for n, vector in by_length.items() if n in self.family.layouts or is_constant(vector))
        if not foreign:
            raise no_fitting_length(term, sorted(by_length), self.family)
        chosen = by_length[foreign[-1]]
        if not is_constant(chosen):
            self.notices.append(
                Notice.of(
                    "preset {preset} has {length} values, which is not a length of {family}: they go by block name",
                    preset=term.name,
                    length=foreign[-1],
                    family=self.family.title,
                )
            )
        return chosen

    def _selection(self, rule: ElementSource) -> dict[str, Part]:
        """Return what an elemental rule names: the leaves of its blocks, in each the same elements."""
        for element in rule.elements:
            check_element(element, self.family, 0)
        part = (tuple(sorted({element.casefold() for element in rule.elements})), rule.negated)
        if rule.blocks is None:
            return dict.fromkeys(self.family.blocks, part)
        selection = select(rule.blocks, self.family)
        if any(inside != WHOLE for inside in selection.values()):
            raise fault("{text!r} is no block", str(rule.blocks), 0)
        return dict.fromkeys(selection, part)


def is_constant(vector: Vector) -> bool:
    """Tell whether a vector means the same in every family: one value throughout, in a length that some family has."""
    known = {length for family in families() for length in family.layouts}
    return len(vector.values) in known and len(set(vector.values)) == 1 and vector.values[0].kind in ("number", "X")


def _place(rule: ElementSource) -> str:
    return f"{rule.blocks or ''}:{' '.join(rule.elements)}"
