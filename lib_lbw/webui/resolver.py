"""From a tag of the prompt to its weights: finds the LoRA's file, reads its header once, and looks presets up."""

from dataclasses import dataclass
from typing import Any

from lib_lbw.hosts.webui.entry import Entry
from lib_lbw.ui.door.desk import Desk
from lib_lbw.webui import host
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
        if not self._is_there(directive.name):
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

    def look_for(self, name: str) -> None:
        """Let the WebUI look into its folders for a LoRA that it does not know, or whose file is not where it was.

        It does so itself when it loads the LoRA: too late for the weights, and the tag would act as a plain one.
        """
        if not self._is_there(name):
            host.refresh_loras()

    def _is_there(self, name: str) -> bool:
        path = self.desk.loras().get(name)
        return path is not None and path.is_file()

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
