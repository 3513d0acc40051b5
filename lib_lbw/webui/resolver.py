"""From a tag of the prompt to its weights: finds the LoRA's file, reads its header once, and looks presets up."""

from dataclasses import dataclass
from typing import Any

from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.ui.door.desk import Desk
from lib_lbw.webui.overlay import Books, books, overlay_of
from lib_lbw.weights.directive import Directive
from lib_lbw.weights.resolve import resolve


@dataclass(frozen=True)
class Resolver:
    """Resolves tags with the presets and the LoRA files of `desk`."""

    desk: Desk

    def weigh(self, directive: Directive, known: Books, seed: int) -> Entry | None:
        """Return the weights of a directive, or None for a LoRA that is not there: the WebUI tells of that itself.

        Raises DirectiveError, LoraFileError, FamilyError.
        """
        if directive.name not in self.desk.loras():
            return None
        file = self.desk.file(directive.name)
        found = resolve(
            directive,
            file.family,
            presets=known.presets,
            elements=known.elements,
            seed=seed,
            present=tuple(file.blocks),
        )
        return Entry(directive.name, found, file.family)

    def books(self, job: Any) -> Books:
        """Return the presets that count for a job. Raises StoreError."""
        return books(self.desk.store, overlay_of(job))


def seed_of(job: Any) -> int:
    """Return the seed of the first picture of the batch that is drawn now: R and U are drawn from it."""
    for name in ("seeds", "all_seeds"):
        seeds = getattr(job, name, None)
        if seeds:
            return int(seeds[0])
    seed = getattr(job, "seed", 0)
    return int((seed[0] if isinstance(seed, list) else seed) or 0)
