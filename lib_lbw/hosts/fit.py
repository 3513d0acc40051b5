"""What of a LoRA cannot act on a model: said, never silent."""

from collections.abc import Sequence

from lib_lbw.engine.plan import ScalePlan
from lib_lbw.hosts.deltas import Deltas
from lib_lbw.hosts.modules import Layers
from lib_lbw.weights.notice import Notice

_NAMED = 3
"""Modules that a sentence names before it only counts."""


def faults(plans: Sequence[ScalePlan], layers: Layers, deltas: Deltas) -> tuple[Notice, ...]:
    """Return a notice for every file of `plans` with modules that the model lacks or that have another shape.

    Shapes are looked at when a delta is first needed, so ask after the plans were applied.
    """
    notices: list[Notice] = []
    for lora in sorted({plan.lora for plan in plans}):
        file = deltas.file(lora)
        missing = [str(module.id) for module in file.modules if layers.find(module.id) is None]
        misfits = [f"{module} ({reason})" for module, reason in sorted(deltas.misfits(lora).items())]
        if missing:
            notices.append(_notice("{lora}: the model has no {modules}; that part has no effect.", file.name, missing))
        if misfits:
            notices.append(_notice("{lora}: these do not fit the model: {modules}.", file.name, misfits))
    return tuple(notices)


def _notice(template: str, lora: str, modules: Sequence[str]) -> Notice:
    """Fill a sentence with the first few of `modules` and the number of the rest."""
    named = ", ".join(modules[:_NAMED])
    more = len(modules) - _NAMED
    return Notice.of(template, lora=lora, modules=f"{named} and {more} more" if more > 0 else named)
