"""Where the modules of LoRAs go in a checkpoint, and what a user should know of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from lib_lbw.blocks.module import ModuleId
from lib_lbw.merge.checkpoint.patching import Term, acts_on, misfit
from lib_lbw.merge.checkpoint.reading import Checkpoint
from lib_lbw.merge.parts import Part, collect
from lib_lbw.merge.sources import Opened
from lib_lbw.weights.notice import Notice

_ROLES = ("weight", "bias")
_EMA = "model_ema."
_NAMED = 5


class Found:
    """The terms of every tensor, and the modules that have no layer or another shape."""

    def __init__(self, checkpoint: Checkpoint, opened: Sequence[Opened]) -> None:
        self.terms: defaultdict[str, list[Term]] = defaultdict(list)
        self.missing: list[str] = []
        self.misfits: list[str] = []
        self._checkpoint = checkpoint
        self._opened = opened
        parts = [(part, id) for id, held in collect(opened).parts.items() for part in held]
        for part, id in sorted(parts, key=lambda each: each[0].source):
            for role in _ROLES:
                if acts_on(part.module, role):
                    self._place(part, id, role)

    def _place(self, part: Part, id: ModuleId, role: str) -> None:
        file = self._opened[part.source].file
        slot = self._checkpoint.slots.get((id, role))
        if slot is None:
            self.missing.append(f"{file.name}: {id}.{role}")
            return
        reason = misfit(part.module, slot)
        if reason is not None:
            self.misfits.append(f"{file.name}: {id} ({reason})")
            return
        self.terms[slot.tensor].append(Term(part, slot))


def placing_notices(checkpoint: Checkpoint, opened: Sequence[Opened], found: Found) -> Iterator[Notice]:
    """Give a sentence for what has no effect, for what depends on the order, and for what stays as it was."""
    for each in opened:
        yield from each.weights.notices
        if each.file.unknown_keys:
            yield Notice.of(
                "{lora}: left out {count:tensor|tensors} of no known module, as {first}.",
                **{"lora": each.file.name, "count": len(each.file.unknown_keys), "first": each.file.unknown_keys[0]},
            )
    if found.missing:
        yield Notice.of(
            "{path} has no such layer, so these have no effect: {modules}.",
            **{"path": checkpoint.path.name, "modules": some(found.missing)},
        )
    if found.misfits:
        yield Notice.of("these do not fit and are left out: {modules}.", modules=some(found.misfits))
    ordered = sum(_order_counts(held) for held in found.terms.values())
    if ordered:
        yield Notice.of(
            "{count:tensor gets|tensors get} DoRA, OFT or the like on top of another LoRA, or below it: the rows act "
            "in their order, each on what the rows before it have made.",
            count=ordered,
        )
    if any(name.startswith(_EMA) for name in checkpoint.header.tensors):
        yield Notice.of("{path} holds EMA weights; they stay as they were.", path=checkpoint.path.name)


def _order_counts(terms: Sequence[Term]) -> bool:
    """Whether a layer gets several terms of which one depends on the weight it finds."""
    layers: defaultdict[tuple[ModuleId, str], list[Term]] = defaultdict(list)
    for term in terms:
        layers[term.slot.module, term.slot.role].append(term)
    return any(len(held) > 1 and any(term.part.module.needs_base for term in held) for held in layers.values())


def some(names: Sequence[str]) -> str:
    """Return the first few of `names` and the number of the rest."""
    more = len(names) - _NAMED
    named = "; ".join(names[:_NAMED])
    return f"{named}; and {more} more" if more > 0 else named
